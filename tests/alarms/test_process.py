"""`pbx112 alarms` as systemd runs it: it says that it lives, tells once, and remembers what it told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from lab.processes import Process, eventually


class Manager:
    """systemd's end of the notifications."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def beats(self, many: int) -> bool:
        """Whether it has said so often that it lives, since it was last ready."""
        while True:
            try:
                word = self._socket.recv(4096).decode()
            except BlockingIOError:
                return self.said.count("WATCHDOG=1") >= many
            self.said = [word] if word == "READY=1" else [*self.said, word]

    def close(self) -> None:
        self._socket.close()


class Hook:
    """A web server that is told; while it is not `well`, it takes nothing."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.well = True

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if not self.well:
            return web.Response(status=503)
        self.told.append(json.loads(await request.read())["title"])
        return web.Response()


@pytest.fixture
async def hook(tmp_path: Path) -> AsyncIterator[Hook]:
    """The only destination that stands in `alarms.conf`."""
    hook = Hook()
    server = await asyncio.get_running_loop().create_server(web.Server(hook.answer), "127.0.0.1", 0)
    file = tmp_path / "alarms.conf"
    file.write_text(f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/s3cret-path\n")
    file.chmod(0o640)
    yield hook
    server.close()


async def started(folder: Path) -> Process:
    environment = {
        "PATH": os.environ["PATH"],
        "NOTIFY_SOCKET": str(folder / "notify"),
        "PBX112_AGENCIES": str(Path("agencies.yaml").absolute()),
        "PBX112_ALARMS": str(folder / "alarms.conf"),
        "PBX112_JOURNAL": str(folder / "journal.db"),
        "PBX112_NODE": "kaur1",
        "PBX112_WATCH_PORT": "0",
    }
    command = (sys.executable, "-m", "pbx112", "alarms")
    return await Process.start("alarms", command, folder / "log", environment=environment)


async def test_a_daemon_that_is_not_there_is_told_once_over_a_restart(tmp_path: Path, hook: Hook) -> None:
    manager, log, memory = Manager(tmp_path / "notify"), tmp_path / "log", tmp_path / "alarms.json"
    process = await started(tmp_path)
    try:
        await eventually(lambda: '"alarm_delivered"' in log.read_text(), 60, pause=0.1)
        await eventually(lambda: '"told":1' in memory.read_text(), 20, pause=0.1)
        process.send(signal.SIGTERM)
        assert await process.ended() == 0
        assert json.loads(memory.read_text())["daemon:"]["told"] == 1
        assert memory.stat().st_mode & 0o777 == 0o600
        manager.beats(0)  # what the first one said
        manager.said.clear()
        process = await started(tmp_path)
        await process.ready(lambda: log.read_text().count('"the alarms watch"') == 2)
        await eventually(lambda: manager.beats(2), 30, pause=0.1)
    finally:
        await process.stop()
        manager.close()
    assert len(hook.told) == 1
    assert hook.told[0].endswith("ALARM: pbx112 tidak melayani: dialplan cadangan yang bekerja")
    assert "s3cret-path" not in log.read_text()


async def test_what_nobody_was_told_when_it_ended_is_told_by_the_next(tmp_path: Path, hook: Hook) -> None:
    """A power cut: the network is away, then the machine goes, too."""
    manager, log = Manager(tmp_path / "notify"), tmp_path / "log"
    hook.well = False
    process = await started(tmp_path)
    try:
        await eventually(lambda: '"alarm_undelivered"' in log.read_text(), 60, pause=0.1)
        manager.beats(0)
        looks = manager.said.count("WATCHDOG=1")
        await eventually(lambda: manager.beats(looks + 2), 30, pause=0.1)
        process.send(signal.SIGKILL)
        await process.ended()
        hook.well = True
        process = await started(tmp_path)
        await eventually(lambda: hook.told != [], 60, pause=0.1)
    finally:
        await process.stop()
        manager.close()
