"""The daemon under test, as systemd would run it: its settings in the environment, its log in a file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.processes import LabError, Process, eventually, last_lines

COMMAND = (sys.executable, "-m", "pbx112", "run")


class ForgedClock:
    """The time of day as a process sees it, that can be set while it runs; its monotonic clock is the true one.

    `file` holds by how much it is wrong, and is read at each look at the clock (libfaketime).
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        """Let it be wrong by `offset`: seconds, or with a unit behind (`-5h`)."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What the process has to be told."""
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


class Daemon:
    """`pbx112 run` with `settings` (names without `PBX112_`); its log is `log`."""

    def __init__(self, log: Path, settings: Mapping[str, str]) -> None:
        self.log = log
        self.settings = dict(settings)
        self.command: tuple[str, ...] = COMMAND
        self.clock: ForgedClock | None = None
        self._process: Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        """All that it is told."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        told = {f"PBX112_{name.upper()}": value for name, value in self.settings.items()}
        return kept | told | (self.clock.environment if self.clock else {})

    @property
    def pid(self) -> int | None:
        """Its process id; None where it does not run."""
        return self._process.pid if self._process is not None and self._process.running else None

    async def start(self) -> None:
        """Start it and wait until it has connected to Asterisk, or waits as a standby. Raises :class:`LabError`."""
        if self.pid is not None:
            return
        before = self._size()
        self._process = await Process.start("pbx112", self.command, self.log, environment=self.environment)
        await self._process.ready(
            lambda: any(self.said(what, since=before) for what in ("connected", "standby"))
        )

    def adopt(self, process: Process) -> None:
        """It was started by somebody else (a supervisor)."""
        self._process = process

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            await self._process.stop(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            await self._process.stop(signal.SIGKILL)

    async def ended(self, within: float = 10) -> None:
        """Wait until it has ended, by whatever."""
        if self._process is not None:
            await asyncio.wait_for(self._process.ended(), within)

    def freeze(self) -> None:
        """Let it hang: alive, and deaf."""
        self._running().send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send(signal.SIGCONT)

    async def reload(self, plan: str, within: float = 10) -> None:
        """Have it read its plan again, and wait until the plan with this hash decides."""
        before = self._size()
        self._running().send(signal.SIGHUP)
        try:
            await eventually(
                lambda: any(line.get("plan") == plan for line in self.said("plan_loaded", since=before)),
                within,
            )
        except TimeoutError:
            raise LabError(f"pbx112 did not take the plan {plan}:\n{self._running().last_words()}") from None

    def said(self, action: str, since: int = 0) -> list[dict[str, Any]]:
        """The lines of its log with this action, from the byte `since` on."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(since)
            lines = [line for line in log.read().splitlines() if line.startswith(b"{")]
        found: list[dict[str, Any]] = []
        for line in lines:
            try:
                fact = json.loads(line)
            except ValueError:  # half written
                continue
            if fact.get("action") == action:
                found.append(fact)
        return found

    async def says(self, action: str, since: int = 0, within: float = 10) -> dict[str, Any]:
        """Wait until its log has a line with this action, and give it. Raises :class:`LabError`."""
        try:
            await eventually(lambda: bool(self.said(action, since)), within)
        except TimeoutError:
            raise LabError(
                f"pbx112 did not say {action!r} in {within:g} s:\n{last_lines(self.log)}"
            ) from None
        return self.said(action, since)[0]

    def _size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _running(self) -> Process:
        if self._process is None or not self._process.running:
            raise LabError("pbx112 does not run")
        return self._process
