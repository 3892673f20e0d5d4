"""Makes the picture: the journal three times a second, Asterisk's endpoints every three seconds, each for itself.

The daemon is asked for nothing. Where something cannot be read, the picture says so, and what was known stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Literal

import msgspec
import structlog

from pbx112.ari import AriError, AriHttp, Endpoint
from pbx112.journal import JournalError, holder, read_beat
from pbx112.model.seen import Seen
from pbx112.plan.dial import Key, endpoint_of
from pbx112.plan.types import Line, Plan
from pbx112.settings import Settings
from pbx112.standby import HUNG

from .board import SHOWN, Board, LineState, Picture, agencies, takers
from .follow import Journal, News, RunningPlan

log = structlog.get_logger()

LOOK_EVERY = 0.3
"""Seconds between two looks into the journal."""
ASK_EVERY = 3.0
"""Seconds between two questions to Asterisk."""
AT_LEAST = 2.0
"""Seconds after which a picture is given even where nothing has changed: the page counts on it."""
OLD = 12.0
"""Seconds after which what Asterisk said of lines is no longer believed."""


class Source:
    """Follows everything; `picture` is the newest, as JSON, and `changed` is set anew with each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plan = RunningPlan(settings.journal, settings.agencies)
        self._board = Board()
        self._journal: Journal | None = None
        self._endpoints: dict[Key, Endpoint] | None = None
        self._told_at = 0.0
        self._trouble: set[Literal["journal", "asterisk", "plan"]] = set()
        self.picture = b""
        self._made_at = 0.0
        self._last: Picture | None = None
        self._waiting: asyncio.Event = asyncio.Event()

    @property
    def fresh(self) -> bytes:
        """The picture, nothing where it is old: a screen takes what it is given for new."""
        return self.picture if time.monotonic() - self._made_at < 2 * AT_LEAST else b""

    async def next(self) -> None:
        """Wait for the next picture."""
        await self._waiting.wait()

    async def follow(self) -> None:
        """Read and make pictures, until cancelled."""
        while True:
            try:
                await self._catch_up()
                self._well("journal")
            except (JournalError, OSError) as error:
                self._amiss("journal", str(error))
            self._show()
            await asyncio.sleep(LOOK_EVERY)

    async def ask(self) -> None:
        """Ask Asterisk for its endpoints, until cancelled."""
        async with AriHttp(self._settings.ari()) as ari:
            while True:
                try:
                    async with asyncio.timeout(ASK_EVERY):
                        there = await ari.endpoints()
                        self._endpoints = {(e.technology.lower(), e.resource): e for e in there}
                    self._told_at = time.monotonic()
                    self._well("asterisk")
                except (AriError, TimeoutError) as error:
                    self._amiss("asterisk", str(error) or "no answer")
                await asyncio.sleep(ASK_EVERY)

    def _read(self) -> News:
        if self._plan.look():
            self._well("plan")
        else:
            self._amiss("plan", "neither the daemon's copy nor agencies.yaml can be used")
        zone = self._plan.plan.service.timezone if self._plan.plan else UTC
        if self._journal is None or self._journal.zone != zone:
            self._journal = Journal(self._settings.journal, zone)
        return self._journal.news()

    async def _catch_up(self) -> None:
        """Take all that is new; what is read anew is not shown before all of it is taken."""
        board, more = self._board, True
        while more:
            news = await asyncio.to_thread(self._read)
            if news.anew:
                board = Board(self._plan.plan.service.timezone if self._plan.plan else UTC)
                for subject, story in news.began.items():
                    board.take_up(subject, story)
            for subject, fact in news.told:
                board.take(subject, fact)
            more = news.more
        self._board = board

    def _show(self) -> None:
        now = time.time_ns() // 1000
        picture = self._made(now)
        if picture is None:
            return
        if (
            self._last is not None
            and 0 <= now - self._last.at < AT_LEAST * 1e6  # less than none: the clock was set back
            and msgspec.structs.replace(picture, at=self._last.at) == self._last
        ):
            return
        self._last, self.picture = picture, msgspec.json.encode(picture)
        self._made_at = time.monotonic()
        self._waiting.set()
        self._waiting = asyncio.Event()

    def _made(self, now: int) -> Picture | None:
        plan = self._plan.plan
        if plan is None:
            return None
        self._board.figures.turn(now)
        fresh = self._endpoints is not None and time.monotonic() - self._told_at < OLD
        lines = _states(plan, self._endpoints if fresh else None, self._board.seen, now)
        live = self._board.live()
        return Picture(
            at=now,
            service=plan.service.name,
            number=plan.service.number,
            language=plan.service.language,
            zone=str(plan.service.timezone),
            daemon=daemon_state(self._settings),
            trouble=sorted(self._trouble),
            calls=live[:SHOWN],
            more=max(0, len(live) - SHOWN),
            takers=takers(self._board, plan, lines, now),
            agencies=agencies(self._board, plan, lines),
            today=self._board.figures.today(),
        )

    def _amiss(self, what: Literal["journal", "asterisk", "plan"], why: str) -> None:
        if what not in self._trouble:
            log.warning("the wallboard cannot read what it shows", action="wallboard", what=what, error=why)
        self._trouble.add(what)

    def _well(self, what: Literal["journal", "asterisk", "plan"]) -> None:
        self._trouble.discard(what)


def _states(
    plan: Plan, there: Mapping[Key, Endpoint] | None, seen: Seen, now_us: int
) -> dict[str, LineState]:
    """What Asterisk says now; what the line watch said where it does not, or where a trunk is not registered, which
    only the line watch knows."""
    states: dict[str, LineState] = {}
    for owner, line in plan.lines():
        state = _state(line, there)
        held = seen.line(owner, line.number, now_us)
        trunk = seen.trunk(line.trunk, now_us) if line.trunk else None
        if trunk is not None and trunk.state == "unregistered":
            state = "unreachable"
        elif state == "unknown" and held is not None and held.state in ("ready", "unreachable"):
            state = "ready" if held.state == "ready" else "unreachable"
        states[line.number] = state
    return states


def _state(line: Line, there: Mapping[Key, Endpoint] | None) -> LineState:
    if there is None:
        return "unknown"
    endpoint = there.get(endpoint_of(line.dial))
    if endpoint is None or endpoint.state == "offline":
        return "unreachable"
    return "busy" if endpoint.channel_ids and line.trunk is None else "ready"


def daemon_state(settings: Settings) -> Literal["serves", "hangs", "absent"]:
    """Whether a daemon serves, by the journal's lock and its heartbeat."""
    if holder(settings.journal) is None:
        return "absent"
    still = (time.monotonic_ns() - read_beat(settings.journal).mono_ns) / 1e9
    return "hangs" if still > HUNG else "serves"
