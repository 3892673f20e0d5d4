"""The wallboard's page and its stream (server-sent events), behind a password. It takes nothing but that password."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from importlib.resources import files
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from pbx112.settings import Settings
from pbx112.tasks import keep_running
from pbx112.web import Bounded, answer, serving

from .login import SESSION, WITHIN, Door, TooMany, asker
from .source import Source

log = structlog.get_logger()

MOST, LONGEST = 100, 20.0
"""Connections at once; seconds of each, but for the streams."""
STREAMS = 40
"""Screens at once."""
STREAM_FOR = 3600.0
"""Seconds after which a screen connects anew, by itself, and its session is looked at again."""
WRITE_WITHIN = 10.0
"""Seconds in which a screen has to take a picture."""
LONGEST_FORM = 1024
"""Bytes."""
COOKIE = "pbx112_wallboard"

PAGE = files("pbx112.wallboard") / "page"
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


async def serve(settings: Settings, password: str) -> None:
    """Serve until cancelled. Raises :class:`OSError` where the address cannot be used."""
    source = Source(settings)
    board = Wallboard(source, Door(password))
    async with serving(
        board.answer, settings.wallboard_host, settings.wallboard_port, most=MOST, longest=LONGEST
    ) as server:
        board.server = server
        where = f"{settings.wallboard_host}:{settings.wallboard_port}"
        log.info("the wallboard is served", action="wallboard", address=where)
        async with asyncio.TaskGroup() as parts:
            parts.create_task(keep_running("the journal", source.follow))
            parts.create_task(keep_running("Asterisk's lines", source.ask))


class Wallboard:
    """Answers requests."""

    def __init__(self, source: Source, door: Door) -> None:
        self._source = source
        self._door = door
        self._streams = 0
        self._locked_told = -WITHIN
        self._files = {
            name: ((PAGE / name).read_bytes(), TYPES[name.rpartition(".")[2]])
            for name in ("board.html", "login.html", "board.css", "board.js")
        }
        login, kind = self._files["login.html"]
        self._files["wrong.html"] = (login.replace(b" hidden", b""), kind)
        self.server: Bounded | None = None

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        if inside := self._door.knows(request.cookies.get(COOKIE, "")):
            self._door.welcome(_asker(request))
        match (request.method, request.path):
            case ("GET", "/"):
                return self._file("board.html") if inside else _away("/login")
            case ("GET", "/login"):
                return self._file("wrong.html" if request.query_string == "wrong" else "login.html")
            case ("GET", "/board.css" | "/board.js"):
                return self._file(request.path[1:])
            case ("POST", "/login"):
                return await self._log_in(request)
            case ("POST", "/logout"):
                left = _away("/login")
                if inside:  # a form on another site comes without the session (SameSite), and takes none away
                    left.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
                return left
            case ("GET", "/picture" | "/events") if not inside:
                return answer("log in first\n", status=401)
            case ("GET", "/picture"):
                return answer(self._source.picture or b"{}", "application/json")
            case ("GET", "/events"):
                return await self._stream(request)
            case _:
                return answer("nothing here\n", status=404)

    def _file(self, name: str, status: int = 200) -> web.Response:
        body, kind = self._files[name]
        return answer(body, kind, status, Content_Security_Policy=POLICY)

    async def _log_in(self, request: web.BaseRequest) -> web.Response:
        try:
            form = await request.content.readexactly(min(request.content_length or 0, LONGEST_FORM))
            given = parse_qs(form.decode(), max_num_fields=3).get("password", [""])[0]
        except (ValueError, asyncio.IncompleteReadError):
            given = ""
        try:
            session = self._door.knock(given, _asker(request))
        except TooMany as error:
            # Once in a while: who guesses without end would push all else out of the log.
            if time.monotonic() - self._locked_told > WITHIN:
                self._locked_told = time.monotonic()
                log.warning("too many wrong passwords for the wallboard", action="wallboard_locked")
            return answer("too many wrong passwords\n", status=429, Retry_After=str(int(error.wait) + 1))
        if session is None:
            log.warning(
                "a wrong password for the wallboard", action="wallboard_refused", peer=_asker(request)
            )
            return _away("/login?wrong")
        inside = _away("/")
        inside.set_cookie(
            COOKIE,
            session,
            max_age=SESSION,
            httponly=True,
            samesite="Strict",
            path="/",
            secure=request.headers.get("X-Forwarded-Proto") == "https",
        )
        return inside

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._streams >= STREAMS:
            return answer("too many screens\n", status=503, Retry_After="10")
        stream = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            }
        )
        if self.server is not None:
            self.server.keep(request.protocol)
        self._streams += 1
        try:
            async with asyncio.timeout(STREAM_FOR):
                await self._write(stream, request)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()  # the screen comes back by itself
        finally:
            self._streams -= 1
        return stream

    async def _write(self, stream: web.StreamResponse, request: web.BaseRequest) -> None:
        await stream.prepare(request)
        await stream.write(b"retry: 1500\n\n")
        while True:
            picture = self._source.fresh
            async with asyncio.timeout(
                WRITE_WITHIN
            ):  # without one, a word that no page sees: who is gone is noticed
                await stream.write(b"data: " + picture + b"\n\n" if picture else b":\n\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITE_WITHIN):
                    await self._source.next()


def _asker(request: web.BaseRequest) -> str:
    return asker(request.remote or "", request.headers.getall("X-Forwarded-For", []))


def _away(to: str) -> web.Response:
    return answer("", status=303, Location=to)
