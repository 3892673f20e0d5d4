"""A cable between a client and Asterisk that can be cut, or go silent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Cable:
    """Forwards TCP from `url`, on `address` (and `port`, or one that is free), to `target`, Asterisk's URL."""

    def __init__(self, target: str, address: str, port: int = 0) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), parts.port)
        self._address, self._port = address, port
        self._lost: frozenset[str] = frozenset()
        self._deaf: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def open(self) -> None:
        """Begin to accept connections, on the same port as before where there was one."""
        self._server = await asyncio.start_server(
            self._accept, self._address, self._port, family=socket.AF_INET
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._address}:{self._port}"

    def silence(self) -> None:
        """From now on every byte is lost, and nobody is told."""
        self._lost = frozenset({"there", "back"})

    def silence_requests(self) -> None:
        """From now on every byte on the way there is lost."""
        self._lost = frozenset({"there"})

    def silence_answers(self) -> None:
        """From now on every byte on the way back is lost."""
        self._lost = frozenset({"back"})

    def silence_connections(self) -> None:
        """The connections that there are carry nothing any more, not even their end; new ones do."""
        self._deaf |= self._writers

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
                if way not in self._lost and sink not in self._deaf:
                    sink.write(data)
                    await sink.drain()
        if sink not in self._deaf:
            sink.close()
            self._writers.discard(sink)


@contextlib.asynccontextmanager
async def cable(target: str, address: str, port: int = 0) -> AsyncIterator[Cable]:
    """A cable that leads to `target`, gone at the end."""
    made = Cable(target, address, port)
    await made.open()
    try:
        yield made
    finally:
        await made.close()
