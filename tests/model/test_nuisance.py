"""A number from which pranks came is asked first, and goes behind the others; it is never refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx112.model import asks, stimuli
from pbx112.model.events import CallArrived, CallQueued, EmergencyAnswered, EmergencyAsked, Outcome
from pbx112.model.line import rank
from pbx112.model.state import Questioned, Waiting
from pbx112.plan.types import AnswerMode, CallTakers, Nuisance

from .desk import Desk, agency, extension, plan

TAKERS = CallTakers("all", (extension("1101"),), "damkar")
QUESTION = asks.Play("c1", "c1-question", ("sound:pbx112/question",), "question")


def desk(*, question: bool = True, answer: AnswerMode = "on_pickup", talking: str = "") -> Desk:
    on = plan(agency("damkar", extension("2101")), call_takers=TAKERS, answer=answer, at_once=2)
    made = Desk(replace(on, nuisance=Nuisance(3, 24, question)))
    made.talking = set(talking.split())
    return made


def asked(made: Desk) -> bool:
    return made.call is not None and isinstance(made.call.situation, Questioned)


@pytest.mark.parametrize("answer", ["on_pickup", "on_arrival"])
def test_who_presses_1_goes_on_at_once_like_any_other(answer: AnswerMode) -> None:
    made = desk(answer=answer)
    made.arrives(nuisance=4)
    assert asked(made) and made.rung == []
    assert made.requests == [QUESTION, asks.Answer("c1")], "no greeting, no ringing"
    assert isinstance(made.history[0][1], CallArrived) and made.history[0][1].nuisance == 4
    made.caller_presses("5")
    assert asked(made)
    made.caller_presses("1")
    assert asks.StopPlay("c1-question") in made.requests
    assert made.ringing == ["1101"]
    assert made.call is not None and rank(made.call) == 1
    assert asks.Ring("c1") in made.requests


def test_who_says_nothing_goes_on_after_a_few_seconds_behind_the_others() -> None:
    made = desk(talking="1101")
    made.arrives(nuisance=4)
    made.waits(3)
    made.hears(stimuli.PromptDone("question", played=True))
    assert made.requests[-1] == asks.Music("c1"), "never 2 s of nothing"
    made.waits(3.9)
    assert asked(made)
    made.waits(0.1)
    assert EmergencyAnswered("") in [event for _, event in made.history]
    assert made.call is not None and isinstance(made.call.situation, Waiting)
    assert rank(made.call) == 3
    assert made.requests[-2] == asks.StopMusic("c1")
    made.waits(60)
    assert made.ringing == ["2101"], "it waits no longer than others"


def test_without_a_question_the_number_only_goes_behind() -> None:
    made = desk(question=False, talking="1101")
    made.arrives(nuisance=4)
    assert made.call is not None and isinstance(made.call.situation, Waiting)
    assert rank(made.call) == 3
    assert EmergencyAsked not in [type(event) for _, event in made.history]


def test_nobody_waits_and_the_number_is_rung_for_like_any_other() -> None:
    made = desk(question=False)
    made.arrives(nuisance=4)
    assert made.ringing == ["1101"]


def test_the_question_comes_before_waiting_for_room() -> None:
    made = desk()
    made.serving = 2
    made.arrives(nuisance=4)
    made.caller_presses("1")
    queued = [event for _, event in made.history if isinstance(event, CallQueued)]
    assert [event.reason for event in queued] == ["overload"]


def test_a_question_that_cannot_be_played_keeps_nobody() -> None:
    made = desk()
    made.arrives(nuisance=4)
    made.hears(stimuli.PromptDone("question", played=False))
    made.waits(4)
    assert made.ringing == ["1101"]


def test_a_question_whose_end_is_never_told_keeps_nobody() -> None:
    made = desk()
    made.arrives(nuisance=4)
    made.waits(64)
    assert made.ringing == ["1101"]


def test_hanging_up_during_the_question() -> None:
    made = desk()
    made.arrives(nuisance=4)
    made.caller_hangs_up()
    assert made.outcome is Outcome.ABANDONED_MENU


def test_a_restart_during_the_question() -> None:
    made = desk()
    made.arrives(nuisance=4)
    made.hears(stimuli.Resumed())
    answer, silence, music = made.requests[-3:]
    assert answer == asks.Answer("c1", again=True)
    assert (silence, music) == (asks.StopPlay("c1-question"), asks.Music("c1"))
    made.waits(4)
    assert made.ringing == ["1101"]


def test_a_plan_that_knows_no_nuisance_asks_nothing() -> None:
    made = desk()
    made.plan = replace(made.plan, nuisance=None)
    made.arrives()
    assert made.ringing == ["1101"]


def test_a_human_gave_it_back_and_it_is_first_in_line() -> None:
    made = desk(question=False)
    made.arrives(nuisance=4)
    made.picks_up("1101")
    made.hangs_up("1101")
    assert made.call is not None and rank(made.call) == 0
