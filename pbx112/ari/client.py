"""The connection to Asterisk as one application: events in, requests out, again and again until told to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

import aiohttp
import structlog

from .errors import AriError, NotFound, NotSent, Rejected, Replaced, Unauthorized, error_for
from .events import ALL, ApplicationReplaced, Event, Malformed, RestResponse, UnknownEvent, decode
from .http_client import AriHttp
from .operations import Operations
from .settings import AriSettings
from .sparingly import Sparingly
from .transport import Answer, Request, Transport, WebSocketTransport
from .version import AsteriskInfo

log: structlog.stdlib.BoundLogger = structlog.get_logger("pbx112.ari")

Socket = aiohttp.ClientWebSocketResponse[Literal[False]]


class Handler(Protocol):
    """Who acts on what Asterisk says."""

    def on_event(self, event: Event) -> None:
        """Called for each event, in order. Must not block; what it raises is logged and goes no further."""

    async def on_connect(self, info: AsteriskInfo) -> None:
        """Called once the socket is up and the event filter set; events may come while it runs. If it raises,
        the connection is given up and tried again; if the connection is lost, it is cancelled."""

    def on_disconnect(self, reason: str) -> None:
        """Called once for each :meth:`on_connect`, when that connection has ended."""


@dataclass(slots=True)
class Counters:
    """What has passed since the client was made."""

    connections: int = 0
    events: int = 0
    malformed: int = 0
    handler_errors: int = 0
    late_answers: int = 0


class _Lost(Exception):
    """The connection has ended; the message says why."""


class AriClient(Operations):
    """One application's client.

    :meth:`run` keeps it connected; requests are possible while `connected` (from just before `on_connect` on) and
    raise `NotSent` otherwise. `events` are the types that the handler wants; Asterisk is told to send no others.
    """

    def __init__(
        self, settings: AriSettings, handler: Handler, *, events: Collection[type[Event]] = ALL
    ) -> None:
        self.settings = settings
        self.info: AsteriskInfo | None = None
        self.trouble = "not started"
        """Why it is not connected, for people; empty while it is."""
        self.counters = Counters()
        self._handler = handler
        self._events = frozenset(events)
        self._transport: Transport | None = None
        self._http = AriHttp(settings)
        self._in_flight = 0
        self._welcomed = False
        self._complaints = Sparingly(log)

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return self._transport is not None

    async def _send(self, request: Request, *, apart: bool = False) -> Answer:
        transport = self._transport
        if transport is None:
            raise NotSent(request.method, request.path, f"not connected to Asterisk: {self.trouble}")
        if self._in_flight >= self.settings.max_in_flight:
            raise NotSent(request.method, request.path, "too many requests are waiting for Asterisk")
        self._in_flight += 1
        try:
            # An answer of megabytes on the socket would hold up the events behind it, or break it; and Asterisk serves
            # the requests of one socket one by one, also when one of them is never answered.
            return await (self._http.transport if apart else transport).send(request)
        finally:
            self._in_flight -= 1

    async def run(self) -> NoReturn:
        """Connect, dispatch events, reconnect; until cancelled.

        A wrong password is reported and tried again slowly, since an administrator may mend it. Raises
        :class:`Replaced` when another client takes over the application's name: this one must not act any more.
        """
        settings = self.settings
        clock = asyncio.get_running_loop().time
        pause = settings.retry_first
        while True:
            began = clock()
            try:
                async with (
                    self._http
                ):  # anew each time: where one connection died in silence, so did the others
                    await self._connection()
            except (_Lost, AriError, OSError) as error:  # OSError: the CA file is being replaced
                self.trouble = self._explain(error)
                refused = isinstance(error, Unauthorized)
            if clock() - began >= settings.stable_after:
                pause = settings.retry_first
            wait = settings.unauthorized_pause if refused else pause
            self._complaints.warning("ari_not_connected", reason=self.trouble, next_try_within=wait)
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 (only spreads reconnects)
            pause = min(pause * 2, settings.retry_most)

    async def _connection(self) -> NoReturn:
        """One connection from its beginning to its end, which it always raises."""
        info = await self._http.asterisk_info()
        self.info = info
        reason = "stopped"
        async with await self._open_socket() as socket:
            websocket = WebSocketTransport(socket, self.settings.request_timeout, self._http.transport)
            reader = asyncio.create_task(self._read(socket, websocket))
            welcome = asyncio.create_task(self._welcome(info, websocket))
            try:
                await asyncio.wait((reader, welcome), return_when=asyncio.FIRST_EXCEPTION)
                for task in (reader, welcome):
                    if task.done():
                        task.result()
                raise AssertionError("the reader ended without a reason")
            except (_Lost, AriError, Replaced) as error:
                reason = self._explain(error)
                raise
            finally:
                self._transport = None
                self.trouble = reason
                websocket.lost()
                reader.cancel()
                welcome.cancel()
                await asyncio.gather(reader, welcome, return_exceptions=True)
                self._farewell(reason)

    async def _open_socket(self) -> Socket:
        settings = self.settings
        try:
            return await self._http.session.ws_connect(
                f"{settings.base}/events",
                params={"app": settings.app},
                heartbeat=settings.heartbeat,
                timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
                decode_text=False,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise error_for("GET", "events", error.status, error.message, b"") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _Lost(f"cannot open the event socket: {error or type(error).__name__}") from None

    async def _read(self, socket: Socket, websocket: WebSocketTransport) -> NoReturn:
        """Decode and hand on, nothing else: Asterisk drops a reader that makes it wait for 100 ms."""
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data, websocket)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._malformed("a binary frame")
            elif message.type is aiohttp.WSMsgType.CLOSE:
                raise _Lost(f"Asterisk closed the connection ({message.data})")
            else:
                raise _Lost(f"the connection broke: {socket.exception() or 'closed without a word'}")

    def _take(self, data: bytes, websocket: WebSocketTransport) -> None:
        try:
            message = decode(data)
        except Malformed as error:
            self._malformed(str(error)[:200])
            return
        if isinstance(message, RestResponse):
            if not websocket.answered(message):
                self.counters.late_answers += 1
            return
        if isinstance(message, ApplicationReplaced):
            raise Replaced(self.settings.app)
        if type(message) not in self._events:
            return  # sent before the filter was set
        self.counters.events += 1
        try:
            self._handler.on_event(message)
        except Exception:
            self.counters.handler_errors += 1
            self._complaints.warning("ari_event_handler_failed", type=type(message).__name__, exc_info=True)

    def _malformed(self, why: str) -> None:
        self.counters.malformed += 1
        self._complaints.warning("ari_malformed_message", why=why)

    async def _welcome(self, info: AsteriskInfo, websocket: WebSocketTransport) -> None:
        await self._set_event_filter()
        choice = self.settings.transport
        over_websocket = info.rest_over_websocket if choice == "auto" else choice == "websocket"
        self._transport = websocket if over_websocket else self._http.transport
        self.trouble = ""
        self.counters.connections += 1
        self._welcomed = True
        log.info("ari_connected", asterisk=info.text, requests="websocket" if over_websocket else "http")
        for warning in info.warnings:
            log.warning("asterisk_release", warning=warning)
        try:
            await self._handler.on_connect(info)
        except AriError as error:
            raise _Lost(f"taking up the calls failed: {error}") from error
        except Exception as error:
            self._complaints.warning("ari_connect_handler_failed", exc_info=True)
            raise _Lost(f"taking up the calls failed: {error!r}") from error

    def _farewell(self, reason: str) -> None:
        if not self._welcomed:
            return
        self._welcomed = False
        log.info("ari_disconnected", reason=reason)
        try:
            self._handler.on_disconnect(reason)
        except Exception:
            self.counters.handler_errors += 1
            self._complaints.warning("ari_disconnect_handler_failed", exc_info=True)

    async def _set_event_filter(self) -> None:
        """Tell Asterisk what to send. An earlier client's filter is still in force, so there is always one to
        set; without `RESTResponse` in it the answers to requests over the socket would be filtered out too."""
        names = {kind.__name__ for kind in self._events}
        if UnknownEvent in self._events:
            names = set()
        else:
            names |= {"ApplicationReplaced", "RESTResponse"}
        wanted = {"allowed": [{"type": name} for name in sorted(names)], "disallowed": []}
        try:
            await self._http.request("PUT", ("applications", self.settings.app, "eventFilter"), body=wanted)
        except (NotFound, Rejected) as error:
            log.warning("ari_no_event_filter", why=str(error))  # Asterisk before 16.3: we filter alone

    def _explain(self, error: Exception) -> str:
        """The end of a connection in an administrator's words, with the remedy where it is theirs."""
        if isinstance(error, Unauthorized):
            return (
                f"Asterisk refuses the ARI user {self.settings.user!r}: compare user and password with"
                " Asterisk's ari.conf, and see that the user is not read_only"
            )
        if isinstance(error, NotFound):
            return (
                f"no ARI under {self.settings.base}: set enabled=yes in Asterisk's ari.conf and http.conf,"
                " and see that res_ari is loaded"
            )
        if isinstance(error, OSError) and self.settings.ca is not None:
            why = error.strerror or "it holds no certificate (PEM)"
            return f"ARI's CA file {self.settings.ca}: {why}"
        return str(error)
