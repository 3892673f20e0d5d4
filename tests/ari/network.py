"""A stretch of network between the client and Asterisk that can be cut, or go silent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

ADDRESS = "127.114.0.9"


class Network:
    """Forwards TCP from `url` to Asterisk's."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), parts.port)
        self._lost: frozenset[str] = frozenset()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def open(self) -> None:
        """Begin to accept connections, on the same port as before where there was one."""
        port = urlsplit(self.url).port or 0 if self.url else 0
        self._server = await asyncio.start_server(self._accept, ADDRESS, port, family=socket.AF_INET)
        self.url = f"http://{ADDRESS}:{self._server.sockets[0].getsockname()[1]}"

    def silence(self) -> None:
        """From now on every byte is lost, and nobody is told."""
        self._lost = frozenset({"there", "back"})

    def silence_answers(self) -> None:
        """From now on every byte on the way back is lost."""
        self._lost = frozenset({"back"})

    def restore(self) -> None:
        """Everything arrives again."""
        self._lost = frozenset()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Refuse new connections and reset those there are."""
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, far_writer}
        for way, source, sink in (("there", reader, far_writer), ("back", far_reader, writer)):
            task = asyncio.create_task(self._forward(way, source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, way: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if way not in self._lost:
                    sink.write(data)
                    await sink.drain()
        sink.close()
        self._writers.discard(sink)


@contextlib.asynccontextmanager
async def network(target: str) -> AsyncIterator[Network]:
    """A network in front of `target`, gone at the end."""
    net = Network(target)
    await net.open()
    try:
        yield net
    finally:
        await net.close()
