"""The calls that go on now, and which of them each channel belongs to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set

from pbx112.journal import Journal
from pbx112.model.events import Instant, LegResult
from pbx112.model.line import BEHIND, TAKERS, rank
from pbx112.model.state import SECOND, Announcing, Call, InMenu, Questioned, Reaching, Talking, Waiting
from pbx112.model.stimuli import World
from pbx112.model.waiting import OVERLOAD
from pbx112.plan.types import CALL_TAKERS

from .ledger import Ledger
from .live import LiveCall
from .trunks import TrunkHours

BUSY_FOR = 10.0
"""Seconds for which a phone that said that it is busy (with a call that is none of ours) counts as such."""

Turn = tuple[int, int, str]
"""Rank, arrival (monotonic nanoseconds), id: who waits goes on in this order."""

ARRIVING = BEHIND - 1
"""The rank of a call that arrives: it comes after all that wait, but for numbers from which pranks came."""


class Calls:
    """All live calls by id. What is kept of a call goes with it."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._live: dict[str, LiveCall] = {}
        self._channels: dict[str, tuple[str, int | None]] = {}
        self._trunk_load: Counter[str] = Counter()
        self._serving: set[str] = set()
        self._seeking: set[str] = set()
        self._lines: dict[str, dict[str, Turn]] = {}
        self._talks: dict[str, frozenset[str]] = {}
        self._talking: Counter[str] = Counter()
        self._said_busy: dict[str, int] = {}
        self.trunk_hours = TrunkHours()
        self.idle_since: dict[str, int] = {}
        """The monotonic nanosecond at which each line (by number) last ended a talk."""
        self.ledger = Ledger()
        self.called_back: Counter[str] = Counter()
        """Calls back that go on, on each trunk."""
        self.desk_known = asyncio.Event()
        """Set once the ledger holds what was before we started."""

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(list(self._live.values()))

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._live

    def get(self, call_id: str) -> LiveCall | None:
        """The live call with this id."""
        return self._live.get(call_id)

    def states(self) -> list[Call]:
        """What each call is now."""
        return [live.call for live in self._live.values() if live.call is not None]

    def add(self, live: LiveCall) -> None:
        """From here on its caller's channel leads to it."""
        self._live[live.call_id] = live
        self._channels[live.call_id] = (live.call_id, None)
        if live.call is not None:
            self._follow(None, live.call)

    def forget(self, live: LiveCall) -> None:
        """Nothing leads to it any more."""
        self._serving.discard(live.call_id)
        self._seeking.discard(live.call_id)
        self._talk(live.call_id, frozenset())
        self._leave_lines(live.call_id)
        if self._live.pop(live.call_id, None) is not None and live.call is not None:
            for leg in live.call.live_legs():  # given up in a fault of ours: nobody will tell of its end
                if leg.target.trunk is not None:
                    self._trunk_load[leg.target.trunk] -= 1
        for channel in (live.call_id, *(leg.channel for leg in (live.call.legs if live.call else ()))):
            self._channels.pop(channel, None)

    def of_channel(self, channel: str) -> tuple[LiveCall, int | None] | None:
        """The call that a channel belongs to, and the leg's number; None for the caller's."""
        call_id, number = self._channels.get(channel, ("", None))
        live = self._live.get(call_id)
        return None if live is None else (live, number)

    def is_live_leg(self, channel: str) -> bool:
        """Whether a line is still wanted on this channel."""
        known = self.of_channel(channel)
        if known is None or known[1] is None or known[0].call is None:
            return False
        leg = known[0].call.leg(known[1])
        return leg is not None and leg.live

    def world(self, call: Call | None, now: Instant) -> World:
        """What a decision of `call` (None: of one that arrives) may look at."""
        call_id = call.call_id if call else ""
        return World(
            now,
            self.load_beside(call),
            self.idle_since,
            self.trunk_hours.within_hour(now.mono_ns),
            serving=len(self._serving) - (call_id in self._serving),
            ahead=self._before(call, OVERLOAD),
            away=self.ledger.away(now.utc_us),
            standby=self.ledger.standby(now.utc_us),
            talking=self._talking_beside(call_id),
            engaged=self._engaged(now.mono_ns),
            seeking=len(self._seeking) - (call_id in self._seeking),
            before_takers=self._before(call, TAKERS),
        )

    async def recover_desk(self, journal: Journal, now: Instant, hours: int = 0) -> None:
        """What was said at the desk, who was served, and of the past `hours` who was a prank, before we started."""
        await self.ledger.recover(journal, now, hours)
        self.idle_since = self.ledger.idle_since | self.idle_since
        self.desk_known.set()

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        return sum(len(line) for line in self._lines.values())

    @property
    def anyone_waits(self) -> bool:
        """Whether a caller waits for its turn."""
        return any(self._lines.values())

    def first_waiting(self) -> list[LiveCall]:
        """Of each line the call whose turn is next."""
        firsts = [min(line, key=line.__getitem__) for line in self._lines.values() if line]
        return [live for first in firsts if (live := self._live.get(first)) is not None]

    def _before(self, call: Call | None, reason: str) -> int:
        """How many of this line come before the call (None: before one that arrives)."""
        line = self._lines.get(reason)
        if not line:
            return 0
        mine = _turn(call) if call else (ARRIVING, 0, "")
        return sum(turn < mine for turn in line.values())

    def _leave_lines(self, call_id: str) -> None:
        for line in self._lines.values():
            line.pop(call_id, None)

    def _engaged(self, now_ns: int) -> Set[str]:
        return {line for line, at in self._said_busy.items() if now_ns - at < BUSY_FOR * SECOND}

    def _talking_beside(self, call_id: str) -> Set[str]:
        """The lines in the talks of all calls but this one: who has just left this one's may be rung for it again."""
        own = self._talks.get(call_id)
        if not own:
            return self._talking.keys()
        return {line for line, talks in self._talking.items() if talks > (line in own)}

    def _talk(self, call_id: str, lines: frozenset[str]) -> None:
        """These lines are in this call's talk, and no others."""
        before = self._talks.pop(call_id, frozenset())
        if lines:
            self._talks[call_id] = lines
        if lines != before:
            self._talking.update(lines - before)
            self._talking.subtract(before - lines)
            self._talking = +self._talking

    def load_beside(self, call: Call | None) -> Mapping[str, int]:
        """How many live legs all calls but this one have on each trunk."""
        load = dict(self._trunk_load + self.called_back)
        for leg in call.live_legs() if call else ():
            if leg.target.trunk is not None:
                load[leg.target.trunk] -= 1
        return load

    def moved(self, before: Call | None, after: Call) -> None:
        """Watch the channels of new legs, keep the trunks' load, and who is served and who waits."""
        self._follow(before, after)
        for leg in after.legs[len(before.legs) if before else 0 :]:
            if leg.placed and leg.target.trunk is not None:
                self.trunk_hours.place(leg.target.trunk, self._clock())

    def _follow(self, before: Call | None, after: Call) -> None:
        if before is None or before.situation is not after.situation:
            self._place(after)
        if before is None or before.legs is not after.legs:
            self._talk(after.call_id, _in_talk(after))
        old = before.legs if before else ()
        for index, leg in enumerate(after.legs):
            was = old[index] if index < len(old) else None
            if was is leg:
                continue
            if was is None:
                self._channels[leg.channel] = (after.call_id, leg.number)
            trunk = leg.target.trunk
            if trunk is not None:
                self._trunk_load[trunk] += leg.live - (was.live if was else False)
            if was is not None and was.status == "accepted" and not leg.live:
                self.idle_since[leg.target.number] = self._clock()
            if was is not None and leg.result is LegResult.BUSY:  # just now, not before a restart
                self._said_busy[leg.target.number] = self._clock()

    def _place(self, call: Call) -> None:
        """Whether the call is served now, seeks a call taker, or waits. (One that the fallback dialplan has is none of
        ours.) Who waits for a call taker is in the house."""
        here = call.call_id
        self._leave_lines(here)
        self._serving.discard(here)
        self._seeking.discard(here)
        match call.situation:
            case Waiting(reason=reason):
                self._lines.setdefault(reason, {})[here] = _turn(call)
                served = reason == TAKERS
            case Reaching(owner=owner):
                served = True
                if owner == CALL_TAKERS:
                    self._seeking.add(here)
            case Questioned() | InMenu() | Talking() | Announcing():
                served = True
            case _:
                served = False
        if served:
            self._serving.add(here)


def _turn(call: Call) -> Turn:
    return rank(call), call.arrived.mono_ns, call.call_id


def _in_talk(call: Call) -> frozenset[str]:
    """The lines of this call at which somebody has picked up."""
    return frozenset(leg.target.number for leg in call.legs if leg.status in ("answered", "accepted"))
