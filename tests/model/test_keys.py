"""Codes during a call, told to the pure model: who is called in, what a mark does, who is left with the caller."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pbx112.model import asks, stimuli
from pbx112.model.codes import ADD, codes, rows
from pbx112.model.events import (
    CallerBack,
    CallMarked,
    CommandRefused,
    HelpEnded,
    HelpSought,
    KeyGiven,
    Outcome,
    StageEntered,
)
from pbx112.model.helps import MOST_LEGS
from pbx112.model.state import Announcing, InMenu, Reaching, Talking
from pbx112.plan.load import load_plan
from pbx112.plan.types import CallTakers, Plan
from pbx112.switch.keys import PATIENCE, Keypads

from .desk import Desk, agency, extension, mobile, plan

EXAMPLE = Path(__file__).parent.parent.parent / "agencies.yaml"
TAKERS = CallTakers("all", (extension("1101"), extension("1102")), "damkar")
DAMKAR = replace(agency("damkar", extension("2101"), mobile("+6281200000001"), then="bpbd"), code="13")
BPBD = replace(agency("bpbd", extension("2201")), code="16")


def a_talk(on: Plan | None = None) -> Desk:
    """A call taker talks on 1101."""
    desk = Desk(on or plan(DAMKAR, BPBD, call_takers=TAKERS))
    desk.arrives()
    desk.picks_up("1101")
    return desk


def code(desk: Desk, owner: str) -> str:
    return desk.plan.agencies[owner].code


def dials(desk: Desk, keys: str, line: str = "1101") -> None:
    desk.hears(stimuli.CodeDialled(keys, desk.leg(line)))


def told(desk: Desk, kind: type) -> list[object]:
    return [event for _, event in desk.history if isinstance(event, kind)]


def there(desk: Desk) -> list[str]:
    assert desk.call
    return [leg.target.number for leg in desk.call.talkers()]


def held(desk: Desk) -> bool:
    return desk.call is not None and desk.call.held is not None


def test_no_code_of_the_example_begins_another() -> None:
    known = list(codes(load_plan(EXAMPLE).plan))
    assert len(known) > 60
    for keys in known:
        assert [other for other in known if other.startswith(keys)] == [keys]


def test_every_row_of_the_card_names_keys_that_begin_a_code() -> None:
    example = load_plan(EXAMPLE).plan
    for keys, sentence in rows(example):
        if keys.startswith(f"*{example.service.number}"):
            continue  # dialled outside a call
        start = "".join(key for key in keys if key in "*#0123456789")
        assert any(code.startswith(start) for code in codes(example)), keys
        assert sentence.endswith(".")


def test_keys_become_a_code_or_none_and_are_forgotten() -> None:
    example, now = load_plan(EXAMPLE).plan, [0]
    pads = Keypads(lambda: now[0])
    assert [pads.press("a", key, example) for key in "*13"] == ["", "", "*13"]
    assert [pads.press("a", key, example) for key in "15"] == ["", ""], "no code begins so"
    assert pads.press("a", "*", example) == ""
    assert pads.press("b", "#", example) == ""
    assert pads.press("b", "8", example) == "#8", "each phone for itself"
    now[0] += int((PATIENCE + 0.1) * 1e9)
    assert pads.press("a", "#", example) == "", "the * is forgotten"
    assert pads.press("a", "x", example) == "#x"


def test_an_agency_is_sought_by_the_plan_while_the_talk_goes_on() -> None:
    desk = a_talk()
    dials(desk, "*" + code(desk, "damkar"))
    assert desk.ringing == ["2101"]
    desk.refuses("2101", 17, 486)
    assert desk.ringing == ["+6281200000001"]
    desk.picks_up("+6281200000001")
    assert there(desk) == ["1101"], "a voicemail picks up too"
    desk.presses("+6281200000001", "1")
    assert there(desk) == ["1101", "+6281200000001"]
    assert desk.asked(asks.Join)[-1] == asks.Join(4, "c1-bridge", ("c1-leg4",))
    assert len(desk.asked(asks.Record)) == 1, "one recording"


def test_who_picks_up_is_told_what_it_is_about_before_joining() -> None:
    desk = a_talk()
    dials(desk, "*" + code(desk, "damkar"))
    desk.picks_up("2101")
    assert there(desk) == ["1101"]
    desk.hears(stimuli.Briefed(desk.leg("2101")))
    assert there(desk) == ["1101", "2101"]


def test_who_is_not_told_for_want_of_a_sound_joins_all_the_same() -> None:
    desk = a_talk()
    dials(desk, "*" + code(desk, "damkar"))
    desk.picks_up("2101")
    desk.waits(12.1)
    assert there(desk) == ["1101", "2101"]


def test_a_help_goes_on_to_the_agency_that_stands_in_and_ends_there() -> None:
    desk = a_talk()
    dials(desk, "*" + code(desk, "damkar"))
    desk.refuses("2101", 17)
    desk.refuses("+6281200000001", 17)
    assert desk.ringing == ["2201"]
    desk.refuses("2201", 17)
    assert told(desk, HelpEnded) == [HelpEnded(1, "unreached")]
    assert [event.owner for event in told(desk, HelpSought) if isinstance(event, HelpSought)] == [
        "damkar",
        "bpbd",
    ]
    assert there(desk) == ["1101"]


def test_two_operators_who_press_at_once_call_the_agency_once() -> None:
    desk = a_talk()
    dials(desk, "#72")
    desk.picks_up("1102")
    desk.hears(stimuli.Briefed(desk.leg("1102")))
    dials(desk, "*" + code(desk, "bpbd"))
    dials(desk, "*" + code(desk, "bpbd"), line="1102")
    assert desk.rung.count("2201") == 1
    assert told(desk, CommandRefused) == [CommandRefused(desk.leg("1102"), "*" + code(desk, "bpbd"), "here")]


def test_the_agency_answers_in_the_moment_in_which_it_is_dropped() -> None:
    desk = a_talk()
    dials(desk, "*" + code(desk, "bpbd"))
    number = desk.leg("2201")
    dials(desk, "#0")
    desk.hears(stimuli.PickedUp(number))
    assert there(desk) == ["1101"]
    assert ("2201", "withdrawn") in desk.results
    assert asks.Hangup(f"c1-leg{number}") in desk.requests


def consulting(longest: float = 120.0) -> Desk:
    """1101 speaks with bpbd without the caller."""
    on = plan(DAMKAR, BPBD, call_takers=TAKERS)
    desk = a_talk(replace(on, service=replace(on.service, max_hold=longest)))
    dials(desk, "**" + code(desk, "bpbd"))
    desk.picks_up("2201")
    desk.hears(stimuli.Briefed(desk.leg("2201")))
    assert held(desk)
    return desk


def test_who_is_held_hears_a_word_music_and_the_word_again() -> None:
    desk = consulting()
    for time, word in enumerate(("held", "please_stay", "please_stay"), start=1):
        assert desk.asked(asks.Play)[-1] == asks.Play(
            "c1", f"c1-held1.{time}", (f"sound:pbx112/{word}",), "held"
        )
        desk.waits(3)
        desk.hears(stimuli.PromptDone("held", played=True))
        assert desk.requests[-1] == asks.Music("c1")
        desk.waits(20)


def test_who_is_held_comes_back_by_itself_and_the_operator_is_told() -> None:
    desk = consulting(longest=30.0)
    desk.hears(stimuli.PromptDone("held", played=True))
    desk.waits(29.9)
    assert held(desk)
    desk.hears(stimuli.Resumed())
    desk.waits(0.1)
    assert told(desk, CallerBack) == [CallerBack(1, "longest")], "a restart begins no new time"
    music, join, word = desk.requests[-3:]
    assert music == asks.StopMusic("c1")
    assert join == asks.Join(1, "c1-bridge", ("c1",))
    assert word == asks.Word("c1-leg1", ("sound:pbx112/word_held_long",))
    assert there(desk) == ["1101", "2201"], "all talk together"


def test_a_word_to_who_is_held_is_cut_off_by_coming_back() -> None:
    desk = consulting()
    dials(desk, "*" + code(desk, "damkar"))
    dials(desk, "#1")
    assert asks.StopPlay("c1-held1.1") in desk.requests


@pytest.mark.parametrize("way", ["hangs up", "breaks"])
def test_the_operator_leaves_and_the_agency_has_the_caller(way: str) -> None:
    desk = a_talk()
    dials(desk, "**" + code(desk, "bpbd"))
    desk.picks_up("2201")
    desk.hears(stimuli.Briefed(desk.leg("2201")))
    assert held(desk)
    if way == "hangs up":
        desk.hangs_up("1101")
    else:
        desk.refuses("1101", 44)
    assert not held(desk)
    assert there(desk) == ["2201"]
    assert told(desk, CallerBack) == [CallerBack()]
    desk.hangs_up("2201")
    assert desk.outcome is Outcome.ANSWERED


def test_a_call_taker_alone_who_hangs_up_gives_the_caller_back() -> None:
    desk = a_talk()
    desk.hangs_up("1101")
    assert desk.outcome is None
    assert desk.ringing == ["1101", "1102"]
    first, again = (event for _, event in desk.history if isinstance(event, StageEntered))
    assert again == StageEntered("call_takers", "returned", 1, first.waves)


def test_after_a_mark_hanging_up_ends_the_call() -> None:
    desk = a_talk()
    dials(desk, "#62")
    assert told(desk, CallMarked) == [CallMarked("1101", disposition="ghost")]
    desk.hangs_up("1101")
    assert desk.outcome is Outcome.ANSWERED


def test_a_help_that_rings_goes_on_while_the_caller_is_sought_a_human() -> None:
    desk = a_talk()
    dials(desk, "*" + code(desk, "bpbd"))
    desk.hangs_up("1101")
    assert desk.ringing == ["2201", "1101", "1102"]
    desk.picks_up("2201")
    assert there(desk) == ["2201"]
    assert desk.call and isinstance(desk.call.situation, Talking)
    assert desk.ringing == []


@pytest.mark.parametrize("who", ["a call taker who has marked the call", "an officer"])
def test_who_calls_an_agency_in_and_hangs_up_before_it_has_come_hands_over(who: str) -> None:
    """In a hurry: the call is marked, the agency rings, the receiver is down. The citizen is still there."""
    if who == "an officer":
        desk = Desk(plan(DAMKAR, BPBD))
        desk.arrives()
        desk.picks_up("2101")
    else:
        desk = a_talk()
        dials(desk, "#61")
    operator = there(desk)[0]
    dials(desk, "*" + code(desk, "bpbd"), operator)
    desk.hangs_up(operator)
    assert desk.outcome is None
    assert "2201" in desk.ringing
    desk.picks_up("2201")
    assert there(desk) == ["2201"]
    desk.hangs_up("2201")
    assert desk.outcome is Outcome.ANSWERED


def test_who_is_called_in_is_sought_on_while_the_caller_hears_the_menu() -> None:
    """The talk broke, no call taker came, the menu is spoken; meanwhile the agency's first line rings out."""
    bpbd = replace(agency("bpbd", extension("2201"), extension("2202")), code="16")
    takers = CallTakers("all", (extension("1101"), extension("1102")), "menu")
    desk = a_talk(plan(DAMKAR, bpbd, call_takers=takers, menu={"1": "damkar"}))
    dials(desk, "*16")
    desk.refuses("1101", 44)
    desk.refuses("1101", 17)
    desk.refuses("1102", 17)
    assert desk.call and isinstance(desk.call.situation, InMenu)
    desk.waits(15.1)
    assert isinstance(desk.call.situation, InMenu)
    assert desk.ringing == ["2202"]
    desk.picks_up("2202")
    assert there(desk) == ["2202"]


@pytest.mark.parametrize("comes", [True, False])
def test_nobody_is_told_that_nobody_comes_while_somebody_called_in_is_rung(comes: bool) -> None:
    """The talk broke, and every other line fails at once, twice; the agency that was called in still rings."""
    takers, damkar = CallTakers("all", (extension("1101"),), "damkar"), agency("damkar", extension("2101"))
    desk = a_talk(plan(damkar, BPBD, call_takers=takers))
    dials(desk, "*16")
    desk.refuses("1101", 44)
    while (ringing := [line for line in desk.ringing if line != "2201"]) != []:
        desk.refuses(ringing[0], 17)
    assert desk.call and isinstance(desk.call.situation, Reaching)
    assert desk.ringing == ["2201"]
    if comes:
        desk.picks_up("2201")
        assert there(desk) == ["2201"]
    else:
        desk.waits(15.1)
        assert desk.ringing == []
        assert isinstance(desk.call.situation, Announcing)


def test_ten_parties_and_no_more_than_there_may_be() -> None:
    many = [replace(agency(f"opd_{n}", extension(f"3{n:03}")), code=f"{n:03}") for n in range(MOST_LEGS + 5)]
    desk = a_talk(plan(*many, call_takers=TAKERS))
    for n in range(len(many)):
        dials(desk, f"*{n:03}")
    assert desk.call and len(desk.call.live_legs()) == MOST_LEGS
    full = [
        event
        for event in told(desk, CommandRefused)
        if isinstance(event, CommandRefused) and event.why == "full"
    ]
    assert len(full) == len(many) - (MOST_LEGS - 1)
    for n in range(10):
        desk.picks_up(f"3{n:03}")
        desk.hears(stimuli.Briefed(desk.leg(f"3{n:03}")))
    assert len(there(desk)) == 11
    desk.caller_hangs_up()
    assert desk.outcome is Outcome.ANSWERED


def test_a_caller_who_cannot_speak() -> None:
    desk = a_talk()
    dials(desk, "#5")
    desk.caller_presses("3")
    desk.caller_presses("5")
    dials(desk, "#5")
    desk.waits(15.1)
    assert told(desk, KeyGiven) == [KeyGiven("5"), KeyGiven("")]
    question = asks.Play("c1", "c1-press5", ("sound:pbx112/press_5",), None)
    spoken = [
        request
        for request in desk.requests
        if isinstance(request, asks.Word | asks.StopPlay) or request == question
    ]
    assert spoken == [
        question,
        asks.StopPlay("c1-press5"),
        asks.Word("c1-leg1", ("sound:pbx112/word_caller_pressed",)),
        question,
        asks.Word("c1-leg1", ("sound:pbx112/word_caller_silent",)),
    ]


def test_the_question_to_press_5_ends_where_the_caller_leaves_the_talk() -> None:
    """Spoken on, it would hold up the way to whoever answers next (world 110437 of the simulator)."""
    desk = a_talk()
    dials(desk, "#5")
    desk.refuses("1101", cause=44)  # the phone dies
    ended = desk.requests.index(asks.StopPlay("c1-press5"))
    assert ended < desk.requests.index(asks.Ring("c1"), ended)


def test_whoever_is_not_on_the_bridge_commands_nothing() -> None:
    desk = Desk(plan(DAMKAR, BPBD, call_takers=TAKERS))
    desk.arrives()
    before = len(desk.history)
    desk.hears(stimuli.CodeDialled("#8", 1))
    assert len(desk.history) == before
    assert desk.call and isinstance(desk.call.situation, Reaching)


@pytest.mark.parametrize("by_itself", [False, True])
def test_an_officer_called_in_comes_while_the_menu_is_spoken_to_a_caller_whose_talk_broke(
    by_itself: bool,
) -> None:
    """The call taker's phone dies while 2201 is being told what it is about; nobody else answers: the menu."""
    takers = CallTakers("all", (extension("1101"),), "menu")
    desk = Desk(plan(DAMKAR, BPBD, call_takers=takers, menu={"1": "damkar"}))
    desk.arrives()
    desk.picks_up("1101")
    dials(desk, ADD + code(desk, "bpbd"))
    desk.picks_up("2201")
    desk.refuses("1101", cause=44)
    desk.refuses("1101", cause=17)
    assert desk.call and isinstance(desk.call.situation, InMenu)
    if by_itself:
        desk.waits(60)  # Asterisk never says that the word was spoken
    else:
        desk.hears(stimuli.Briefed(desk.leg("2201")))
    assert isinstance(desk.call.situation, Talking)
    assert there(desk) == ["2201"]
    silenced = desk.requests.index(asks.StopPlay("c1-menu1"))
    assert asks.Join(2, "c1-bridge", ("c1", "c1-leg2")) in desk.requests[silenced:]
    desk.caller_hangs_up()
    assert desk.outcome is Outcome.ANSWERED
