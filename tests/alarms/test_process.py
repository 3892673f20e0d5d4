"""`pbx112 alarms` as systemd runs it: it says that it lives, tells once, and remembers what it told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

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


async def test_a_daemon_that_is_not_there_is_told_once_over_a_restart(tmp_path: Path) -> None:
    told: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        told.append(json.loads(await request.read())["title"])
        return web.Response()

    server = await asyncio.get_running_loop().create_server(web.Server(answer), "127.0.0.1", 0)
    file = tmp_path / "alarms.conf"
    file.write_text(f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/s3cret-path\n")
    file.chmod(0o640)
    manager, log = Manager(tmp_path / "notify"), tmp_path / "log"
    environment = {
        "PATH": os.environ["PATH"],
        "NOTIFY_SOCKET": str(manager.path),
        "PBX112_AGENCIES": str(Path("agencies.yaml").absolute()),
        "PBX112_ALARMS": str(file),
        "PBX112_JOURNAL": str(tmp_path / "journal.db"),
        "PBX112_NODE": "kaur1",
        "PBX112_WATCH_PORT": "0",
    }
    command = (sys.executable, "-m", "pbx112", "alarms")
    process = await Process.start("alarms", command, log, environment=environment)
    try:
        await eventually(lambda: '"alarm_delivered"' in log.read_text(), 60, pause=0.1)
        process.send(signal.SIGTERM)
        assert await process.ended() == 0
        assert json.loads((tmp_path / "alarms.json").read_text())["daemon:"]["told"] == 1
        assert (tmp_path / "alarms.json").stat().st_mode & 0o777 == 0o600
        manager.beats(0)  # what the first one said
        manager.said.clear()
        process = await Process.start("alarms", command, log, environment=environment)
        await process.ready(lambda: log.read_text().count('"the alarms watch"') == 2)
        await eventually(lambda: manager.beats(2), 30, pause=0.1)
    finally:
        await process.stop()
        manager.close()
        server.close()
    assert len(told) == 1 and told[0].endswith("ALARM: pbx112 tidak melayani: dialplan cadangan yang bekerja")
    assert "s3cret-path" not in log.read_text()
