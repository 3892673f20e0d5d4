"""The server for health and metrics against clients that mean no good."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from lab.network import free_net
from lab.processes import eventually
from pbx112.watch import WatchServer
from pbx112.watch.server import PACE
from pbx112.web import answer, serving

PORT = 9112


@pytest.fixture
def host() -> str:
    return f"{free_net()}.0.1"


async def say(host: str, words: bytes) -> bytes:
    """What comes back until the other side closes."""
    reader, writer = await asyncio.open_connection(host, PORT)
    writer.write(words)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def get(host: str, path: str, method: str = "GET") -> bytes:
    return await say(host, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


@pytest.fixture
async def watch(host: str) -> AsyncIterator[WatchServer]:
    server = WatchServer(CollectorRegistry(), lambda: "process 7")
    running = asyncio.create_task(server.run(host, PORT))
    while True:
        try:
            _, writer = await asyncio.open_connection(host, PORT)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            break
    yield server
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_standby_says_that_it_is_one(host: str, watch: WatchServer) -> None:
    head, _, body = (await get(host, "/healthz")).partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert json.loads(body) == {"status": "ok", "role": "standby", "waits_for": "process 7"}
    assert b"pbx112_serving 0.0" in await get(host, "/metrics")


async def test_lines_of_the_log_are_counted(host: str, watch: WatchServer) -> None:
    watch.count_line("error", "alarm")
    said = await get(host, "/metrics")
    assert b'pbx112_log_lines_total{action="alarm",level="error"} 1.0' in said


async def test_nothing_but_looking(host: str, watch: WatchServer) -> None:
    assert b" 405 " in await get(host, "/metrics", "POST")
    assert b" 404 " in await get(host, "/../etc/passwd")
    assert b" 400 " in await say(host, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert b" 400 " in await say(host, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET /[\xff HTTP/1.1\r\n\r\n",
        b"EHLO x\r\n\r\n",
        b"GET / HTTP/1.1\r\nx\r\n\r\n",
    ],
)
async def test_a_port_scan_is_no_error_of_ours(
    host: str, watch: WatchServer, words: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Each line at level error is an alert (`Pbx112Errors`)."""
    assert b" 400 " in await say(host, words)
    assert caplog.records == []


async def test_only_one_page_a_second_is_worked_out(
    host: str, watch: WatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await get(host, "/metrics")
    watch.count_line("error", "alarm")
    assert (await get(host, "/metrics")).partition(b"\r\n\r\n")[2] == before.partition(b"\r\n\r\n")[2]
    monkeypatch.setattr("pbx112.watch.server.ANEW", 0.0)
    assert b'action="alarm"' in await get(host, "/metrics")


async def test_who_asks_without_end_costs_the_calls_little(host: str, watch: WatchServer) -> None:
    """Sixteen such clients took three quarters of the daemon's time."""
    once = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    began = time.monotonic()
    answers = await say(host, (once + b"\r\n") * 9 + once + b"Connection: close\r\n\r\n")
    assert answers.count(b" 200 OK") == 10
    assert time.monotonic() - began >= 10 * PACE


async def test_who_never_ends_asking_and_who_is_too_many_is_cut(host: str) -> None:
    async def serve(_: web.BaseRequest) -> web.StreamResponse:
        return answer("here")

    async def trickles(writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():  # always a little more of the request, and never its end
                writer.write(b"X")
                await asyncio.sleep(0.02)

    async with serving(serve, host, PORT, most=3, longest=0.5):
        slow = [await asyncio.open_connection(host, PORT) for _ in range(3)]
        for _, writer in slow:
            writer.write(b"GET /healthz HTTP/1.1\r\nA: ")
        trickling = [asyncio.create_task(trickles(writer)) for _, writer in slow]
        assert await get(host, "/") == b""
        for reader, _ in slow:
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
        assert b"here" in await get(host, "/")
        for task, (_, writer) in zip(trickling, slow, strict=True):
            task.cancel()
            writer.close()


async def test_who_asks_and_does_not_take_the_answer_is_cut(host: str) -> None:
    async def serve(_: web.BaseRequest) -> web.StreamResponse:
        return answer(b"x" * 20_000_000)

    async with serving(serve, host, PORT, most=3, longest=0.5) as server:
        _, writer = await asyncio.open_connection(host, PORT, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: len(server.connections) == 1, 5)
        await eventually(lambda: len(server.connections) == 0, 5)
        writer.close()
