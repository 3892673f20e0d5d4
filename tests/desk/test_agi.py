"""The FastAGI server beside clients that Asterisk is not: real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pbx112.desk import agi
from pbx112.desk.agi import LONGEST_REQUEST, MOST, DeskApplication, DeskRequest, Gone

REQUEST = b"agi_network_script: desk\nagi_uniqueid: lab-1.1\n\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(
    serve: Callable[[DeskRequest], Awaitable[None]],
) -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    """A server, and how to reach it."""
    application = DeskApplication("desk", serve)
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0, limit=LONGEST_REQUEST)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield lambda: asyncio.open_connection("127.0.0.1", port)


async def one_word(request: DeskRequest) -> None:
    await request.send_command("EXEC Playback pbx112/desk_in")


async def is_served(connect: Callable[[], Awaitable[Streams]]) -> bool:
    reader, writer = await connect()
    writer.write(REQUEST)
    said = await asyncio.wait_for(reader.readline(), 5)
    writer.write(b"200 result=0\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    return said == b"EXEC Playback pbx112/desk_in\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"agi_network_script: desk\n",
        b"A" * 40_000,
        b"\xff\xfe\n\n",
        b"agi_network_script: other\n\n",
        REQUEST + b"nonsense\n",
        REQUEST + b"9" * 40_000,
        REQUEST + b"100 x\n" * 1_000,
        REQUEST + b"HANGUP\n" * 1_000,
    ],
)
async def test_whatever_a_client_sends_the_next_one_is_served(sent: bytes) -> None:
    async with served(one_word) as connect:
        reader, writer = await connect()
        writer.write(sent)
        writer.write_eof()
        try:
            async with asyncio.timeout(5):
                await reader.read()
        except ConnectionError:
            pass
        writer.close()
        assert await is_served(connect)


async def test_who_sends_nothing_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "REQUEST_WITHIN", 0.2)
    async with served(one_word) as connect:
        reader, writer = await connect()
        writer.write(b"agi_network: yes\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert await is_served(connect)


async def test_an_answer_that_does_not_come_ends_the_connection() -> None:
    ended = asyncio.Event()

    async def serve(request: DeskRequest) -> None:
        with pytest.raises(Gone):
            await request.send_command("NOOP", 0.2)
        ended.set()

    async with served(serve) as connect:
        reader, writer = await connect()
        writer.write(REQUEST)
        await asyncio.wait_for(ended.wait(), 5)
        await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_no_command_has_two_lines() -> None:
    refused = asyncio.Event()

    async def serve(request: DeskRequest) -> None:
        with pytest.raises(ValueError, match="one printable line"):
            await request.send_command("NOOP\nEXEC System reboot")
        refused.set()

    async with served(serve) as connect:
        reader, writer = await connect()
        writer.write(REQUEST)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert refused.is_set()
        writer.close()


async def test_more_than_a_bound_are_turned_away_and_the_others_go_on() -> None:
    async with served(one_word) as connect:
        held = [await connect() for _ in range(MOST)]
        for _, writer in held:
            writer.write(REQUEST)
        for reader, _ in held:
            assert await asyncio.wait_for(reader.readline(), 5)
        reader, writer = await connect()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        for _, other in held:
            other.write(b"200 result=0\n")
        for reader, other in held:
            await asyncio.wait_for(reader.read(), 5)
            other.close()
        assert await is_served(connect)
