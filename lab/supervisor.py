"""What systemd does with our unit, where there is no systemd: starts again, and ends what no longer says that it
lives. The figures are those of `deploy/pbx112.service`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from lab.daemon import COMMAND, Daemon
from lab.processes import Process

UNIT = Path(__file__).parent.parent / "deploy" / "pbx112.service"


def unit_value(name: str, unit: Path = UNIT) -> str:
    """The value of an assignment in a unit file; empty where there is none."""
    found = [line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith(name + "=")]
    return found[-1] if found else ""


class Supervisor:
    """Keeps `daemon` running, as long as this is entered as an asynchronous context.

    `restarts` counts how often it was started again, `hung` how often the watchdog had to end it; `status` is what
    it last said of itself.
    """

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon = daemon
        self.restarts = self.hung = 0
        self.status = ""
        self.ready = asyncio.Event()
        self._socket = folder / f"notify-{os.getpid()}-{id(self):x}.sock"
        self._watchdog = float(unit_value("WatchdogSec"))
        self._pause = float(unit_value("RestartSec"))
        self._final = {int(code) for code in unit_value("RestartPreventExitStatus").split()}
        self._last = 0.0

    async def __aenter__(self) -> Self:
        self._heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._heard.bind(str(self._socket))
        asyncio.get_running_loop().add_reader(self._heard, self._hear)
        self._keeping = asyncio.create_task(self._keep(), name="supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping
        await self.daemon.stop()
        asyncio.get_running_loop().remove_reader(self._heard)
        self._heard.close()
        self._socket.unlink()

    async def _keep(self) -> None:
        while True:
            process = await self._start()
            watch = asyncio.create_task(self._watch(process))
            code = await process.ended()
            watch.cancel()
            if code in self._final:
                return
            await asyncio.sleep(self._pause)
            self.restarts += 1

    async def _start(self) -> Process:
        environment: Mapping[str, str] = self.daemon.environment | {"NOTIFY_SOCKET": str(self._socket)}
        self.ready.clear()
        self._last = (
            asyncio.get_running_loop().time() + self._watchdog
        )  # the start has a time limit of its own
        process = await Process.start("pbx112", COMMAND, self.daemon.log, environment=environment)
        self.daemon.adopt(process)
        return process

    async def _watch(self, process: Process) -> None:
        """The watchdog begins with READY=1."""
        await self.ready.wait()
        clock = asyncio.get_running_loop().time
        while (left := self._last + self._watchdog - clock()) > 0:
            await asyncio.sleep(left)
        self.hung += 1
        process.send(signal.SIGKILL)

    def _hear(self) -> None:
        while True:
            try:
                facts = self._heard.recv(4096).decode(errors="replace").splitlines()
            except BlockingIOError:
                return
            for name, _, value in (fact.partition("=") for fact in facts):
                match name:
                    case "READY":
                        self.ready.set()
                        self._last = asyncio.get_running_loop().time()
                    case "WATCHDOG":
                        self._last = asyncio.get_running_loop().time()
                    case "STATUS":
                        self.status = value
