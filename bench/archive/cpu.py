"""CPU that processes have used, as Linux counts it: beside neighbours the wall clock says what the machine had left,
CPU what the work takes."""

from __future__ import annotations

import os
from pathlib import Path

from pbx112.cdr.store import Connection

_TICK = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _CHILDREN = 1, (11, 12), (13, 14)  # after the name, which may hold anything


class ServerCpu:
    """A server on this machine, seen from one of its connections."""

    def __init__(self, backend: int) -> None:
        self._backend = backend

    @classmethod
    async def of(cls, connection: Connection) -> ServerCpu:
        """The one that serves `connection`."""
        return cls(await connection.fetchval("SELECT pg_backend_pid()"))

    def mine(self) -> float:
        """Seconds of the process that serves the connection."""
        return _seconds(self._backend, _OWN)

    def ended(self) -> float:
        """Seconds of all processes of the server that have ended: those that served others."""
        return _seconds(int(_stat(self._backend)[_PARENT]), _CHILDREN)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def _seconds(pid: int, fields: tuple[int, int]) -> float:
    stat = _stat(pid)
    return sum(int(stat[field]) for field in fields) / _TICK
