"""How a request reaches Asterisk: over HTTP, or over the WebSocket that the events come on.

Both say the same: an :class:`Answer` with Asterisk's status and body, or `NotSent`, or `OutcomeUnknown`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from .errors import NotSent, OutcomeUnknown, Rejected
from .events import RestResponse
from .settings import AriSettings

Query = Mapping[str, str | int | bool]

_encode = msgspec.json.Encoder().encode

LARGEST_FRAME = 32_000
"""Asterisk closes the socket on a frame of 64 KiB; what is larger than this goes over HTTP, where it is refused
alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, encoded: `path` for people (and errors), `target` with the query for the wire."""

    method: str
    path: str
    target: str
    body: bytes | None


class Answer(NamedTuple):
    """What Asterisk said."""

    status: int
    reason: str
    body: bytes | str


class Transport(Protocol):
    """A way to Asterisk and back."""

    async def send(self, request: Request) -> Answer:
        """Send and await the answer. Raises `NotSent` or `OutcomeUnknown` where there is none."""


def build_request(method: str, path: Sequence[str], query: Query | None, body: object | None) -> Request:
    """Encode a request. Each segment of `path` is encoded on its own, so none can reach another resource.

    Raises :class:`Rejected` where a segment or value cannot be sent (empty, `..`, not Unicode).
    """
    readable = "/".join(path)
    try:
        if any(segment in ("", ".", "..") for segment in path):
            raise Rejected(method, ascii(readable), "an id must not be empty, '.' or '..'")
        target = "/".join([quote(segment, safe="") for segment in path])
        if query:
            target += "?" + urlencode({name: _text(value) for name, value in query.items()}, quote_via=quote)
        return Request(method, readable, target, None if body is None else _encode(body))
    except UnicodeError:
        raise Rejected(method, ascii(readable), "contains characters that are not Unicode") from None


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def new_session(settings: AriSettings) -> aiohttp.ClientSession:
    """One session for requests and events. Idle connections are dropped before Asterisk does so after 15 s, so
    that no request is written into a connection that is being closed."""
    return aiohttp.ClientSession(
        headers={"Authorization": aiohttp.encode_basic_auth(settings.user, settings.password)},
        connector=aiohttp.TCPConnector(
            limit=settings.http_connections, keepalive_timeout=10, ssl=settings.tls() or True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=settings.request_timeout, connect=settings.request_timeout / 2),
    )


class HttpTransport:
    """Requests over HTTP with keep-alive."""

    def __init__(self, session: aiohttp.ClientSession, settings: AriSettings) -> None:
        self._session = session
        self._base = settings.base + "/"

    async def send(self, request: Request) -> Answer:
        """See :class:`Transport`."""
        try:
            async with self._session.request(
                request.method,
                URL(self._base + request.target, encoded=True),
                data=request.body,
                headers=_JSON if request.body is not None else None,
                allow_redirects=False,
            ) as response:
                return Answer(response.status, response.reason or "", await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(request.method, request.path, f"cannot connect: {error}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise OutcomeUnknown(request.method, request.path, f"no answer: {why}") from None


_JSON = {"Content-Type": "application/json"}


class _RestRequest(msgspec.Struct, frozen=True, tag_field="type", tag="RESTRequest", omit_defaults=True):
    request_id: str
    method: str
    uri: str
    content_type: str = ""
    message_body: str = ""


class WebSocketTransport:
    """Requests over the events' WebSocket (Asterisk 20.14, 22.4 and newer).

    They are on the wire in the order of the calls, without waiting for each other; Asterisk answers one by one.
    """

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse[bool], timeout: float, large: HttpTransport
    ) -> None:
        self._socket = socket
        self._timeout = timeout
        self._large = large
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Answer | None]] = {}

    async def send(self, request: Request) -> Answer:
        """See :class:`Transport`."""
        request_id = str(next(self._ids))
        message = _RestRequest(request_id, request.method, request.target)
        if request.body is not None:
            message = _RestRequest(
                request_id, request.method, request.target, "application/json", request.body.decode()
            )
        frame = _encode(message)
        if len(frame) > LARGEST_FRAME:
            return await self._large.send(request)
        if self._socket.closed:
            raise NotSent(request.method, request.path, "not connected")
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = waiter
        try:
            async with asyncio.timeout(self._timeout):
                await self._socket.send_frame(frame, aiohttp.WSMsgType.TEXT)
                answer: Answer | None = await waiter
        except TimeoutError:
            raise OutcomeUnknown(
                request.method, request.path, f"no answer within {self._timeout:g} s"
            ) from None
        except (aiohttp.ClientError, OSError):
            answer = None
        finally:
            del self._waiting[request_id]
        if answer is None:
            raise OutcomeUnknown(request.method, request.path, "the connection was lost before the answer")
        return answer

    def answered(self, response: RestResponse) -> bool:
        """Hand an answer to whoever waits for it; False where nobody does (any more)."""
        waiter = self._waiting.get(response.request_id)
        if waiter is None or waiter.done():
            return False
        waiter.set_result(Answer(response.status_code, response.reason_phrase, response.message_body))
        return True

    def lost(self) -> None:
        """The socket is gone: nobody needs to wait any longer."""
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_result(None)
