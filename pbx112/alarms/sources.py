"""What the alarms are judged by: the journal and its lock, `/healthz`, Postgres, and the disks. Each for itself: what
one of them cannot say stays unknown, and the others go on."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import structlog

from pbx112.cdr.trouble import explain
from pbx112.journal import JournalError
from pbx112.room import LOW, LOW_SHARE
from pbx112.settings import Settings
from pbx112.wallboard.board import Board
from pbx112.wallboard.follow import Journal, News, RunningPlan
from pbx112.wallboard.source import daemon_state

from .conditions import World
from .past import Past

log = structlog.get_logger()

WITHIN = 5.0
"""Seconds within which each has to answer."""
LARGEST = 65_536
"""Bytes of `/healthz` that are read."""


class _Reason(msgspec.Struct):
    what: str
    why: str = ""


class _Healthz(msgspec.Struct):
    role: str
    reasons: list[_Reason] = []


class Sources:
    """Asks all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plan = RunningPlan(settings.journal, settings.agencies)
        self._journal: Journal | None = None
        self._board = Board()
        self._past = Past()
        self._blind = ""

    async def look(self) -> World:
        """How things are now."""
        readable, troubles, database, disks = await asyncio.gather(
            self._follow(), self._healthz(), self._postgres(), asyncio.to_thread(self._disks)
        )
        return World(
            now_us=time.time_ns() // 1000,
            plan=self._plan.plan,
            board=self._board,
            past=self._past,
            readable=readable,
            daemon=daemon_state(self._settings),
            troubles=troubles,
            database=database,
            disks=disks,
        )

    async def _follow(self) -> bool:
        try:
            self._take(await asyncio.to_thread(self._news))
        except (JournalError, OSError) as error:
            if str(error) != self._blind:
                self._blind = str(error)
                log.warning("the alarms cannot read the journal", action="alarms", error=self._blind)
            return False
        self._blind = ""
        return True

    def _news(self) -> News:
        self._plan.look()
        zone = self._plan.plan.service.timezone if self._plan.plan else UTC
        if self._journal is None or self._journal.zone != zone:
            self._journal = Journal(self._settings.journal, zone)
        return self._journal.news()

    def _take(self, news: News) -> None:
        now = time.time_ns() // 1000
        if news.anew:
            self._board, self._past = Board(), Past()
            for subject, story in news.began.items():
                self._board.take_up(subject, story)
                for fact in story:
                    self._past.heed(subject, fact.event, fact.at, fact.at.utc_us)
        for subject, fact in news.told:
            self._board.take(subject, fact)
            self._past.heed(subject, fact.event, fact.at, fact.at.utc_us if news.anew else now)

    async def _healthz(self) -> dict[str, str] | None:
        """The daemon's troubles by their names; None where no daemon that serves says so."""
        host, port = self._settings.watch_host, self._settings.watch_port
        if not port:
            return None
        url = f"http://[{host}]:{port}/healthz" if ":" in host else f"http://{host}:{port}/healthz"
        try:
            async with (
                asyncio.timeout(WITHIN),
                aiohttp.ClientSession(trust_env=False) as web,
                web.get(url, allow_redirects=False) as answer,
            ):
                said = msgspec.json.decode(await answer.content.read(LARGEST), type=_Healthz)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError):
            return None
        return {reason.what: reason.why for reason in said.reasons} if said.role == "serving" else None

    async def _postgres(self) -> str | None:
        """Why Postgres cannot be used; empty where it can, None where there is none."""
        if self._settings.dsn is None:
            return None
        try:
            async with asyncio.timeout(WITHIN):
                connection = await asyncpg.connect(self._settings.dsn.get_secret_value(), timeout=WITHIN)
                try:
                    await connection.execute("SELECT 1")
                finally:
                    connection.terminate()
        except TimeoutError:
            return f"no answer within {WITHIN:g} s"
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return "; ".join(explain(error))
        return ""

    def _disks(self) -> dict[str, str]:
        """What is left on the disks of the journal and of the recordings, where it is little."""
        found: dict[str, str] = {}
        seen: set[int] = set()
        for folder in (self._settings.journal.parent, self._settings.recordings):
            try:
                device = folder.stat().st_dev
                if device not in seen:
                    seen.add(device)
                    found[str(folder)] = _left(folder)
            except OSError:
                continue
        return found


def _left(folder: Path) -> str:
    disk = shutil.disk_usage(folder)
    return f"{disk.free / 1e6:,.0f} MB" if disk.free < min(LOW, disk.total * LOW_SHARE) else ""
