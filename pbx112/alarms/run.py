"""Looks, judges, tells; and remembers beside the journal what was told, so that a restart tells nothing twice: from
when somebody has it, so that a restart loses nothing that nobody has."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import structlog

from pbx112.notify import notify
from pbx112.plan.types import Plan
from pbx112.settings import Settings
from pbx112.tasks import keep_running

from .blocking import Blocking, Hangs
from .conditions import LASTS, Kind, findings
from .heart import PACE, Heart, Pace, State
from .post import PATIENCE, Patience, Post
from .sources import WITHIN, Sources
from .texts import Voice, message

log = structlog.get_logger()

LOOK_EVERY = 5.0
"""Seconds between two looks."""


async def watch(
    settings: Settings,
    pace: Pace = PACE,
    lasts: Mapping[Kind, float] = LASTS,
    patience: Patience = PATIENCE,
    every: float = LOOK_EVERY,
    within: float = WITHIN,
) -> None:
    """Watch until cancelled."""
    memory = Memory(settings.journal.with_name("alarms.json"), within)
    heart, sources = Heart(await memory.load(), pace, lasts), Sources(settings, within)
    if not settings.watch_port:
        log.warning(
            "PBX112_WATCH_PORT is 0: what the daemon says of Asterisk and of its journal is not known here",
            action="alarms",
        )

    async def look() -> None:
        while True:
            began = time.monotonic()
            world = await sources.look()
            words = heart.beat(findings(world), world.now_us)
            if words:
                post.send(message(words, voice_of(settings, world.plan), world.now_us))
                for word in words:
                    key = {"kind": word.about.kind, "about": word.about.about, "what": word.what}
                    log.warning("an alarm is told", action="alarm_told", **key)
            if not post.owes:
                await memory.save(heart.known)
            notify("WATCHDOG=1")
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    with closing(sources):
        async with asyncio.TaskGroup() as parts:
            post = Post(settings.alarms, parts.create_task, patience)
            notify("READY=1")
            log.info("the alarms watch", action="alarms", destinations=str(settings.alarms))
            await keep_running("the alarms", look)


def voice_of(settings: Settings, plan: Plan | None) -> Voice:
    """Who speaks."""
    if plan is None:
        return Voice("112", settings.node)
    return Voice(
        plan.service.name,
        settings.node,
        "en" if plan.service.language == "en" else "id",
        plan.service.timezone,
    )


class Memory:
    """The heart's state in a small file. A disk that is full, or hangs, is no reason not to tell of it."""

    def __init__(self, file: Path, within: float = WITHIN) -> None:
        self._file = file
        self._within = within
        self._disk: Blocking[bytes] = Blocking("memory")
        self._saved = b""
        self._refused = False

    async def load(self) -> State:
        """What was saved; nothing where that cannot be read: then what stands is told anew."""
        try:
            self._saved = await self._disk.ask(self._file.read_bytes, self._within)
            return msgspec.json.decode(self._saved, type=State)
        except FileNotFoundError:
            return {}
        except (OSError, Hangs, msgspec.DecodeError) as error:
            log.warning(
                f"{self._file}: cannot be read; what stands is told anew", action="alarms", error=str(error)
            )
            return {}

    async def save(self, known: State) -> None:
        """Where it has changed."""
        text = msgspec.json.encode(known)
        if text == self._saved:
            return
        try:
            self._saved = await self._disk.ask(partial(self._write, text), self._within)
            self._refused = False
        except (OSError, Hangs) as error:
            if not self._refused:
                log.warning(
                    f"{self._file}: cannot be written; after a restart what stands is told anew",
                    action="alarms",
                    error=str(error),
                )
            self._refused = True

    def _write(self, text: bytes) -> bytes:
        fresh = self._file.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._file)
        return text
