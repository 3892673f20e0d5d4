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
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from random import Random
from typing import cast

from lab.traffic.desk import Desk
from lab.traffic.outages import US, Outage, fallback_call, outages
from lab.traffic.people import Citizen, Intent, People
from lab.traffic.seasons import Arrival, arrivals
from pbx112 import __version__
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.journal import Draft
from pbx112.model import events as ev
from pbx112.model import stimuli as st
from pbx112.model.caller import Caller, read_caller
from pbx112.model.decide import arrive, decide
from pbx112.model.described import describe
from pbx112.model.events import Disposition, Instant, LegResult, Outcome
from pbx112.model.state import Call, Leg, Talking, begin, due, evolve
from pbx112.plan.types import Plan
from pbx112.switch.calls import Calls
from pbx112.switch.live import LiveCall
from pbx112.switch.record import draft

SERVED = frozenset({Outcome.ANSWERED, Outcome.FALLBACK_ANSWERED})
CELLS = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=51010{:08X}"


@dataclass(slots=True)
class _Live:
    """A call that goes on. `intent` is what its operator does, once somebody has accepted; `alarm_us` when it is looked
    at anew, 0: not at all."""

    citizen: Citizen
    call: Call
    alarm_us: int = 0
    intent: Intent | None = None
    recorded: dict[str, int] = field(default_factory=dict)

    @property
    def call_id(self) -> str:
        """Its id: with its state all that :class:`Calls` asks of a live call."""
        return self.call.call_id


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
        self._in_use = Counter[str]()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._out: list[Draft] = []
        start = datetime(begins.year, begins.month, begins.day, tzinfo=self._zone)
        self._now = round(start.timestamp()) * US
        self._boot_us = self._now - 86_400 * US
        self._outages = outages(Random(f"{seed} {node} outages"), self._now)
        self._live: dict[str, _Live] = {}
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

    def _local(self) -> datetime:
        return datetime.fromtimestamp(self._now / US, UTC).astimezone(self._zone)

    def _note(self, subject: str, event: ev.Event) -> None:
        self._out.append(draft(subject, event, self._instant(), self._plan.hash))

    def _starts(self) -> None:
        boot = uuid.UUID(int=Random(self._boot_us).getrandbits(128), version=4)
        self._note("", ev.DaemonStarted(__version__, str(boot), self.node))
        self._note("", ev.PlanLoaded(self._plan.hash))

    def _hour_passes(self) -> None:
        if self._missed is None and not self._down:
            for event in self._desk.said(self._instant(), self._local()):
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
        live = self._live[call_id] = _Live(citizen, call)
        self._calls.add(cast(LiveCall, live))
        self._note(call_id, first)
        self._happened(live, others)
        self._in(citizen.patience, lambda: self._loses_patience(call_id))
        if citizen.described:
            self._tell_in(0.06, call_id, st.Described(self._described(citizen, caller)))

    def _described(self, citizen: Citizen, caller: Caller) -> ev.CallerDescribed:
        identity = f"<sip:{caller.e164 or 'anonymous'}@ims.example>"
        event = describe([identity, CELLS.format(self._chance.randrange(40) * 256 + 1)])
        assert event is not None
        return event

    def _tell_in(self, seconds: float, call_id: str, stimulus: st.Stimulus) -> None:
        self._in(seconds, partial(self._tell, call_id, stimulus))

    def _tell(self, call_id: str, stimulus: st.Stimulus) -> None:
        live = self._live.get(call_id)
        if live is None or self._down:
            return
        if events := decide(live.call, stimulus, self._plan, self._calls.world(live.call, self._instant())):
            self._happened(live, events)

    def _happened(self, live: _Live, events: list[ev.CallEvent]) -> None:
        """Journal it, and let people act on it."""
        now, call_id, before = self._instant(), live.call.call_id, live.call
        for event in events:
            self._note(call_id, event)
            live.call = evolve(live.call, event, now)
        self._calls.moved(before, live.call)
        self._follow(before, live.call)
        for event in events:
            self._react(live, event)
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

    def _set_alarm(self, live: _Live) -> None:
        moment = due(live.call)
        if moment is None:
            return
        at = self._boot_us + -(-moment // 1000)
        if not live.alarm_us or at < live.alarm_us:
            live.alarm_us = at
            self._at(at, lambda: self._alarm(live, at))

    def _alarm(self, live: _Live, at: int) -> None:
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

    # --- what people and phones do

    def _react(self, live: _Live, event: ev.CallEvent) -> None:
        call_id, chance = live.call.call_id, self._chance
        match event:
            case ev.LegOffered(placed=True):
                self._rings(live, event)
            case ev.LegAnswered(leg=number):
                leg = live.call.leg(number)
                if leg is not None and leg.help and leg.target.accept == "pickup":
                    self._tell_in(chance.uniform(2.0, 4.5), call_id, st.Briefed(number))
            case ev.LegAccepted(leg=number):
                leg = live.call.leg(number)
                if leg is not None:
                    self._joins(live, leg)
            case ev.MenuOffered(attempt=attempt):
                spoken = 24.0
                self._tell_in(spoken, call_id, st.PromptDone("menu", True))
                if live.citizen.key and attempt == 1:
                    self._tell_in(live.citizen.key_after + 4.0, call_id, st.KeyPressed(live.citizen.key))
            case ev.AnnouncementStarted():
                self._tell_in(9.0, call_id, st.PromptDone("announcement", True))
            case ev.CallQueued():
                self._tell_in(5.0, call_id, st.PromptDone("waiting", True))
            case ev.CallerHeld():
                self._tell_in(5.0, call_id, st.PromptDone("held", True))
            case ev.WaitAnnounced():
                word: st.Prompt = "held" if live.call.held else "waiting"
                self._tell_in(5.0, call_id, st.PromptDone(word, True))
            case ev.KeyAsked() if live.citizen.kind is Disposition.NORMAL or chance.random() < 0.03:
                self._tell_in(chance.uniform(6.0, 12.0), call_id, st.KeyPressed("5"))
            case ev.CallEnded(outcome=outcome):
                self._ended(live, outcome)
            case _:
                pass

    def _rings(self, live: _Live, event: ev.LegOffered) -> None:
        call_id, number, target = live.call.call_id, event.leg, event.target
        busy = self._in_use[target.number] > 1
        does = self._people.rung(
            target, self._local(), busy=busy, there=self._desk.there(target.number), storm=live.citizen.storm
        )
        if does.does == "unreachable":
            self._tell_in(0.02, call_id, st.Refused(number, True, "unreachable"))
            return
        if does.says_ringing is not None:
            self._tell_in(does.says_ringing, call_id, st.Rang(number))
        if does.does == "ends":
            self._tell_in(does.after, call_id, st.HungUp(number, does.cause, does.sip))
        elif does.does == "answers":
            self._tell_in(does.after, call_id, st.PickedUp(number))
            for after, digit in does.presses:
                self._tell_in(does.after + after, call_id, st.KeyPressed(digit, number))
            if does.talks is not None:
                self._tell_in(does.after + does.talks, call_id, st.HungUp(number, 16))

    def _joins(self, live: _Live, leg: Leg) -> None:
        """A human has accepted, for the caller or called in."""
        call_id, chance, call = live.call.call_id, self._chance, live.call
        talk = call.situation
        if call.arrival.record and isinstance(talk, Talking) and talk.recording not in live.recorded:
            live.recorded[talk.recording] = self._now
            started = st.RecordingReported(ev.RecordingStarted(talk.recording))
            self._tell_in(0.1, call_id, started)
        if help_ := call.help(leg.help):
            if help_.consult:
                back = "#2" if chance.random() < 0.15 else "#1"
                self._tell_in(chance.uniform(5.0, 25.0), call_id, st.CodeDialled(back, help_.by))
            elif live.intent is not None and live.intent.hands_over is not None:
                self._tell_in(live.intent.hands_over, call_id, st.HungUp(help_.by, 16))
            return
        if live.intent is not None:
            return  # a talk that was broken or handed back: the caller leaves when it meant to
        intent = live.intent = self._people.intent(live.citizen, leg.target.owner)
        if live.citizen.speaks:
            self._tell_in(chance.uniform(0.6, 3.0), call_id, st.CallerHeard())
        for after, keys in intent.codes:
            self._tell_in(after, call_id, st.CodeDialled(keys, leg.number))
        talk_for = live.citizen.talk
        if intent.breaks:
            self._tell_in(talk_for * 0.5, call_id, st.HungUp(leg.number, 44))
        elif intent.ends:
            self._tell_in(talk_for, call_id, st.HungUp(leg.number, 16))
            talk_for += chance.uniform(5.0, 40.0)
        self._tell_in(talk_for, call_id, st.CallerHungUp(16))

    def _ended(self, live: _Live, outcome: Outcome) -> None:
        """What follows a call: the recording's end, a mark, a call back; and a turn for who waits."""
        call, chance = live.call, self._chance
        del self._live[call.call_id]
        self._calls.forget(cast(LiveCall, live))
        for name, since in live.recorded.items():
            draw, seconds = chance.random(), round((self._now - since) / US, 3)
            if draw < 0.004:
                failed = ev.RecordingFailed(name, "disk full" if draw < 0.001 else "recorder failed")
                self._in(0.2, partial(self._note, call.call_id, failed))
            elif draw > 0.002 + 0.004:
                finished = ev.RecordingFinished(name, max(0.0, seconds - 0.1))
                self._in(chance.uniform(0.1, 0.6), partial(self._note, call.call_id, finished))
        talked = next((leg for leg in call.legs if leg.result is LegResult.ACCEPTED), None)
        if live.intent is not None and live.intent.late is not None and talked is not None:
            mark = ev.CallMarked(talked.target.number, disposition=self._people.seen(live.citizen.kind))
            self._in(live.intent.late, partial(self._note, call.call_id, mark))
        if outcome not in SERVED and call.arrival.callable and self._desk.anyone() and chance.random() < 0.45:
            self._in(chance.uniform(120, 2400), lambda: self._calls_back(call))

    def _calls_back(self, call: Call) -> None:
        if not self._desk.anyone() or self._missed is not None:
            return
        chance, by = self._chance, sorted(self._desk.here())[0]
        trunk = next(iter(self._plan.trunks))
        self._note(call.call_id, ev.CallBackPlaced(by, call.arrival.caller or "", trunk))
        result = chance.choices(("answer", "noanswer", "busy", "chanunavail", "cancel"), (55, 25, 8, 9, 3))[0]
        talked = round(chance.lognormvariate(3.6, 0.6), 1) if result == "answer" else 0.0
        ended = ev.CallBackEnded(by, result, talked)
        self._in(chance.uniform(4, 30) + talked, partial(self._note, call.call_id, ended))


@lru_cache(maxsize=8192)
def _caller(sent: str, country: str) -> Caller:
    return read_caller(sent, country)
