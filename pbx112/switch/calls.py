"""The calls that go on now, and which of them each channel belongs to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from pbx112.journal import Journal
from pbx112.model.events import Instant
from pbx112.model.state import Announcing, Call, InMenu, Reaching, Talking, Waiting
from pbx112.model.stimuli import World

from .ledger import Ledger
from .live import LiveCall
from .trunks import TrunkHours


class Calls:
    """All live calls by id. What is kept of a call goes with it."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._live: dict[str, LiveCall] = {}
        self._channels: dict[str, tuple[str, int | None]] = {}
        self._trunk_load: Counter[str] = Counter()
        self._serving: set[str] = set()
        self._waiting: dict[str, int] = {}
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
        self._waiting.pop(live.call_id, None)
        self._live.pop(live.call_id, None)
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
            len(self._serving) - (call_id in self._serving),
            self._ahead_of(call_id) if self._waiting else 0,
            self.ledger.away(now.utc_us),
            self.ledger.standby(now.utc_us),
        )

    async def recover_desk(self, journal: Journal, now: Instant) -> None:
        """What was said at the desk, and who was served, before we started."""
        await self.ledger.recover(journal, now)
        self.idle_since = self.ledger.idle_since | self.idle_since
        self.desk_known.set()

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        return len(self._waiting)

    @property
    def anyone_waits(self) -> bool:
        """Whether a caller waits for its turn."""
        return bool(self._waiting)

    def first_waiting(self) -> LiveCall | None:
        """Of the calls that wait, the one that came first."""
        first = min(self._waiting, key=self._turn, default="")
        return self._live.get(first)

    def _ahead_of(self, call_id: str) -> int:
        if call_id not in self._waiting:
            return len(self._waiting)
        mine = self._turn(call_id)
        return sum(self._turn(other) < mine for other in self._waiting)

    def _turn(self, call_id: str) -> tuple[int, str]:
        return self._waiting[call_id], call_id

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

    def _place(self, call: Call) -> None:
        """Whether the call is served now, or waits. (One that the fallback dialplan has is none of ours.)"""
        if isinstance(call.situation, Reaching | InMenu | Talking | Announcing):
            self._serving.add(call.call_id)
        else:
            self._serving.discard(call.call_id)
        if isinstance(call.situation, Waiting):
            self._waiting[call.call_id] = call.arrived.mono_ns
        else:
            self._waiting.pop(call.call_id, None)
