"""One 112 office through the years: callers come, the real model decides, people act; what is journalled comes out, in
order.

A lean switch: the same stimuli into the same :func:`pbx112.model.decide.decide` as in the daemon, without Asterisk,
event loop or disk, so that a year takes minutes. Where the daemon asks Asterisk for something, here somebody of
:mod:`lab.traffic.people` does it. (The whole switch in virtual time is :mod:`pbx112.simulate`.)
"""

from __future__ import annotations

import heapq
import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from random import Random
from typing import cast

from lab.traffic.acts import Acts, Live
from lab.traffic.desk import Desk
from lab.traffic.outages import US, Outage, fallback_call, outages
from lab.traffic.people import Citizen, People
from lab.traffic.seasons import Arrival, arrivals
from pbx112 import __version__
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.journal import Draft
from pbx112.model import events as ev
from pbx112.model import stimuli as st
from pbx112.model.caller import Caller, read_caller
from pbx112.model.decide import arrive, decide
from pbx112.model.described import describe
from pbx112.model.events import Instant
from pbx112.model.state import Call, Ended, begin, due, evolve
from pbx112.plan.types import Plan
from pbx112.switch.calls import Calls
from pbx112.switch.live import LiveCall
from pbx112.switch.record import draft

CELLS = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=51010{:08X}"


class Office:
    """The office `node` with `plan`, from `begins` on: `calls` calls, `per_day` of them on an ordinary day, and more in
    bursts. The same `seed` makes the same events, to the byte."""

    def __init__(self, node: str, plan: Plan, *, seed: int, begins: date, calls: int, per_day: float) -> None:
        self.node = node
        self._plan = plan
        self._zone = plan.service.timezone
        self._chance = Random(f"{seed} {node}")
        self._people = People(self._chance, plan)
        self._arrivals = itertools.islice(
            arrivals(Random(f"{seed} {node} arrivals"), begins, per_day, self._zone), calls
        )
        self._calls = Calls(lambda: self._instant().mono_ns)
        self._desk = Desk(self._chance, plan, self._calls.ledger)
        self._acts = Acts(self._chance, plan, self._people, self._desk, self)
        self._in_use = Counter[str]()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._out: list[Draft] = []
        start = datetime(begins.year, begins.month, begins.day, tzinfo=self._zone)
        self._now = round(start.timestamp()) * US
        self._boot_us = self._now - 86_400 * US
        self._outages = outages(Random(f"{seed} {node} outages"), self._now)
        self._live: dict[str, Live] = {}
        self._missed: list[Arrival] | None = None
        self._down = self._looking = False
        self._coming = True
        self._number = 0

    # --- the stream

    def drafts(self) -> Iterator[Draft]:
        """Everything that is journalled, in order."""
        self._starts()
        self._next_caller()
        self._next_outage()
        self._hour_passes()
        while self._heap:
            at, _, act = heapq.heappop(self._heap)
            self._now = max(self._now, at)
            act()
            if self._out:
                yield from self._out
                self._out.clear()

    def _at(self, at_us: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (at_us, next(self._order), act))

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        self._at(self._now + max(1, round(seconds * US)), act)

    def _instant(self) -> Instant:
        return Instant(self._now, (self._now - self._boot_us) * 1000)

    @property
    def now_us(self) -> int:
        """See :class:`lab.traffic.acts.Stage`, as of all that is public here."""
        return self._now

    def local(self) -> datetime:
        return datetime.fromtimestamp(self._now / US, UTC).astimezone(self._zone)

    def _note(self, subject: str, event: ev.Event) -> None:
        self._out.append(draft(subject, event, self._instant(), self._plan.hash))

    def _starts(self) -> None:
        boot = uuid.UUID(int=Random(self._boot_us).getrandbits(128), version=4)
        self._note("", ev.DaemonStarted(__version__, str(boot), self.node))
        self._note("", ev.PlanLoaded(self._plan.hash))

    @property
    def _serves(self) -> bool:
        return self._missed is None and not self._down

    def _hour_passes(self) -> None:
        if self._serves:
            for event in self._desk.said(self._instant(), self.local()):
                self._note("", event)
        if self._coming:
            self._at((self._now // (3600 * US) + 1) * 3600 * US, self._hour_passes)

    # --- the daemon comes and goes

    def _next_outage(self) -> None:
        outage = next(self._outages)
        self._at(outage.begins_us, lambda: self._stops(outage))

    def _stops(self, outage: Outage) -> None:
        if not self._coming:
            return
        match outage.kind:
            case "restart":
                self._starts()
                self._resume(st.Resumed())
                self._next_outage()
            case "away" if self._live:  # it is waited for until nobody talks
                self._in(20.0, lambda: self._stops(outage))
            case "away":
                self._note("", ev.DaemonStopped("SIGTERM"))
                self._missed = []
                self._at(max(outage.ends_us, self._now + 10 * US), self._is_back)
            case "reboot" if not self._live:
                self._in(20.0, lambda: self._stops(outage))
            case "reboot":
                self._down = True
                self._at(self._now + outage.ends_us - outage.begins_us, self._has_booted)

    def _is_back(self) -> None:
        """The daemon is there again, and takes over what the dialplan did."""
        self._starts()
        missed, self._missed = self._missed or [], None
        told = [self._handled_alone(arrival) for arrival in missed]
        for call in sorted(told, key=lambda call: call.events[-1][0].utc_us):
            self._out += [draft(call.call_id, event, at, call.plan) for at, event in call.events]
        self._now = max([self._now, *(call.events[-1][0].utc_us for call in told)])
        self._next_outage()

    def _has_booted(self) -> None:
        """Asterisk has forgotten every call; who called meanwhile got nothing from us, and is in no record."""
        self._down = False
        self._boot_us = self._now - 40 * US
        self._starts()
        self._resume(st.Resumed(asterisk_restarted=True))
        ledger, self._calls = self._calls.ledger, Calls(lambda: self._instant().mono_ns)
        self._calls.ledger = ledger
        self._next_outage()

    def _resume(self, resumed: st.Resumed) -> None:
        for call_id in list(self._live):
            self._tell(call_id, resumed)

    def _handled_alone(self, arrival: Arrival) -> FallbackCall:
        local = datetime.fromtimestamp(arrival.at_us / US, UTC).astimezone(self._zone)
        citizen = self._people.citizen(arrival.incident)
        call_id = self._call_id(arrival.at_us)
        here = self._desk.here()
        return fallback_call(call_id, arrival.at_us, citizen, self._people, self._plan, local, here)

    # --- a call

    def _call_id(self, at_us: int) -> str:
        """As Asterisk makes them, with its `systemname` in front."""
        self._number += 1
        return f"{self.node}-{at_us // US}.{self._number}"

    def _next_caller(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is None:
            self._coming = False
        else:
            self._at(arrival.at_us, lambda: self._comes(arrival))

    def _comes(self, arrival: Arrival) -> None:
        self._next_caller()
        if self._down:
            return
        if self._missed is not None:
            self._missed.append(arrival)
            return
        citizen = self._people.citizen(arrival.incident)
        caller = _caller(citizen.number, self._plan.service.country)
        call_id = self._call_id(self._now)
        arrived = st.Arrived(
            channel=call_id,
            caller_raw=caller.raw,
            caller=caller.e164,
            callable=caller.callable,
            dialled=self._plan.service.number,
            source=citizen.source,
            noted=citizen.described,
        )
        now = self._instant()
        first, *others = arrive(call_id, arrived, self._plan, self._calls.world(None, now))
        call = begin(call_id, first, now)
        assert call is not None
        live = self._live[call_id] = Live(citizen, call)
        self._calls.add(cast(LiveCall, live))
        self._note(call_id, first)
        self._happened(live, others)
        self._in(citizen.patience, lambda: self._loses_patience(call_id))
        if citizen.described:
            self.tell_in(0.06, call_id, st.Described(self._described(citizen, caller)))

    def _described(self, citizen: Citizen, caller: Caller) -> ev.CallerDescribed:
        identity = f"<sip:{caller.e164 or 'anonymous'}@ims.example>"
        event = describe([identity, CELLS.format(self._chance.randrange(40) * 256 + 1)])
        assert event is not None
        return event

    def busy(self, number: str) -> bool:
        """Whether this line rings or talks for another call."""
        return self._in_use[number] > 1

    def note_in(self, seconds: float, call_id: str, event: ev.CallEvent) -> None:
        """An ended call's event, where a daemon serves then."""
        self._in(seconds, lambda: self._note(call_id, event) if self._serves else None)

    def tell_in(self, seconds: float, call_id: str, stimulus: st.Stimulus) -> None:
        self._in(seconds, partial(self._tell, call_id, stimulus))

    def _tell(self, call_id: str, stimulus: st.Stimulus) -> None:
        live = self._live.get(call_id)
        if live is None or self._down:
            return
        if events := decide(live.call, stimulus, self._plan, self._calls.world(live.call, self._instant())):
            self._happened(live, events)

    def _happened(self, live: Live, events: list[ev.CallEvent]) -> None:
        """Journal it, and let people act on it."""
        now, call_id, before = self._instant(), live.call.call_id, live.call
        for event in events:
            self._note(call_id, event)
            live.call = evolve(live.call, event, now)
        self._calls.moved(before, live.call)
        self._follow(before, live.call)
        for event in events:
            self._acts.react(live, event)
        if isinstance(live.call.situation, Ended):
            del self._live[call_id]
            self._calls.forget(cast(LiveCall, live))
        self._set_alarm(live)
        self._look_for_room()

    def _follow(self, before: Call, after: Call) -> None:
        """Which phones ring or talk: another call finds them busy."""
        for leg in after.legs[len(before.legs) :]:
            self._in_use[leg.target.number] += leg.live
        for was, leg in zip(before.legs, after.legs, strict=False):
            self._in_use[leg.target.number] -= was.live - leg.live

    def _look_for_room(self) -> None:
        """As the switch does: whoever is first in a line is told, and once a second while anybody waits."""
        if self._calls.anyone_waits and not self._looking:
            self._looking = True
            self._in(0.0, self._tell_first_waiting)

    def _tell_first_waiting(self) -> None:
        self._looking = False
        for first in self._calls.first_waiting():
            self._tell(first.call_id, st.RoomMade())
        if self._calls.anyone_waits and not self._looking:
            self._looking = True
            self._in(1.0, self._tell_first_waiting)

    def _set_alarm(self, live: Live) -> None:
        moment = due(live.call)
        if moment is None:
            return
        at = self._boot_us + -(-moment // 1000)
        if not live.alarm_us or at < live.alarm_us:
            live.alarm_us = at
            self._at(at, lambda: self._alarm(live, at))

    def _alarm(self, live: Live, at: int) -> None:
        if live.alarm_us != at or live.call.call_id not in self._live:
            return
        live.alarm_us = 0
        if self._down:
            return
        moment = due(live.call)
        if moment is not None and moment <= self._instant().mono_ns:
            self._tell(live.call.call_id, st.TimePassed())
        self._set_alarm(live)

    def _loses_patience(self, call_id: str) -> None:
        live = self._live.get(call_id)
        if live is not None and not live.call.accepted:
            self._tell(call_id, st.CallerHungUp(16))


@lru_cache(maxsize=8192)
def _caller(sent: str, country: str) -> Caller:
    return read_caller(sent, country)
