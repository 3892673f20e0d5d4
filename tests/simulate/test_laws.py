"""The laws hold in virtual time; and where the model is broken on purpose, the simulator says which law is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pytest

from pbx112.model import asks, react, stimuli
from pbx112.model import events as ev
from pbx112.model.decide import decide
from pbx112.model.events import CallEvent, LegResult, Outcome
from pbx112.model.reach import offer
from pbx112.model.state import Call, Leg, Reaching
from pbx112.model.stimuli import Stimulus, World
from pbx112.model.story import Story
from pbx112.plan.types import CALL_TAKERS, Plan
from pbx112.simulate.laws import LAWS
from pbx112.simulate.run import Failure, run_world, run_worlds
from pbx112.switch.calls import Calls
from pbx112.switch.live import LiveCall

WORLDS = 40
"""In which a mutation has to be found; most are in the first."""


def first_failure() -> Failure | None:
    return next((result.failure for result in run_worlds(1, WORLDS, workers=1) if result.failure), None)


def test_the_laws_hold() -> None:
    assert first_failure() is None


def test_the_same_number_is_the_same_world() -> None:
    """Also in another process, whose sets and dictionaries are in another order."""
    script = (
        "from pbx112.simulate.run import *; quiet(); story = []; "
        "run_world(5, story.append); print(*story, sep='\\n')"
    )
    stories = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": order},
            capture_output=True,
            check=True,
        ).stdout
        for order in ("1", "2")
    ]
    assert stories[0] == stories[1]
    assert len(stories[0].splitlines()) > 200


def test_what_went_wrong_is_counted() -> None:
    seen = run_world(3).seen
    assert seen["event:CallArrived"] > 0
    assert sum(count for what, count in seen.items() if what.startswith("outcome:")) > 0


# --- the model, broken on purpose: what it decides, changed ---

Decided = Callable[[Call, Stimulus, list[CallEvent]], Sequence[CallEvent]]


def hears_no_clock(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    return [] if isinstance(stimulus, stimuli.TimePassed) else events


def accepts_twice(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    return [copy for event in events for copy in ([event] * (1 + isinstance(event, ev.LegAccepted)))]


def ends_legs_twice(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    return [copy for event in events for copy in ([event] * (1 + isinstance(event, ev.LegEnded)))]


def forgets_the_next_line(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    return [event for event in events if not (call.legs and isinstance(event, ev.LegOffered))]


def dials_what_the_caller_sent(
    call: Call, stimulus: Stimulus, events: list[CallEvent]
) -> Sequence[CallEvent]:
    dial = f"PJSIP/{call.arrival.caller_raw}@gsm"
    return [
        msgspec.structs.replace(event, target=msgspec.structs.replace(event.target, dial=dial))
        if isinstance(event, ev.LegOffered)
        else event
        for event in events
    ]


def drops_the_caller_with_the_line(
    call: Call, stimulus: Stimulus, events: list[CallEvent]
) -> Sequence[CallEvent]:
    lost = any(isinstance(event, ev.LegEnded) and event.detail == "lost" for event in events)
    alone = len(call.live_legs()) == 1  # else the other legs would lack their results: another law
    return [*events[:1], ev.CallEnded(Outcome.ANSWERED, "system")] if lost and alone else events


def loses_the_human_s_credit(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    return [
        msgspec.structs.replace(event, outcome=Outcome.ABANDONED_RINGING)
        if isinstance(event, ev.CallEnded)
        else event
        for event in events
    ]


def ends_without_results(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    ending = any(isinstance(event, ev.CallEnded) for event in events)
    return [event for event in events if not (ending and isinstance(event, ev.LegEnded))]


def does_not_accept(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    """A human who picked up is left with a silent receiver, the other lines with it."""
    return events[:1] if isinstance(stimulus, stimuli.PickedUp) else events


def stumbles(call: Call, stimulus: Stimulus, events: list[CallEvent]) -> Sequence[CallEvent]:
    if isinstance(stimulus, stimuli.HungUp) and isinstance(call.situation, Reaching):
        raise KeyError(stimulus.leg)
    return events


@pytest.mark.parametrize(
    ("changed", "laws"),
    [
        (hears_no_clock, {"due_is_met"}),
        (accepts_twice, {"one_human"}),
        (ends_legs_twice, {"one_result"}),
        (forgets_the_next_line, {"reaching_rings", "something_due"}),
        (dials_what_the_caller_sent, {"only_the_plan"}),
        (drops_the_caller_with_the_line, {"never_hung_up"}),
        (loses_the_human_s_credit, {"true_record"}),
        (ends_without_results, {"one_result"}),
        (does_not_accept, {"picked_up", "no_silence"}),
        (stumbles, {"never_raises"}),
    ],
)
def test_a_broken_model_is_found(changed: Decided, laws: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(call: Call, stimulus: Stimulus, plan: Plan, world: World) -> list[CallEvent]:
        return list(changed(call, stimulus, decide(call, stimulus, plan, world)))

    monkeypatch.setattr("pbx112.switch.live.decide", broken)
    failure = first_failure()
    assert failure is not None
    assert failure.law in laws, failure.text


# --- and what it asks of Asterisk, changed ---


def without(kind: type[asks.Request]) -> Callable[[Call, CallEvent], tuple[asks.Request, ...]]:
    asked = react.react
    return lambda call, event: tuple(
        request for request in asked(call, event) if not isinstance(request, kind)
    )


@pytest.mark.parametrize(
    ("kind", "laws"),
    [
        (asks.Hangup, {"nothing_to_mend"}),
        (asks.DropBridge, {"nothing_to_mend", "owned"}),
        (asks.Music, {"no_silence"}),
        (asks.Ring, {"no_silence"}),
    ],
)
def test_a_forgotten_request_is_found(
    kind: type[asks.Request], laws: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(react, "react", without(kind))
    failure = first_failure()
    assert failure is not None
    assert failure.law in laws, failure.text


def test_acting_before_the_journal_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(self: LiveCall, requests: Sequence[asks.Request]) -> None:
        self._unwritten -= 1

    happened = LiveCall._happened

    def hasty(self: LiveCall, events: Sequence[CallEvent], at: ev.Instant) -> None:
        call = self.call
        happened(self, events, at)
        if call is not None:
            self._send([request for event in events for request in react.react(call, event)])

    monkeypatch.setattr(LiveCall, "_written", at_once)
    monkeypatch.setattr(LiveCall, "_happened", hasty)
    failure = first_failure()
    assert failure is not None
    assert failure.law == "journal_then_act", failure.text


def test_an_arrival_told_too_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx112.switch.arrival._heard_late", lambda channel, utc_us: 0.0)
    failure = first_failure()
    assert failure is not None
    assert failure.law == "true_arrival", failure.text


def hangs_up_on_whom_it_rings_for(story: Story, leg: Leg) -> bool:
    return leg.target.owner != CALL_TAKERS or story.call.marked


def seeks_nobody_on(story: Story) -> None:
    pass


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("pbx112.model.legs._may_end", hangs_up_on_whom_it_rings_for),
        ("pbx112.model.helps.go_on", seeks_nobody_on),
    ],
)
def test_who_is_called_in_and_forgotten_is_found(
    what: str, instead: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what, instead)
    failure = first_failure()
    assert failure is not None
    assert failure.law == "help_is_sought", failure.text


def passed_over(story: Story, wave: Iterable[ev.Target], help_: int = 0) -> None:
    for target in wave:
        offer(story, target, help_)


@pytest.mark.parametrize(
    ("what", "instead", "law"),
    [
        (("reach.rings",), lambda story, number: False, "rung_once"),
        (("reach.offer_together", "helps.offer_together"), passed_over, "rung_in_turn"),
        (("legs._is_there",), lambda call, number: bool(call.talkers()), "held_for_somebody"),
    ],
)
def test_a_rare_mix_is_found(
    what: Sequence[str], instead: Callable[..., object], law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in what:
        monkeypatch.setattr(f"pbx112.model.{name}", instead)
    failure = first_failure()
    assert failure is not None
    assert failure.law == law, failure.text


# --- and the line before the call takers ---


def newest_first(call: Call) -> tuple[int, int, str]:
    return 0, -call.arrived.mono_ns, call.call_id


def nobody(calls: Calls) -> list[LiveCall]:
    return []


def all_of_it_again(story: Story) -> float:
    return story.plan.call_takers.max_wait if story.plan.call_takers else 0.0


@pytest.mark.parametrize(
    ("what", "instead", "law"),
    [
        ("pbx112.switch.calls._turn", newest_first, "first_come"),
        ("pbx112.switch.calls.Calls.first_waiting", nobody, "line_moves"),
        ("pbx112.model.line._time_left", all_of_it_again, "line_is_bounded"),
    ],
)
def test_a_line_that_is_unfair_or_stands_still_is_found(
    what: str, instead: Callable[..., object], law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what, instead)
    failure = first_failure()
    assert failure is not None
    assert failure.law == law, failure.text


def test_each_law_has_a_sentence() -> None:
    assert all(len(sentence) > 20 for sentence in LAWS.values())
    assert LegResult.ACCEPTED.value == "accepted"
