"""What the alarms are judged by: the journal and its lock, `/healthz`, Postgres, and the disks. Each for itself: what
one of them cannot say, or not in time, stays unknown, and the others go on."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import aiohttp
import msgspec
import structlog

from pbx112.journal import JournalError
from pbx112.room import LOW, LOW_SHARE
from pbx112.settings import Settings
from pbx112.wallboard.board import Board
from pbx112.wallboard.follow import Journal, News, RunningPlan
from pbx112.wallboard.source import daemon_state

from .blocking import Blocking, Hangs
from .conditions import Serving, World
from .database import Database
from .past import Past

log = structlog.get_logger()

WITHIN = 5.0
"""Seconds within which each has to answer."""
LARGEST = 65_536
"""Bytes of `/healthz` that are read."""


T = TypeVar("T")


class _Reason(msgspec.Struct):
    what: str
    why: str = ""


class _Healthz(msgspec.Struct):
    role: str
    reasons: list[_Reason] = []


class Sources:
    """Asks all of them. Each has `within` seconds; while one hangs, later looks do not wait for it."""

    def __init__(self, settings: Settings, within: float = WITHIN) -> None:
        self._settings = settings
        self._within = within
        self._plan = RunningPlan(settings.journal, settings.agencies)
        self._journal: Journal | None = None
        self._board = Board()
        self._past = Past()
        self._anew: tuple[Board, Past] | None = None
        """The same where the journal is read anew, until all of it is."""
        self._blind = ""
        self._database = Database(settings.dsn.get_secret_value(), within) if settings.dsn else None
        self._news: Blocking[News] = Blocking("journal")
        self._lock: Blocking[Serving] = Blocking("lock")
        folders = dict.fromkeys((settings.journal.parent, settings.recordings))
        self._rooms: dict[Path, Blocking[_Room]] = {folder: Blocking("disk") for folder in folders}
        self._hanging: dict[Path, list[str]] = {}

    async def look(self) -> World:
        """How things are now."""
        self._hanging = {folder: [] for folder in self._rooms}
        serves = self._ask(self._lock, self._settings.journal.parent, lambda: daemon_state(self._settings))
        readable, daemon, troubles, database, disks = await asyncio.gather(
            self._follow(),
            serves,
            self._healthz(),
            self._postgres(),
            self._disks(),
        )
        return World(
            now_us=time.time_ns() // 1000,
            plan=self._plan.plan,
            board=self._board,
            past=self._past,
            readable=readable,
            daemon=daemon,
            troubles=troubles,
            database=database,
            disks=disks,
            hangs={str(folder): ", ".join(sorted(what)) for folder, what in self._hanging.items()},
        )

    def close(self) -> None:
        """Let go what is kept."""
        if self._database is not None:
            self._database.close()

    async def _ask(self, whom: Blocking[T], folder: Path, work: Callable[[], T]) -> T | None:
        """Its answer; None where it hangs, which is noted."""
        try:
            return await whom.ask(work, self._within)
        except Hangs:
            self._hanging[folder].append(whom.name)
            return None

    async def _follow(self) -> bool:
        """Whether all that is in the journal is taken: a long day's takes more than one look."""
        until = time.monotonic() + self._within
        while time.monotonic() < until:
            try:
                news = await self._ask(self._news, self._settings.journal.parent, self._read)
            except (JournalError, OSError) as error:
                if str(error) != self._blind:
                    self._blind = str(error)
                    log.warning("the alarms cannot read the journal", action="alarms", error=self._blind)
                return False
            self._blind = ""
            if news is None:
                return False
            self._take(news)
            if not news.more:
                return True
        return False

    def _read(self) -> News:
        self._plan.look()
        zone = self._plan.plan.service.timezone if self._plan.plan else UTC
        if self._journal is None or self._journal.zone != zone:
            self._journal = Journal(self._settings.journal, zone)
        return self._journal.news()

    def _take(self, news: News) -> None:
        now = time.time_ns() // 1000
        if news.anew:
            board, past = self._anew = Board(), Past()
            for subject, story in news.began.items():
                board.take_up(subject, story)
                for fact in story:
                    past.heed(subject, fact.event, fact.at, fact.at.utc_us)
        board, past = self._anew or (self._board, self._past)
        for subject, fact in news.told:
            board.take(subject, fact)
            past.heed(subject, fact.event, fact.at, fact.at.utc_us if self._anew else now)
        if not news.more:
            self._board, self._past, self._anew = board, past, None

    async def _healthz(self) -> dict[str, str] | None:
        """The daemon's troubles by their names; None where no daemon that serves says so."""
        host, port = self._settings.watch_host, self._settings.watch_port
        if not port:
            return None
        url = f"http://[{host}]:{port}/healthz" if ":" in host else f"http://{host}:{port}/healthz"
        try:
            async with (
                asyncio.timeout(self._within),
                aiohttp.ClientSession(trust_env=False) as web,
                web.get(url, allow_redirects=False) as answer,
            ):
                said = msgspec.json.decode(await answer.content.read(LARGEST), type=_Healthz)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError):
            return None
        return {reason.what: reason.why for reason in said.reasons} if said.role == "serving" else None

    async def _postgres(self) -> str | None:
        """Why Postgres cannot be used; empty where it can, None where there is none."""
        return await self._database.trouble() if self._database is not None else None

    async def _disks(self) -> dict[str, str | None]:
        """What is left on the disks of the journal and of the recordings, where it is little; None: nobody knows."""
        rooms = await asyncio.gather(*(self._room(folder) for folder in self._rooms))
        found: dict[str, str | None] = {}
        seen: set[int] = set()
        for folder, room in zip(self._rooms, rooms, strict=True):
            if room is None:
                found[str(folder)] = None
            elif room.there and room.device not in seen:
                seen.add(room.device)
                found[str(folder)] = room.left
        return found

    async def _room(self, folder: Path) -> _Room | None:
        whom = self._rooms[folder]
        return await self._ask(whom, folder, partial(_room, folder))


class _Room(NamedTuple):
    """Of a folder that is `there`: its device, and what is left, where that is little."""

    there: bool
    device: int = 0
    left: str = ""


def _room(folder: Path) -> _Room:
    try:
        device, disk = folder.stat().st_dev, shutil.disk_usage(folder)
    except OSError:
        return _Room(there=False)
    little = disk.free < min(LOW, disk.total * LOW_SHARE)
    return _Room(there=True, device=device, left=f"{disk.free / 1e6:,.0f} MB" if little else "")
