"""Rare mixes, told to the pure model: lines that ring together on few circuits, several who are called in, a hold whose
operator or whose guest leaves, a restart in the middle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx112.model import asks, stimuli
from pbx112.model.events import AnnouncementStarted, HelpEnded, LegResult, Outcome
from pbx112.model.state import InFallback, InMenu, Reaching
from pbx112.plan.types import CallTakers

from .desk import Desk, agency, extension, mobile, plan
from .test_keys import BPBD, DAMKAR, TAKERS, a_talk, dials, held, there, told

A, B, C = "+6281200000001", "+6281200000002", "+6281200000003"


def comes(desk: Desk, line: str) -> None:
    """Who is called in picks up, and is told what it is about."""
    desk.picks_up(line)
    desk.hears(stimuli.Briefed(desk.leg(line)))


# --- more lines than the trunk has circuits ---


@pytest.mark.parametrize("circuits", [1, 2])
def test_mobiles_that_ring_together_on_too_few_circuits_are_rung_one_after_the_other(circuits: int) -> None:
    """A GSM gateway with one SIM card: only the first mobile of `ring: all` was ever rung, in no round the others."""
    together = agency("damkar", mobile(A), mobile(B), mobile(C), extension("2101"), ring="all")
    desk = Desk(plan(together, max_calls=circuits))
    desk.arrives()
    assert desk.ringing == [*(A, B)[:circuits], "2101"], "what has no need of the trunk rings with the first"
    desk.waits(25.1)
    assert desk.ringing == [*(B, C)[:1]] if circuits == 1 else [C]
    while desk.outcome is None:
        desk.waits(1)
    assert desk.outcome is Outcome.UNANSWERED
    assert desk.rung.count(A) == desk.rung.count(B) == desk.rung.count(C) == 2, "in each round once"
    assert {result for _, result in desk.results} == {"no_answer"}


def test_a_mobile_that_waits_for_a_circuit_stops_waiting_once_another_has_the_call() -> None:
    desk = Desk(plan(agency("damkar", mobile(A), mobile(B), ring="all"), max_calls=1))
    desk.arrives()
    desk.picks_up(A)
    desk.presses(A, "1")
    assert there(desk) == [A]
    assert desk.rung == [A]


def test_circuits_that_others_have_are_not_waited_for() -> None:
    desk = Desk(plan(agency("damkar", mobile(A), mobile(B), ring="all"), max_calls=1), trunk_load={"gsm": 1})
    desk.arrives()
    assert [result for _, result in desk.results] == ["unavailable"] * 4


def test_who_is_called_in_by_mobiles_on_one_circuit_is_reached_by_the_second() -> None:
    damkar = replace(agency("damkar", mobile(A), mobile(B), ring="all"), code="13")
    desk = a_talk(plan(damkar, BPBD, call_takers=TAKERS, max_calls=1))
    dials(desk, "*13")
    assert desk.ringing == [A]
    desk.refuses(A, 20)
    assert desk.ringing == [B]


def test_nobody_is_told_that_nobody_comes_while_a_mobile_was_only_passed_over_for_want_of_a_circuit() -> None:
    """One SIM card. The operator calls Damkar in and hangs up; Damkar's mobiles have the circuit through both rounds. B
    was rung in neither of them, and the caller was let go when it was free."""
    damkar = replace(agency("damkar", mobile(A), mobile(C)), code="13")
    takers = CallTakers("all", (extension("1101"),), "bpbd")
    bpbd = replace(agency("bpbd", mobile(B)), code="16")
    desk = a_talk(plan(damkar, bpbd, call_takers=takers, max_calls=1, default="bpbd"))
    dials(desk, "*13")
    desk.hangs_up("1101")
    while desk.outcome is None and desk.ringing != [B]:
        desk.waits(1)
    assert desk.ringing == [B]
    assert desk.results[-1] == (C, "no_answer"), "when Damkar's last mobile has let the circuit go"
    assert not told(desk, AnnouncementStarted)
    while desk.outcome is None:
        desk.waits(1)
    assert [result for line, result in desk.results if line == B] == [
        "unavailable",
        "unavailable",
        "no_answer",
    ]
    assert told(desk, AnnouncementStarted)


# --- one telephone, rung once ---


def test_a_colleague_called_in_by_who_hangs_up_then_rings_once() -> None:
    """`#72` and the receiver is down: 1102 rang twice, and rang on when the second of them was picked up."""
    desk = a_talk()
    dials(desk, "#72")
    desk.hangs_up("1101")
    assert sorted(desk.ringing) == ["1101", "1102"]
    desk.refuses("1101", 17)
    assert desk.ringing == ["1102"]
    desk.picks_up("1102")
    assert there(desk) == ["1102"]
    assert desk.ringing == []


@pytest.mark.parametrize("answers", [True, False])
def test_an_agency_called_in_that_the_caller_is_then_led_to_rings_once(answers: bool) -> None:
    desk = a_talk()
    dials(desk, "*13")
    desk.refuses("1101", 44)
    desk.refuses("1101", 17)
    desk.refuses("1102", 17)
    assert desk.call and isinstance(desk.call.situation, Reaching)
    assert desk.call.situation.owner == "damkar"
    assert desk.ringing == ["2101"]
    if answers:
        desk.picks_up("2101")
        assert there(desk) == ["2101"]
        assert desk.ringing == []
    else:
        desk.refuses("2101", 17)
        assert sorted(desk.ringing) == [A, "2101"], "the help goes on, and the line is rung for the caller"
        while desk.outcome is None:
            assert len(desk.ringing) == len(set(desk.ringing))
            desk.waits(1)


def test_an_agency_that_has_the_caller_by_another_way_rings_on_no_other_line() -> None:
    desk = a_talk()
    dials(desk, "*13")
    for line, cause in (("1101", 44), ("1101", 17), ("1102", 17), ("2101", 17)):
        desk.refuses(line, cause)
    assert sorted(desk.ringing) == [A, "2101"], "the help's next line, and the first for the caller"
    desk.picks_up("2101")
    assert there(desk) == ["2101"]
    assert desk.ringing == []
    assert desk.results[-1] == (A, "answered_elsewhere")
    assert told(desk, HelpEnded) == [HelpEnded(1, "dropped")]
    assert not [word for word in desk.asked(asks.Word) if "word_dropped" in str(word)], "nobody asked for it"
    desk.hangs_up("2101")
    assert desk.outcome is Outcome.ANSWERED


def test_who_talks_here_is_not_rung_when_a_colleague_of_its_agency_is_called_in() -> None:
    """A transfer to 2302 while 2301 is on the call: 2301 shall not ring where 2302 does not answer."""
    pln = replace(agency("pln", extension("2301"), extension("2302")), code="23")
    desk = a_talk(plan(DAMKAR, pln, call_takers=TAKERS))
    dials(desk, "*23")
    comes(desk, "2301")
    desk.hears(stimuli.Transferred(desk.leg("1101"), "2302", "stand-in"))
    assert desk.ringing == ["2302"]
    desk.refuses("2302", 17)
    assert desk.ringing == []
    assert there(desk) == ["2301"]


# --- a hold that nobody wants any more ---


@pytest.mark.parametrize("way", ["hangs up", "breaks", "transfers"])
def test_who_asked_to_consult_has_left_before_the_agency_came(way: str) -> None:
    """The caller talks with 2101, and was put on hold in the middle of it when 2201 picked up."""
    desk = a_talk()
    dials(desk, "*13")
    comes(desk, "2101")
    dials(desk, "**16")
    match way:
        case "hangs up":
            desk.hangs_up("1101")
        case "breaks":
            desk.refuses("1101", 44)
        case _:
            desk.hears(stimuli.Transferred(desk.leg("1101"), "1102", "stand-in", attended=True))
    comes(desk, "2201")
    assert not held(desk)
    assert "2201" in there(desk)


@pytest.mark.parametrize("way", ["hangs up", "breaks"])
def test_the_operator_who_holds_the_caller_leaves_two_officers_behind(way: str) -> None:
    desk = a_talk()
    dials(desk, "*13")
    comes(desk, "2101")
    dials(desk, "**16")
    comes(desk, "2201")
    assert held(desk)
    if way == "hangs up":
        desk.hangs_up("1101")
    else:
        desk.refuses("1101", 44)
    assert not held(desk)
    assert there(desk) == ["2101", "2201"]
    join = [request for request in desk.requests if isinstance(request, asks.Join)][-1]
    assert join.channels == ("c1",)


@pytest.mark.parametrize("way", ["hangs up", "dropped"])
def test_the_agency_for_which_the_caller_is_held_leaves_two_operators_behind(way: str) -> None:
    """Neither of them could end the hold by `#2`: nobody was left to let go."""
    desk = a_talk()
    dials(desk, "#72")
    comes(desk, "1102")
    dials(desk, "**16", "1102")
    comes(desk, "2201")
    assert held(desk)
    if way == "hangs up":
        desk.hangs_up("2201")
    else:
        dials(desk, "#0", "1102")
    assert not held(desk)
    assert there(desk) == ["1101", "1102"]


def test_while_another_is_still_consulted_the_caller_stays_held() -> None:
    desk = a_talk()
    dials(desk, "**13")
    comes(desk, "2101")
    dials(desk, "**16")
    comes(desk, "2201")
    desk.hangs_up("2201")
    assert held(desk)
    desk.hangs_up("2101")
    assert not held(desk)


def test_an_officer_who_was_consulted_and_now_consults_another_has_the_caller_back_when_that_one_leaves() -> (
    None
):
    """It had come by a consultation itself, and counted as one whom it speaks to: the caller stood alone, held for two
    minutes."""
    desk = a_talk()
    dials(desk, "**13")
    comes(desk, "2101")
    dials(desk, "#1")
    desk.hangs_up("1101")
    assert there(desk) == ["2101"]
    dials(desk, "**16", "2101")
    comes(desk, "2201")
    assert held(desk)
    desk.hangs_up("2201")
    assert not held(desk)
    assert there(desk) == ["2101"]


# --- a restart in the middle ---


def test_a_line_called_in_that_was_perhaps_never_rung_is_rung_after_a_restart_also_from_the_menu() -> None:
    takers = CallTakers("all", (extension("1101"), extension("1102")), "menu")
    desk = a_talk(plan(DAMKAR, BPBD, call_takers=takers, menu={"1": "damkar"}))
    dials(desk, "*16")
    for line, cause in (("1101", 44), ("1101", 17), ("1102", 17)):
        desk.refuses(line, cause)
    assert desk.call and isinstance(desk.call.situation, InMenu)
    desk.requests.clear()
    desk.hears(stimuli.Resumed())
    again = [request.target.number for request in desk.requests if isinstance(request, asks.Originate)]
    assert again == ["2201"]
    assert desk.call.legs[-1].result is LegResult.BUSY


def test_a_briefing_that_a_restart_began_anew_ends_where_the_caller_is_alone() -> None:
    """2201 was told all while nobody listened, and the operator left: it is told again, and the caller hears nothing
    until that is over (world 612 of the simulator)."""
    desk = a_talk()
    dials(desk, "*16")
    desk.picks_up("2201")
    desk.passes(12.1)
    desk.requests.clear()
    desk.hears(stimuli.Resumed(gone=(1,)))
    desk.hears(stimuli.TimePassed())
    assert there(desk) == ["2201"]
    briefing = "c1-briefing3"
    begun = next(
        i for i, r in enumerate(desk.requests) if isinstance(r, asks.Play) and r.playback == briefing
    )
    ended = desk.requests.index(asks.StopPlay(briefing), begun)
    assert asks.Join(3, "c1-bridge", ("c1", "c1-leg3")) in desk.requests[ended:]


def test_whom_the_dialplan_has_nobody_else_is_sought_for() -> None:
    """Worlds 2500 and 6751 of the simulator: a help stood as open for good."""
    desk = a_talk()
    dials(desk, "*16")
    desk.refuses("1101", 44)
    desk.hears(stimuli.GivenUp("the daemon stops"))
    assert desk.call and isinstance(desk.call.situation, InFallback)
    assert desk.ringing == []
    assert not any(help_.open for help_ in desk.call.helps)
