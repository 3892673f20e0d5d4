"""Looks, judges, tells; and remembers beside the journal what was told, so that a restart tells nothing twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from pbx112.notify import notify
from pbx112.plan.types import Plan
from pbx112.settings import Settings
from pbx112.tasks import keep_running

from .conditions import LASTS, Kind, findings
from .heart import PACE, Heart, Pace, State
from .post import PATIENCE, Patience, Post
from .sources import Sources
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
) -> None:
    """Watch until cancelled."""
    memory = Memory(settings.journal.with_name("alarms.json"))
    heart, sources = Heart(memory.load(), pace, lasts), Sources(settings)
    if not settings.watch_port:
        log.warning(
            "PBX112_WATCH_PORT is 0: what the daemon says of Asterisk and of its journal is not known here",
            action="alarms",
        )

    async def look() -> None:
        while True:
            world = await sources.look()
            words = heart.beat(findings(world), world.now_us)
            if words:
                post.send(message(words, voice_of(settings, world.plan), world.now_us))
                for word in words:
                    key = {"kind": word.about.kind, "about": word.about.about, "what": word.what}
                    log.warning("an alarm is told", action="alarm_told", **key)
            memory.save(heart.known)
            notify("WATCHDOG=1")
            await asyncio.sleep(every)

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
    """The heart's state in a small file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._saved = b""
        self._refused = False

    def load(self) -> State:
        """What was saved; nothing where that cannot be read: then what stands is told anew."""
        try:
            self._saved = self._file.read_bytes()
            return msgspec.json.decode(self._saved, type=State)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            log.warning(
                f"{self._file}: cannot be read; what stands is told anew", action="alarms", error=str(error)
            )
            return {}

    def save(self, known: State) -> None:
        """Where it has changed. A full disk is no reason not to tell of it."""
        text = msgspec.json.encode(known)
        if text == self._saved:
            return
        fresh = self._file.with_suffix(".new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(self._file)
        except OSError as error:
            if not self._refused:
                log.warning(
                    f"{self._file}: cannot be written; after a restart what stands is told anew",
                    action="alarms",
                    error=str(error),
                )
            self._refused = True
            return
        self._saved, self._refused = text, False
