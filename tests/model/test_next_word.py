"""A caller who is answered already is told when nobody has come and somebody else is tried."""

from __future__ import annotations

from dataclasses import replace

from pbx112.model import asks, stimuli
from pbx112.model.state import Talking
from pbx112.plan.types import AnswerMode, CallTakers

from .desk import Desk, agency, extension, plan

TAKERS = CallTakers("all", (extension("1101"),), "damkar")
DAMKAR = agency("damkar", extension("2101"), then="bpbd")
BPBD = agency("bpbd", extension("2201"))
WORD = asks.Play("c1", "c1-next1", ("sound:pbx112/next",), "next")


def desk(answer: AnswerMode = "on_arrival") -> Desk:
    """A caller who has heard the greeting and hears ringing; 1101 rings."""
    made = Desk(plan(DAMKAR, BPBD, call_takers=TAKERS, answer=answer))
    made.arrives()
    made.hears(stimuli.PromptDone("greeting", played=True))
    return made


def words(made: Desk) -> list[str]:
    """What was spoken to the caller, by the names of the prompts."""
    plays = [request for request in made.requests if isinstance(request, asks.Play) and request.prompt]
    return [play.media[0].removeprefix("sound:pbx112/") for play in plays]


def test_the_word_is_spoken_while_the_next_line_rings_and_then_ringing_is_heard_again() -> None:
    made = desk()
    made.waits(15)
    assert made.ringing == ["2101"]
    place = made.requests.index(WORD)
    assert made.requests[place - 1] == asks.StopRing("c1")
    made.hears(stimuli.PromptDone("next", played=True))
    assert made.requests[-1] == asks.Ring("c1")
    made.waits(15)
    assert words(made) == ["greeting", "next", "next"]
    assert made.asked(asks.Play)[-1] == replace(WORD, playback="c1-next2")


def test_changes_that_follow_at_once_are_told_once() -> None:
    made = desk()
    made.refuses("1101", 17, 486)
    made.refuses("2101", 17, 486)
    assert made.ringing == ["2201"]
    assert words(made) == ["greeting", "next"]


def test_in_the_second_round_the_caller_hears_that_we_still_try() -> None:
    made = desk()
    for line in ("1101", "2101", "2201"):
        made.hears(stimuli.PromptDone("next", played=True))
        made.refuses(line, 17, 486)
    assert made.ringing == ["1101"]
    made.hears(stimuli.PromptDone("next", played=True))
    made.refuses("1101", 17, 486)
    assert words(made) == ["greeting", "next", "next", "please_stay", "please_stay"]


def test_a_word_half_spoken_ends_when_somebody_picks_up() -> None:
    made = desk()
    made.waits(15)
    made.picks_up("2101")
    assert made.call and isinstance(made.call.situation, Talking)
    place = made.requests.index(asks.StopPlay("c1-next1"))
    assert made.requests[place + 1] == asks.Join(2, "c1-bridge", ("c1", "c1-leg2"))
    made.hears(stimuli.PromptDone("next", played=True))
    assert made.requests[-1] != asks.Ring("c1")


def test_a_caller_who_only_hears_the_network_ring_is_told_nothing() -> None:
    made = desk("on_pickup")
    made.waits(15)
    assert made.ringing == ["2101"]
    assert words(made) == []


def test_a_word_whose_end_is_never_told_gives_way_to_ringing() -> None:
    made = desk()
    made.refuses("1101", 17, 486)
    made.passes(20)
    made.hears(stimuli.TimePassed())
    assert asks.Ring("c1") in made.requests[made.requests.index(WORD) :]


def test_a_restart_ends_the_word() -> None:
    made = desk()
    made.waits(15)
    made.hears(stimuli.Resumed())
    since = made.requests[made.requests.index(WORD) + 1 :]
    assert since.index(asks.StopPlay("c1-next1")) < since.index(asks.Ring("c1"))
    assert made.call and made.call.saying is None
