"""AMI whose other side means no good, or is not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from panoramisk import Manager  # type: ignore[import-untyped]

from lab.network import free_net
from pbx112.desk import ami as module
from pbx112.desk.ami import Ami, AmiError

PORT = 5038
Answer = Callable[[str, str, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def asterisk(answer: Answer) -> AsyncIterator[str]:
    """Something that speaks AMI: `answer` is told each action and its id."""
    host = f"{free_net()}.0.1"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = re.search(r"(?m)^Action: (\S+)", request)
                number = re.search(r"(?m)^ActionID: (\S+)", request)
                assert action and number
                if action[1] == "Login" and "never" not in request:
                    writer.write(
                        f"Response: Success\r\nActionID: {number[1]}\r\nMessage: ok\r\n\r\n".encode()
                    )
                else:
                    await answer(action[1], number[1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, PORT)
    async with server:
        yield host


async def test_a_list_of_devices() -> None:
    async def answer(action: str, number: str, writer: asyncio.StreamWriter) -> None:
        assert action == "DeviceStateList"
        head = f"Response: Success\r\nActionID: {number}\r\nEventList: start\r\nMessage: will follow\r\n\r\n"
        one = f"Event: DeviceStateChange\r\nActionID: {number}\r\nDevice: PJSIP/2101\r\nState: INUSE\r\n\r\n"
        end = f"Event: DeviceStateListComplete\r\nActionID: {number}\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
        for piece in (head + one[:20], one[20:], end):
            writer.write(piece.encode())
            await writer.drain()

    async with asterisk(answer) as host:
        ami = await Ami.connect(host, PORT, "pbx112", "secret")
        for _ in range(2):
            [device] = await ami.listing("DeviceStateList")
            assert (device.device, device.state) == ("PJSIP/2101", "INUSE")
        ami.close()


async def test_an_unknown_list_is_empty() -> None:
    async def answer(_action: str, number: str, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"Response: Error\r\nActionID: {number}\r\nMessage: Invalid/unknown command\r\n\r\n".encode()
        )

    async with asterisk(answer) as host:
        ami = await Ami.connect(host, PORT, "pbx112", "secret")
        assert await ami.listing("PJSIPShowRegistrationsOutbound") == []
        ami.close()


async def silent(_action: str, _number: str, _writer: asyncio.StreamWriter) -> None:
    """Never answers."""


async def hangs_up(_action: str, _number: str, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def floods(_action: str, number: str, writer: asyncio.StreamWriter) -> None:
    writer.write(f"Response: Success\r\nActionID: {number}\r\nEventList: start\r\n\r\n".encode())
    for _ in range(100):
        writer.write(b"x" * 100_000)  # and no end of it
        await writer.drain()


@pytest.mark.parametrize(("answer", "why"), [(silent, "in time"), (hangs_up, "lost"), (floods, "lost")])
async def test_whatever_it_does_we_are_told_in_time(
    answer: Answer, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.5)
    async with asterisk(answer) as host:
        ami = await Ami.connect(host, PORT, "pbx112", "secret")
        began = asyncio.get_running_loop().time()
        with pytest.raises(AmiError, match=why):
            await ami.listing("DeviceStateList")
        assert asyncio.get_running_loop().time() - began < 2
        ami.close()
        ami.close()


async def test_lost_stays_lost_and_nothing_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    connects: list[object] = []
    monkeypatch.setitem(Manager.defaults, "reconnect_timeout", 0)
    monkeypatch.setattr(Manager, "connect", lambda self: connects.append(self))

    async def answer(action: str, _number: str, writer: asyncio.StreamWriter) -> None:
        seen.append(action)
        writer.close()

    async with asterisk(answer) as host:
        ami = await Ami.connect(host, PORT, "pbx112", "secret")
        with pytest.raises(AmiError):
            await ami.listing("DeviceStateList")
        with pytest.raises(AmiError):
            await ami.listing("DeviceStateList")
        await asyncio.sleep(0.1)
        assert (seen, connects) == (["DeviceStateList"], [])


async def test_only_looking() -> None:
    async with asterisk(silent) as host:
        ami = await Ami.connect(host, PORT, "pbx112", "secret")
        for device in ("PJSIP/21,1", "PJSIP/1)\r\nAction: Originate", "GLOBAL(x)", "PJSIP/${X}", ""):
            with pytest.raises(ValueError, match="is no device"):
                await ami.device(device)
        for action in ("Originate", "Command", "DeviceStateList\r\nAction: Originate"):
            with pytest.raises(ValueError, match="is not asked over AMI"):
                await ami.listing(action)
        ami.close()


@pytest.mark.parametrize(("user", "secret"), [("pbx112\r\nAction: Originate", "x"), ("pbx112", "x\r\n\r\n")])
async def test_no_line_break_reaches_ami(user: str, secret: str) -> None:
    with pytest.raises(AmiError, match="control character"):
        await Ami.connect("127.0.0.1", 1, user, secret)


async def test_nobody_there() -> None:
    with pytest.raises(AmiError, match="cannot be reached"):
        await Ami.connect(f"{free_net()}.0.1", PORT, "pbx112", "secret")
