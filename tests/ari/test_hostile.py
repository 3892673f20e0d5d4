"""A peer that speaks garbage in Asterisk's place: the client stays sane and says what it saw."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from pbx112.ari import AriClient, AriError, AriHttp, AriSettings, NotFound, OutcomeUnknown, ServerError
from pbx112.ari.events import ChannelStateChange, StasisEnd
from pbx112.ari.transport import WebSocketTransport

from .conftest import Listener, connected, running

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]
Rest = Callable[[web.Request], web.StreamResponse]

GOOD = json.dumps({"type": "ChannelStateChange", "channel": {"id": "1", "state": "Up"}})


@contextlib.asynccontextmanager
async def impostor(
    talk: Talk, rest: Rest | None = None, info: Rest | None = None
) -> AsyncIterator[AriSettings]:
    """A server that does as Asterisk until the socket is up, then talks as it likes."""

    async def events(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await talk(socket)
        return socket

    async def anything(request: web.Request) -> web.StreamResponse:
        if request.path == "/ari/asterisk/info":
            return info(request) if info else web.json_response({"system": {"version": "22.10.1"}})
        if request.path.endswith("/eventFilter"):
            return web.json_response({})
        return rest(request) if rest else web.json_response({"message": "Channel not found"}, status=404)

    server = web.Application()
    server.router.add_get("/ari/events", events)
    server.router.add_route("*", "/{path:.*}", anything)
    runner = web.AppRunner(server, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.114.0.8", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield AriSettings(f"http://127.114.0.8:{port}", "user", "password", "app", request_timeout=2.0)
    finally:
        await runner.cleanup()


async def listen(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def test_garbage_is_counted_and_what_follows_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    garbage = ["", "nonsense", "[]", "{}", "[" * 50_000, '{"type":"StasisStart"}', '{"type":7}'] * 10

    async def talk(socket: web.WebSocketResponse) -> None:
        for piece in garbage:
            await socket.send_str(piece)
        await socket.send_bytes(b"\0\1\2")
        await socket.send_str(GOOD)
        await listen(socket)

    async with impostor(talk) as settings, connected(settings) as (ari, listener):
        await listener.event(ChannelStateChange)
        assert ari.counters.malformed == len(garbage) + 1
        assert listener.disconnects == []
    assert capsys.readouterr().out.count("ari_malformed_message") <= 5


@pytest.mark.parametrize("fault", ["not unicode", "five megabytes", "a reset", "a close", "a broken frame"])
async def test_after_a_broken_socket_there_is_a_new_one(fault: str) -> None:
    attempts = itertools.count()

    async def talk(socket: web.WebSocketResponse) -> None:
        if next(attempts) == 0:
            match fault:
                case "not unicode":
                    await socket.send_frame(b"\xff\xfe{}", web.WSMsgType.TEXT)
                case "five megabytes":
                    await socket.send_str("x" * 5_000_000)
                case "a reset":
                    assert socket._req is not None and socket._req.transport is not None
                    socket._req.transport.abort()
                case "a close":
                    await socket.close(code=1011)
                case "a broken frame":
                    assert socket._req is not None and socket._req.transport is not None
                    socket._req.transport.write(b"\xff\xff\xff\xff\xff")
        await socket.send_str(GOOD)
        await listen(socket)

    async with impostor(talk) as settings, connected(settings) as (ari, listener):
        await listener.event(ChannelStateChange)
        assert ari.connected or listener.disconnects


async def test_answers_that_nobody_asked_for_change_nothing() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        async for message in socket:
            request = json.loads(message.data)
            wrong = {"type": "RESTResponse", "request_id": "no such", "status_code": 200}
            right = wrong | {"request_id": request["request_id"], "status_code": 404}
            for answer in (wrong, wrong | {"request_id": ""}, {"type": "RESTResponse"}, right, right):
                await socket.send_str(json.dumps(answer))

    async with impostor(talk) as settings, connected(settings) as (ari, listener):
        for _ in range(2):
            with pytest.raises(NotFound):
                await ari.channel("1")
        assert ari.counters.late_answers >= 5
        assert listener.disconnects == []


async def test_events_that_we_did_not_ask_for_are_not_handed_on() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_str(GOOD)
        await socket.send_str('{"type":"EarthquakeFelt"}')
        await socket.send_str(json.dumps({"type": "StasisEnd", "channel": {"id": "1"}}))
        await listen(socket)

    async with impostor(talk) as settings, connected(settings, events={StasisEnd}) as (_, listener):
        await listener.event(StasisEnd)
    assert len(listener.events) == 1


async def test_long_listings_do_not_travel_on_the_socket_of_the_events() -> None:
    channels = [{"id": str(number)} for number in range(50_000)]
    async with (
        impostor(listen, lambda _: web.json_response(channels)) as settings,
        connected(dataclasses.replace(settings, transport="websocket")) as (ari, _),
    ):
        assert len(await ari.channels()) == len(channels)


async def test_a_refused_password_is_not_tried_again_and_again() -> None:
    attempts = itertools.count()

    def refuse(_: web.Request) -> web.StreamResponse:
        next(attempts)
        return web.json_response({"message": "Authentication required"}, status=401)

    async with impostor(listen, refuse, info=refuse) as settings:
        client = AriClient(dataclasses.replace(settings, retry_first=0.01, retry_most=0.01), Listener())
        async with running(client):
            async with asyncio.timeout(5):
                while "ari.conf" not in client.trouble:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)  # time for twenty attempts, if it made them
    assert next(attempts) == 1


async def test_a_request_is_not_led_elsewhere() -> None:
    def lead_away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/ari/asterisk/info")

    async with impostor(listen, lead_away) as settings, AriHttp(settings) as ari:
        with pytest.raises(ServerError) as caught:
            await ari.channel("1")
    assert caught.value.status == 302


async def test_requests_that_nobody_answers_leave_nothing_behind() -> None:
    async with (
        impostor(listen) as settings,
        connected(dataclasses.replace(settings, request_timeout=0.1)) as (ari, _),
    ):
        with pytest.raises(OutcomeUnknown):
            await ari.channel("1")
        assert isinstance(ari._transport, WebSocketTransport)
        assert ari._transport._waiting == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"name":"no id"}', b"[" * 50_000, b"<html>"])
async def test_an_answer_that_cannot_be_read_is_the_servers_error(body: bytes) -> None:
    async with impostor(listen, lambda _: web.Response(body=body)) as settings, AriHttp(settings) as ari:
        with pytest.raises(ServerError, match="cannot be read"):
            await ari.channel("1")


@pytest.mark.parametrize("status", [302, 400, 404, 418, 500, 503])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"\xff\xfe", b'{"message":7}', b'{"message":"' + b"x" * 9999]
)
async def test_every_refusal_is_an_error_of_ours(status: int, body: bytes) -> None:
    answer = web.Response(status=status, body=body)
    async with impostor(listen, lambda _: answer) as settings, AriHttp(settings) as ari:
        with pytest.raises(AriError) as caught:
            await ari.channel("1")
    assert caught.value.status == status
    assert len(str(caught.value)) < 400


async def test_a_peer_that_speaks_no_http_leaves_the_outcome_unknown() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail ready\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.114.0.8", 0)
    port = server.sockets[0].getsockname()[1]
    async with AriHttp(AriSettings(f"http://127.114.0.8:{port}", "user", "password", "app")) as ari:
        with pytest.raises(OutcomeUnknown):
            await ari.originate("PJSIP/2101", channel_id="1", app_args="", timeout=5)
    server.close()


async def test_pauses_grow_until_a_connection_has_been_stable() -> None:
    attempts: list[float] = []

    async def talk(socket: web.WebSocketResponse) -> None:
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) == 6:
            await asyncio.sleep(0.5)  # longer than `stable_after`

    async with impostor(talk) as settings:
        settings = dataclasses.replace(settings, retry_first=0.02, retry_most=10.0, stable_after=0.4)
        listener = Listener()
        async with running(AriClient(settings, listener)), asyncio.timeout(10):
            while len(attempts) < 7:
                await asyncio.sleep(0.01)
    gaps = [after - before for before, after in itertools.pairwise(attempts)]
    assert gaps[4] >= 0.16 > gaps[0]
    assert gaps[5] < 0.5 + 0.32
