"""A small HTTP server on which nobody can lean: so many connections at once, each for so long, then it is cut.

aiohttp's low-level server, without routes of its own: who serves gives one function. What is asked for comes from a
network and may be hostile; a connection that is slow to ask, or slow to read, costs its own time alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer carries unless it says otherwise."""


_log = logging.getLogger(__name__)


def _ours(record: logging.LogRecord) -> bool:
    """Whether a line is about us. That a stranger speaks no HTTP is no error of ours, else each port scan would be a
    traceback in the log and an alert."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log.addFilter(_ours)


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Bounded(web.Server):
    """At most `most` connections, each of at most `longest` seconds unless :meth:`keep` frees it of that."""

    def __init__(self, handler: Handler, most: int, longest: float) -> None:
        super().__init__(
            handler,
            logger=_log,
            access_log=None,
            max_line_size=2048,
            max_field_size=4096,
            max_headers=64,
            keepalive_timeout=longest,
            lingering_time=1.0,
            auto_decompress=False,
        )
        self._most = most
        self._longest = longest
        self._cuts: dict[RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> RequestHandler:
        """What speaks with a new connection."""
        if len(self._connections) >= self._most:
            return _Refused()  # type: ignore[return-value]  # the loop wants a protocol, and that it is
        return super().__call__()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """A connection begins; its time runs."""
        super().connection_made(handler, transport)
        self._cuts[handler] = self._loop.call_later(self._longest, transport.abort)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """A connection is over."""
        self.keep(handler)
        super().connection_lost(handler, exc)

    def keep(self, handler: RequestHandler) -> None:
        """This connection may last."""
        if (cut := self._cuts.pop(handler, None)) is not None:
            cut.cancel()


@asynccontextmanager
async def serving(
    handler: Handler, host: str, port: int, *, most: int, longest: float
) -> AsyncIterator[Bounded]:
    """Serve at this address while in the context. Raises :class:`OSError` where it cannot be used."""
    server = Bounded(handler, most, longest)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=most).start()
        yield server
    finally:
        await runner.cleanup()


def answer(
    body: str | bytes, content_type: str = "text/plain; charset=utf-8", status: int = 200, **headers: str
) -> web.Response:
    """An answer with the headers that all carry; `headers` are further ones (`_` for `-`)."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body.encode() if isinstance(body, str) else body
    return web.Response(body=data, status=status, headers=HEADERS | {"Content-Type": content_type} | more)
