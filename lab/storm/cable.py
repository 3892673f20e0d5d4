"""The cable between the daemon and ARI, which can be cut: nothing passes any more, and nobody is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PIECE = 65536


class Cable:
    """Carries each connection until the next :meth:`cut`; connections made after it are carried again."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._cuts = 0
        self._ends: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """From now on nothing passes on the connections that are there; they stay open (no FIN, no RST)."""
        self._cuts += 1

    @asynccontextmanager
    async def at(self, address: str, port: int) -> AsyncIterator[None]:
        """While this is entered, `address`:`port` leads to the other end."""
        server = await asyncio.start_server(self._connected, address, port)
        try:
            yield
        finally:
            server.close()
            for task in self._ends:
                task.cancel()
            await asyncio.gather(*self._ends, return_exceptions=True)

    def _connected(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(here, back))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _carry(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, forth = await asyncio.open_connection(*self._to)
            cuts = self._cuts
            await asyncio.gather(self._one_way(here, forth, cuts), self._one_way(there, back, cuts))
        with contextlib.suppress(OSError):
            back.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cuts: int) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE):
                if self._cuts != cuts:
                    continue  # swallowed; an end is swallowed as well
                writer.write(piece)
                await writer.drain()
        if self._cuts == cuts:
            with contextlib.suppress(OSError):
                writer.close()
