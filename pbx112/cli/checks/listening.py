"""Who can reach a TCP port of this machine, as the kernel tells (`/proc/net/tcp`, `tcp6`; see proc(5))."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_LISTENS = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def is_near(host: str) -> bool:
    """Whether `host` means this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_to_others(port: int) -> tuple[str, ...]:
    """The addresses, other than loopback, on which somebody listens at `port`; sorted, empty where nobody does or
    where the system does not tell."""
    found = {address for each in _TABLES for address, number in _listeners(each) if number == port}
    return tuple(sorted(str(each) for each in found if not each.is_loopback))


def _listeners(table: Path) -> Iterator[tuple[IPv4Address | IPv6Address, int]]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, local, _, state, *_ = line.split()
        if state == _LISTENS:
            address, _, port = local.partition(":")
            yield _address(bytes.fromhex(address)), int(port, 16)


def _address(words: bytes) -> IPv4Address | IPv6Address:
    """The kernel prints 32-bit words in this machine's order of bytes."""
    step = -1 if sys.byteorder == "little" else 1
    packed = b"".join(words[start : start + 4][::step] for start in range(0, len(words), 4))
    address = ip_address(packed)
    return getattr(address, "ipv4_mapped", None) or address
