"""Who comes while as many calls are served as may be: a word, music, and a turn in the order of arrival."""

from __future__ import annotations

import pytest

from pbx112.model import asks, stimuli
from pbx112.model.events import CallAdmitted, CallEvent, CallQueued, Outcome, WaitAnnounced
from pbx112.model.state import Talking, Waiting
from pbx112.plan.types import AnswerMode, CallTakers

from .desk import Desk, agency, extension, plan

DAMKAR = agency("damkar", extension("2101"))


def desk(serving: int = 2, ahead: int = 0, answer: AnswerMode = "on_pickup", max_wait: float = 120.0) -> Desk:
    """A desk that serves two calls at once, while `serving` others are served and `ahead` wait before this one."""
    takers = CallTakers("all", (extension("1101"),), "damkar")
    made = Desk(plan(DAMKAR, call_takers=takers, at_once=2, max_wait=max_wait, answer=answer))
    made.serving, made.ahead = serving, ahead
    return made


def told(made: Desk, kind: type[CallEvent]) -> list[CallEvent]:
    return [event for _, event in made.history if isinstance(event, kind)]


@pytest.mark.parametrize("answer", ["on_pickup", "on_arrival"])
def test_the_third_caller_hears_the_word_and_then_music(answer: AnswerMode) -> None:
    made = desk(answer=answer)
    made.arrives()
    assert made.rung == []
    assert made.requests == [
        asks.Play("c1", "c1-waiting1.1", ("sound:pbx112/waiting",), "waiting"),
        asks.Answer("c1"),
    ], "answered, and nothing but the word: no greeting"
    made.hears(stimuli.PromptDone("waiting", played=True))
    assert made.requests[-1] == asks.Music("c1")


def test_the_word_comes_again_after_every_twenty_seconds_of_music() -> None:
    made = desk(max_wait=600)
    made.arrives()
    for time in range(2, 6):
        made.waits(3)
        made.hears(stimuli.PromptDone("waiting", played=True))
        made.waits(19.9)
        assert made.requests[-1] == asks.Music("c1")
        made.waits(0.1)
        word = asks.Play("c1", f"c1-waiting1.{time}", ("sound:pbx112/waiting",), "waiting")
        assert made.requests[-2:] == [asks.StopMusic("c1"), word]
    assert [event.time for event in told(made, WaitAnnounced) if isinstance(event, WaitAnnounced)] == [
        2,
        3,
        4,
        5,
    ]


def test_a_word_whose_end_is_never_told_does_not_keep_the_music_away() -> None:
    made = desk(max_wait=600)
    made.arrives()
    made.waits(60)
    assert made.requests[-1] == asks.Music("c1")


def test_a_word_that_cannot_be_played_leaves_the_music() -> None:
    made = desk()
    made.arrives()
    made.hears(stimuli.PromptDone("waiting", played=False))
    assert made.requests[-1] == asks.Music("c1")


def test_whose_turn_it_is_goes_on_as_any_call() -> None:
    made = desk()
    made.arrives()
    made.hears(stimuli.PromptDone("waiting", played=True))
    made.hears(stimuli.RoomMade())
    assert made.rung == [], "two are still served"
    made.serving, made.ahead = 1, 1
    made.hears(stimuli.RoomMade())
    assert made.rung == [], "another came first"
    made.ahead = 0
    made.hears(stimuli.RoomMade())
    assert made.rung == ["1101"]
    assert asks.StopMusic("c1") in made.requests and asks.Ring("c1") in made.requests
    made.picks_up("1101")
    assert made.call is not None and isinstance(made.call.situation, Talking)
    made.caller_hangs_up()
    assert made.outcome is Outcome.ANSWERED


def test_a_word_half_spoken_is_cut_off_by_ones_turn() -> None:
    made = desk()
    made.arrives()
    made.serving = 1
    made.hears(stimuli.RoomMade())
    assert asks.StopPlay("c1-waiting1.1") in made.requests
    assert made.hears(stimuli.PromptDone("waiting", played=True)) == [], "nobody waits for it any more"


def test_who_waits_is_not_overtaken_by_who_comes() -> None:
    made = desk(serving=1, ahead=1)
    made.arrives()
    assert made.rung == []


def test_nobody_waits_longer_than_the_plan_says() -> None:
    made = desk(max_wait=30)
    made.arrives()
    made.waits(2)
    made.hears(stimuli.PromptDone("waiting", played=True))
    made.waits(27.9)
    assert made.rung == []
    made.waits(0.1)
    assert made.rung == ["1101"]
    assert told(made, CallAdmitted) == [CallAdmitted("longest")]


def test_the_caller_who_gives_up_waiting_has_an_outcome_of_its_own() -> None:
    made = desk()
    made.arrives()
    made.waits(5)
    made.caller_hangs_up()
    assert made.outcome is Outcome.ABANDONED_WAITING
    assert made.hears(stimuli.RoomMade()) == []


def test_who_waits_is_taken_up_after_a_restart_with_music_and_its_old_deadline() -> None:
    made = desk(max_wait=30)
    made.arrives()
    made.passes(20)
    made.hears(stimuli.Resumed())
    answer, silence, music = made.requests[-3:]
    assert answer == asks.Answer("c1", again=True)
    assert (silence, music) == (asks.StopPlay("c1-waiting1.1"), asks.Music("c1"))
    made.waits(10)
    assert made.rung == ["1101"]


def test_who_waits_is_given_to_the_fallback_by_a_daemon_that_stops() -> None:
    made = desk()
    made.arrives()
    made.hears(stimuli.GivenUp("the daemon stops"))
    assert made.requests[-2:] == [asks.StopPlay("c1-waiting1.1"), asks.ToFallback("c1")]


def test_a_talk_that_breaks_does_not_send_its_caller_to_the_end_of_the_line() -> None:
    made = desk(serving=0)
    made.arrives()
    made.picks_up("1101")
    made.serving, made.ahead = 2, 5
    made.refuses("1101", 44)
    assert made.rung == ["1101", "1101"]
    assert told(made, CallQueued) == []


def test_the_situation_says_nothing_of_a_place_in_the_line() -> None:
    made = desk(ahead=7)
    made.arrives()
    assert made.call is not None and isinstance(made.call.situation, Waiting)
    assert made.call.situation.reason == "overload"
    assert not {"ahead", "place"} & set(Waiting.__struct_fields__)
