"""Addresses: each party has one of its own in 127.0.0.0/8, so that Asterisk tells them apart as in the field."""

from __future__ import annotations

import itertools
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

SIP, ARI, AMI, AGI, POSTGRES, WATCH = 5060, 8088, 5038, 4573, 5432, 9112


@dataclass
class Network:
    """The addresses of one exchange, all below `prefix` (two numbers, like `127.112`).

    A phone keeps its address for as long as the exchange lives, also when the plan changes.
    """

    prefix: str = "127.112"
    _extensions: dict[str, str] = field(default_factory=dict)
    _trunks: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"127\.\d{1,3}", self.prefix) or int(self.prefix[4:]) > 255:
            raise ValueError(f"{self.prefix!r}: the lab lives on loopback; write the net as 127.112")

    @property
    def exchange(self) -> str:
        """Where Asterisk's SIP, ARI and AMI are, and Postgres."""
        return f"{self.prefix}.0.1"

    @property
    def incoming_trunk(self) -> str:
        """Where citizens' calls come from."""
        return f"{self.prefix}.1.1"

    def extension(self, number: str) -> str:
        """The address of the desk phone with this number."""
        if number not in self._extensions:
            block, host = divmod(len(self._extensions), 250)
            self._extensions[number] = f"{self.prefix}.{2 if block == 0 else 9 + block}.{host + 1}"
        return self._extensions[number]

    def trunk(self, endpoint: str) -> str:
        """The address of the gateway behind this PJSIP endpoint."""
        return self._trunks.setdefault(endpoint, f"{self.prefix}.3.{len(self._trunks) + 1}")


def is_free(prefix: str) -> bool:
    """Whether neither an exchange nor a part of one runs on this net."""
    return all(
        _can_bind(kind, (f"{prefix}.0.1", port))
        for kind, port in (
            (socket.SOCK_DGRAM, SIP),
            *((socket.SOCK_STREAM, port) for port in (ARI, AMI, POSTGRES)),
        )
    )


def _can_bind(kind: socket.SocketKind, where: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if (
            kind is socket.SOCK_STREAM
        ):  # connections that have ended are nobody; for UDP it would share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError:
            return False
    return True


_candidates = itertools.count(os.getpid())


def free_net() -> str:
    """A net of which nobody uses anything; another each time, and for each process, so that tests run side by side."""
    for number in itertools.islice(_candidates, 100):
        if is_free(prefix := f"127.{120 + number % 100}"):
            return prefix
    raise RuntimeError("no free net in 127.120.0.0 to 127.219.0.0")


_blocks = itertools.cycle(range(20_000, 32_000, 8))
"""Below the ports that the kernel gives away itself. A block for each: SIPp takes four for its media, in a row."""


def free_udp_ports(address: str) -> Iterator[int]:
    """Even port numbers that nobody uses on `address`, nor the three after each; for SIP and for RTP."""
    for port in _blocks:
        if all(_can_bind(socket.SOCK_DGRAM, (address, port + more)) for more in range(4)):
            yield port
