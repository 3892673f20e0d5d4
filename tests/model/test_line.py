"""Who calls while all call takers talk: a place in line, and the first who is free."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx112.cdr.record import Fact, build_record
from pbx112.cdr.rows import CallRecord
from pbx112.model import asks, stimuli
from pbx112.model.events import CallAdmitted, CallEvent, CallQueued, Outcome, StageEntered
from pbx112.model.line import rank
from pbx112.model.state import InMenu, Talking, Waiting
from pbx112.plan.types import AnswerMode, CallTakers

from .desk import NIGHT, Desk, agency, extension, plan

TAKERS = CallTakers("all", (extension("1101"), extension("1102")), "menu", max_wait=60.0)
DAMKAR = agency("damkar", extension("2101"))


def desk(takers: CallTakers = TAKERS, talking: str = "1101 1102", answer: AnswerMode = "on_pickup") -> Desk:
    """A desk whose call takers on these lines talk with others."""
    made = Desk(plan(DAMKAR, call_takers=takers, menu={"1": "damkar"}, answer=answer))
    made.talking = set(talking.split())
    return made


def told(made: Desk, kind: type[CallEvent]) -> list[CallEvent]:
    return [event for _, event in made.history if isinstance(event, kind)]


def record(made: Desk) -> CallRecord:
    facts = [Fact(seq, at, "", event) for seq, (at, event) in enumerate(made.history, start=1)]
    records = build_record("c1", facts, journal_id="", node="")
    assert records.call is not None
    assert len(records.stages) == records.call.escalations + 1, "being rung once more is the same stage"
    return records.call


def waits(made: Desk) -> bool:
    return made.call is not None and isinstance(made.call.situation, Waiting)


@pytest.mark.parametrize("answer", ["on_pickup", "on_arrival"])
def test_while_all_talk_the_caller_hears_the_word_and_music(answer: AnswerMode) -> None:
    made = desk(answer=answer)
    made.arrives()
    assert told(made, CallQueued) == [CallQueued("takers", ("sound:pbx112/waiting",), 60.0)]
    assert made.rung == []
    word = asks.Play("c1", "c1-waiting1.1", ("sound:pbx112/waiting",), "waiting")
    assert made.requests == [word, asks.Answer("c1")], "and no greeting"
    made.hears(stimuli.PromptDone("waiting", played=True))
    assert made.requests[-1] == asks.Music("c1")


def test_who_is_free_rings_and_who_talks_does_not() -> None:
    made = desk(talking="1101")
    made.arrives()
    assert made.ringing == ["1102"]


def test_without_a_line_who_talks_is_rung_where_the_others_have_just_said_that_they_are_busy() -> None:
    made = desk(replace(TAKERS, max_wait=0.0), talking="1101")
    made.engaged = {"1102"}
    made.arrives()
    assert made.ringing == ["1101", "1102"]


def test_in_the_second_round_all_are_rung_who_talks_last() -> None:
    made = desk(replace(TAKERS, then="damkar"), talking="1101")
    made.arrives()
    made.waits(15 + 15)
    assert made.ringing == ["1102"]
    made.waits(15)
    assert made.ringing == ["1101"]


def test_who_is_away_or_off_duty_is_not_waited_for_and_not_counted_as_free() -> None:
    takers = replace(TAKERS, lines=(*TAKERS.lines, extension("1103"), extension("1104", duty=NIGHT)))
    made = desk(takers, talking="1101 1102")
    made.away = {"1103"}
    made.arrives()
    assert waits(made)
    made.talking = {"1101"}
    made.hears(stimuli.RoomMade())
    assert made.ringing == ["1102"]


def test_all_away_are_all_there() -> None:
    made = desk(talking="1101")
    made.away = {"1101", "1102"}
    made.arrives()
    assert made.ringing == ["1102"]


def test_the_turn_comes_when_more_are_free_than_are_sought() -> None:
    made = desk()
    made.arrives()
    made.hears(stimuli.PromptDone("waiting", played=True))
    made.talking, made.seeking = {"1101"}, 1
    made.hears(stimuli.RoomMade())
    assert made.rung == [], "who is free is sought by somebody else"
    made.seeking, made.before_takers = 0, 1
    made.hears(stimuli.RoomMade())
    assert made.rung == [], "somebody else came first"
    made.before_takers = 0
    made.hears(stimuli.RoomMade())
    assert made.ringing == ["1102"]
    assert made.requests[-3:-1] == [asks.StopMusic("c1"), asks.Ring("c1")]
    made.picks_up("1102")
    made.hangs_up("1102")
    made.picks_up("1102")
    made.caller_hangs_up()
    assert made.outcome is Outcome.ANSWERED


def test_who_comes_does_not_overtake_who_waits() -> None:
    made = desk(talking="1101")
    made.before_takers = 1
    made.arrives()
    assert waits(made)
    made = desk(talking="")
    made.before_takers = 1
    made.arrives()
    assert made.ringing == ["1101", "1102"], "two are free, and one waits"


def test_nobody_waits_for_ever_then_comes_the_menu_as_if_nobody_had_answered() -> None:
    made = desk()
    made.arrives()
    made.waits(59.9)
    assert waits(made)
    made.waits(0.1)
    assert told(made, CallAdmitted) == [CallAdmitted("longest")]
    assert made.rung == [], "no telephone that is in use"
    assert made.call is not None and isinstance(made.call.situation, InMenu)
    assert made.call.route == ("call_takers",), "they are tried in the second round"


def test_phones_that_say_busy_while_the_others_talk_lead_back_to_the_line() -> None:
    made = desk(talking="1101")
    made.arrives()
    made.refuses("1102", 17, 486)
    assert waits(made)
    made.engaged = {"1102"}
    made.hears(stimuli.RoomMade())
    assert waits(made), "its phone was busy a moment ago"
    made.passes(40)
    made.engaged = set()
    made.hears(stimuli.RoomMade())
    assert made.ringing == ["1102"]
    made.refuses("1102", 17, 486)
    assert [event.longest for event in told(made, CallQueued) if isinstance(event, CallQueued)] == [60, 20]
    made.waits(20)
    assert made.call is not None and isinstance(made.call.situation, InMenu)
    stages = [event.why for event in told(made, StageEntered) if isinstance(event, StageEntered)]
    assert stages == ["first", "turn", "turn"]
    made.caller_hangs_up()
    call = record(made)
    assert (call.escalations, call.wait_seconds, call.outcome) == (0, 60, Outcome.ABANDONED_MENU)


def test_phones_that_are_busy_while_nobody_talks_lead_to_the_menu() -> None:
    """A handset beside its cradle all night must not cost each caller a minute."""
    made = desk(talking="")
    made.arrives()
    made.refuses("1101", 17, 486)
    made.refuses("1102", 17, 486)
    assert made.call is not None and isinstance(made.call.situation, InMenu)


def test_who_rings_unheard_while_the_others_talk_leads_to_the_menu() -> None:
    made = desk(talking="1101")
    made.arrives()
    made.waits(15)
    assert made.call is not None and isinstance(made.call.situation, InMenu)


def test_the_last_free_one_has_taken_another_call_meanwhile() -> None:
    made = desk(talking="1101")
    made.arrives()
    made.passes(5)
    made.talking = {"1101", "1102"}
    made.waits(10)
    assert waits(made)
    assert asks.StopRing("c1") not in made.requests, "the network rang, not we"


def test_nothing_is_left_to_wait_for() -> None:
    made = desk()
    made.arrives()
    made.talking, made.engaged = set(), {"1101", "1102"}
    made.hears(stimuli.RoomMade())
    assert made.ringing == ["1101", "1102"]


def test_an_office_that_wants_no_line_has_none() -> None:
    made = desk(replace(TAKERS, max_wait=0))
    made.arrives()
    assert made.ringing == ["1101", "1102"]


def test_a_plan_without_call_takers_lets_go_who_waits() -> None:
    made = desk()
    made.arrives()
    made.plan = plan(DAMKAR)
    made.hears(stimuli.RoomMade())
    assert made.ringing == ["2101"]


def test_after_waiting_for_room_there_is_less_time_to_wait_for_a_call_taker() -> None:
    made = Desk(plan(DAMKAR, call_takers=TAKERS, at_once=2))
    made.serving, made.talking = 2, {"1101", "1102"}
    made.arrives()
    made.waits(45)
    made.serving = 1
    made.hears(stimuli.RoomMade())
    queued = [event for event in told(made, CallQueued) if isinstance(event, CallQueued)]
    assert [(event.reason, event.longest) for event in queued] == [("overload", 120), ("takers", 15)]
    assert asks.StopPlay("c1-waiting1.1") in made.requests or asks.StopMusic("c1") in made.requests


@pytest.mark.parametrize("way", ["returned", "lost"])
def test_who_had_a_call_taker_and_lost_it_is_first_in_line(way: str) -> None:
    made = desk(talking="")
    made.talking = {"1101", "1102"}
    made.arrives()
    assert made.call is not None and rank(made.call) == 1
    made.passes(50)
    made.talking = set()
    made.hears(stimuli.RoomMade())
    made.picks_up("1101")
    made.hears(stimuli.PromptDone("waiting", played=True))
    made.away, made.talking = {"1101"}, {"1102"}
    if way == "returned":
        made.hangs_up("1101")
    else:
        made.refuses("1101", 44)
    assert waits(made) and rank(made.call) == 0
    drop, ring, silence, word = made.requests[-4:]
    assert (drop, ring) == (asks.DropBridge("c1-bridge"), asks.Ring("c1"))
    assert silence == asks.StopRing("c1") and isinstance(word, asks.Play)
    assert told(made, CallQueued)[-1] == CallQueued("takers", ("sound:pbx112/waiting",), 60.0), "anew"
    made.talking = set()
    made.hears(stimuli.RoomMade())
    assert made.ringing == ["1102"]
    made.caller_hangs_up()
    assert made.outcome is Outcome.ANSWERED


def test_whoever_was_called_in_has_the_caller_though_it_waits() -> None:
    made = desk(talking="")
    made.arrives()
    made.picks_up("1101")
    made.away, made.talking = {"1101"}, {"1102"}
    made.hears(stimuli.CodeDialled("*" + made.plan.agencies["damkar"].code, 1))
    made.hangs_up("1101")
    assert waits(made) and made.ringing == ["2101"]
    made.picks_up("2101")
    assert made.call is not None and isinstance(made.call.situation, Talking)
    assert asks.StopPlay("c1-waiting1.1") in made.requests
    assert made.asked(asks.Join)[-1] == asks.Join(3, "c1-bridge", ("c1", "c1-leg3"))
    assert told(made, CallAdmitted) == [CallAdmitted("joined")]


def test_the_record_of_a_wait() -> None:
    made = desk()
    made.arrives()
    made.passes(12)
    made.talking = {"1101"}
    made.hears(stimuli.RoomMade())
    made.passes(3)
    made.picks_up("1102")
    made.passes(10)
    made.talking, made.away = {"1101"}, {"1102"}
    made.hangs_up("1102")
    assert waits(made)
    made.passes(20)
    made.caller_hangs_up()
    call = record(made)
    assert (call.wait_seconds, call.ring_seconds, call.talk_seconds) == (12, 15, 10)
    assert (call.outcome, call.escalations) == (Outcome.ANSWERED, 1)


def test_who_gives_up_in_line_has_waited() -> None:
    made = desk()
    made.arrives()
    made.caller_hangs_up()
    assert made.outcome is Outcome.ABANDONED_WAITING


def test_after_a_restart_the_caller_hears_music_and_keeps_the_deadline() -> None:
    made = desk()
    made.arrives()
    made.passes(50)
    made.hears(stimuli.Resumed())
    answer, silence, music = made.requests[-3:]
    assert answer == asks.Answer("c1", again=True)
    assert (silence, music) == (asks.StopPlay("c1-waiting1.1"), asks.Music("c1"))
    made.waits(10)
    assert made.call is not None and isinstance(made.call.situation, InMenu)
