"""Tells the service manager how we are (sd_notify(3)): ready, still alive, what we do.

The protocol is one datagram to the socket named in `NOTIFY_SOCKET`; nothing is sent where there is none.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*facts: str) -> None:
    """Send assignments such as `READY=1` or `STATUS=…`. Never waits, never raises: a manager that does not listen
    is no reason to fail."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out,
    ):
        out.sendto("\n".join(facts).encode(), address)
