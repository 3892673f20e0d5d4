"""What people and phones do about what happens to a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Protocol

from lab.traffic.desk import Desk
from lab.traffic.outages import US
from lab.traffic.people import Citizen, Intent, People
from pbx112.model import events as ev
from pbx112.model import stimuli as st
from pbx112.model.events import Disposition, LegResult, Outcome
from pbx112.model.state import Call, Leg, Talking
from pbx112.plan.types import Plan

SERVED = frozenset({Outcome.ANSWERED, Outcome.FALLBACK_ANSWERED})


@dataclass(slots=True)
class Live:
    """A call that goes on. `intent` is what its operator does, once somebody has accepted; `alarm_us` when it is looked
    at anew, 0: not at all; `recorded` when each recording began (UTC, microseconds)."""

    citizen: Citizen
    call: Call
    alarm_us: int = 0
    intent: Intent | None = None
    recorded: dict[str, int] = field(default_factory=dict)

    @property
    def call_id(self) -> str:
        """Its id: with its state all that :class:`pbx112.switch.calls.Calls` asks of a live call."""
        return self.call.call_id


class Stage(Protocol):
    """Where they act."""

    @property
    def now_us(self) -> int:
        """The moment, UTC in microseconds."""

    def local(self) -> datetime:
        """The moment, on the office's wall."""

    def busy(self, number: str) -> bool:
        """Whether this line rings or talks for another call."""

    def tell_in(self, seconds: float, call_id: str, stimulus: st.Stimulus) -> None:
        """The call hears of it so many seconds later."""

    def note_in(self, seconds: float, call_id: str, event: ev.CallEvent) -> None:
        """It happens so many seconds later, the call being over; nobody hears of it where no daemon serves then."""


class Acts:
    """Everybody who has to do with the calls of one office."""

    def __init__(self, chance: Random, plan: Plan, people: People, desk: Desk, stage: Stage) -> None:
        self._chance, self._plan, self._people, self._desk, self._stage = chance, plan, people, desk, stage

    def react(self, live: Live, event: ev.CallEvent) -> None:
        """`event` has happened to `live`."""
        call_id, chance = live.call.call_id, self._chance
        match event:
            case ev.LegOffered(placed=True):
                self._rings(live, event)
            case ev.LegAnswered(leg=number):
                leg = live.call.leg(number)
                if leg is not None and leg.help and leg.target.accept == "pickup":
                    self._stage.tell_in(chance.uniform(2.0, 4.5), call_id, st.Briefed(number))
            case ev.LegAccepted(leg=number):
                leg = live.call.leg(number)
                if leg is not None:
                    self._joins(live, leg)
            case ev.MenuOffered(attempt=attempt):
                spoken = 24.0
                self._stage.tell_in(spoken, call_id, st.PromptDone("menu", True))
                if live.citizen.key and attempt == 1:
                    self._stage.tell_in(
                        live.citizen.key_after + 4.0, call_id, st.KeyPressed(live.citizen.key)
                    )
            case ev.StageEntered() if live.call.saying == "next":
                self._stage.tell_in(4.0, call_id, st.PromptDone("next", True))
            case ev.AnnouncementStarted():
                self._stage.tell_in(9.0, call_id, st.PromptDone("announcement", True))
            case ev.CallQueued():
                self._stage.tell_in(5.0, call_id, st.PromptDone("waiting", True))
            case ev.CallerHeld():
                self._stage.tell_in(5.0, call_id, st.PromptDone("held", True))
            case ev.WaitAnnounced():
                word: st.Prompt = "held" if live.call.held else "waiting"
                self._stage.tell_in(5.0, call_id, st.PromptDone(word, True))
            case ev.KeyAsked() if live.citizen.kind is Disposition.NORMAL or chance.random() < 0.03:
                self._stage.tell_in(chance.uniform(6.0, 12.0), call_id, st.KeyPressed("5"))
            case ev.CallEnded(outcome=outcome):
                self._ended(live, outcome)
            case _:
                pass

    def _rings(self, live: Live, event: ev.LegOffered) -> None:
        call_id, number, target = live.call.call_id, event.leg, event.target
        busy = self._stage.busy(target.number)
        does = self._people.rung(
            target,
            self._stage.local(),
            busy=busy,
            there=self._desk.there(target.number),
            storm=live.citizen.storm,
        )
        if does.does == "unreachable":
            self._stage.tell_in(0.02, call_id, st.Refused(number, True, "unreachable"))
            return
        if does.says_ringing is not None:
            self._stage.tell_in(does.says_ringing, call_id, st.Rang(number))
        if does.does == "ends":
            self._stage.tell_in(does.after, call_id, st.HungUp(number, does.cause, does.sip))
        elif does.does == "answers":
            self._stage.tell_in(does.after, call_id, st.PickedUp(number))
            for after, digit in does.presses:
                self._stage.tell_in(does.after + after, call_id, st.KeyPressed(digit, number))
            if does.talks is not None:
                self._stage.tell_in(does.after + does.talks, call_id, st.HungUp(number, 16))

    def _joins(self, live: Live, leg: Leg) -> None:
        """A human has accepted, for the caller or called in."""
        call_id, chance, call = live.call.call_id, self._chance, live.call
        talk = call.situation
        if call.arrival.record and isinstance(talk, Talking) and talk.recording not in live.recorded:
            live.recorded[talk.recording] = self._stage.now_us
            started = st.RecordingReported(ev.RecordingStarted(talk.recording))
            self._stage.tell_in(0.1, call_id, started)
        if help_ := call.help(leg.help):
            if help_.consult:
                back = "#2" if chance.random() < 0.15 else "#1"
                self._stage.tell_in(chance.uniform(5.0, 25.0), call_id, st.CodeDialled(back, help_.by))
            elif live.intent is not None and live.intent.hands_over is not None:
                self._stage.tell_in(live.intent.hands_over, call_id, st.HungUp(help_.by, 16))
            return
        if live.intent is not None:
            return  # a talk that was broken or handed back: the caller leaves when it meant to
        intent = live.intent = self._people.intent(live.citizen, leg.target.owner)
        if live.citizen.speaks:
            self._stage.tell_in(chance.uniform(0.6, 3.0), call_id, st.CallerHeard())
        for after, keys in intent.codes:
            self._stage.tell_in(after, call_id, st.CodeDialled(keys, leg.number))
        talk_for = live.citizen.talk
        if intent.breaks:
            self._stage.tell_in(talk_for * 0.5, call_id, st.HungUp(leg.number, 44))
        elif intent.ends:
            self._stage.tell_in(talk_for, call_id, st.HungUp(leg.number, 16))
            talk_for += chance.uniform(5.0, 40.0)
        self._stage.tell_in(talk_for, call_id, st.CallerHungUp(16))

    def _ended(self, live: Live, outcome: Outcome) -> None:
        """What follows a call: the recording's end, a mark, a call back."""
        call, chance = live.call, self._chance
        for name, since in live.recorded.items():
            draw, seconds = chance.random(), round((self._stage.now_us - since) / US, 3)
            if draw < 0.004:
                failed = ev.RecordingFailed(name, "disk full" if draw < 0.001 else "recorder failed")
                self._stage.note_in(0.2, call.call_id, failed)
            elif draw > 0.002 + 0.004:
                finished = ev.RecordingFinished(name, max(0.0, seconds - 0.1))
                self._stage.note_in(chance.uniform(0.1, 0.6), call.call_id, finished)
        talked = next((leg for leg in call.legs if leg.result is LegResult.ACCEPTED), None)
        if live.intent is not None and live.intent.late is not None and talked is not None:
            mark = ev.CallMarked(talked.target.number, disposition=self._people.seen(live.citizen.kind))
            self._stage.note_in(live.intent.late, call.call_id, mark)
        if outcome not in SERVED and call.arrival.callable and self._desk.anyone() and chance.random() < 0.45:
            self._call_back(call, chance.uniform(120, 2400))

    def _call_back(self, call: Call, after: float) -> None:
        chance, by = self._chance, sorted(self._desk.here())[0]
        trunk = next(iter(self._plan.trunks))
        result = chance.choices(("answer", "noanswer", "busy", "chanunavail", "cancel"), (55, 25, 8, 9, 3))[0]
        talked = round(chance.lognormvariate(3.6, 0.6), 1) if result == "answer" else 0.0
        placed = ev.CallBackPlaced(by, call.arrival.caller or "", trunk)
        self._stage.note_in(after, call.call_id, placed)
        ended = ev.CallBackEnded(by, result, talked)
        self._stage.note_in(after + chance.uniform(4, 30) + talked, call.call_id, ended)
