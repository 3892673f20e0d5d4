"""Stories of the 112 desk, told to the pure model."""

from __future__ import annotations

from dataclasses import replace

from pbx112.model import asks, stimuli
from pbx112.model.events import Outcome, StageEntered
from pbx112.model.state import InFallback, InMenu, Talking
from pbx112.plan.types import CallTakers

from .desk import DAY, NIGHT, Desk, agency, extension, mobile, plan

DAMKAR = agency("damkar", extension("2101"), extension("2102"), mobile("+6281200000001"), then="satpol_pp")
SATPOL = agency("satpol_pp", extension("2201"))
TAKERS = CallTakers("all", (extension("1101"), extension("1102")), "menu")


def test_the_first_extension_answers_and_the_call_is_joined_and_recorded() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    assert desk.ringing == ["2101"]
    desk.picks_up("2101")
    assert desk.asked(asks.Join) == [asks.Join(1, "c1-bridge", ("c1", "c1-leg1"))]
    assert desk.asked(asks.Record) == [asks.Record("c1-bridge", "112-c1")]
    desk.caller_hangs_up()
    assert desk.outcome is Outcome.ANSWERED
    assert desk.results == [("2101", "accepted")]
    assert asks.DropBridge("c1-bridge") in desk.requests
    assert asks.Hangup("c1-leg1") in desk.requests


def test_a_busy_line_makes_the_next_ring_at_once() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.refuses("2101", 17, 486)
    assert desk.ringing == ["2102"]
    assert desk.results == [("2101", "busy")]


def test_a_silent_line_is_given_its_time_and_no_more() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.waits(14.9)
    assert desk.ringing == ["2101"]
    desk.waits(0.2)
    assert desk.ringing == ["2102"]
    assert asks.Hangup("c1-leg1") in desk.requests


def test_a_mobile_has_to_press_1_and_no_other_key() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.waits(30)
    desk.picks_up("+6281200000001")
    assert desk.call and not isinstance(desk.call.situation, Talking)
    desk.presses("+6281200000001", "5")
    assert not isinstance(desk.call.situation, Talking)
    desk.presses("+6281200000001", "1")
    assert isinstance(desk.call.situation, Talking)


def test_voicemail_answers_and_the_next_agency_rings() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.waits(30)
    desk.picks_up("+6281200000001")
    desk.waits(12)
    assert ("+6281200000001", "answered_not_accepted") in desk.results
    assert desk.ringing == ["2201"]


def test_all_call_takers_ring_and_one_wins() -> None:
    desk = Desk(plan(DAMKAR, SATPOL, call_takers=TAKERS))
    desk.arrives()
    assert desk.ringing == ["1101", "1102"]
    desk.picks_up("1102")
    assert asks.Hangup("c1-leg1", "answered_elsewhere") in desk.requests
    desk.picks_up("1101")  # its 200 OK crossed our CANCEL
    assert desk.results == [("1101", "answered_elsewhere")]
    assert desk.call and len(desk.call.live_legs()) == 1


def test_no_call_taker_then_the_menu_then_the_chosen_agency() -> None:
    desk = Desk(plan(DAMKAR, SATPOL, call_takers=TAKERS, menu={"2": "satpol_pp"}))
    desk.arrives()
    desk.waits(15)
    assert desk.call and isinstance(desk.call.situation, InMenu)
    assert asks.Answer("c1") in desk.requests
    desk.caller_presses("9")
    assert isinstance(desk.call.situation, InMenu)
    desk.caller_presses("2")
    assert desk.ringing == ["2201"]
    assert desk.call.incident == "kasus_2"


def test_a_caller_who_presses_nothing_gets_the_default_agency_after_two_menus() -> None:
    desk = Desk(plan(DAMKAR, SATPOL, menu={"1": "satpol_pp"}, default="damkar"))
    desk.arrives()
    for _ in range(2):
        desk.hears(stimuli.PromptDone("menu", played=True))
        desk.waits(8)
    assert desk.ringing == ["2101"]


def test_every_agency_fails_twice_and_then_the_caller_is_told() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.waits(200)
    assert desk.rung == ["2101", "2102", "+6281200000001", "2201"] * 2
    assert desk.outcome is Outcome.UNANSWERED
    assert any(isinstance(r, asks.Play) and r.prompt == "announcement" for r in desk.requests)


def test_the_second_round_repeats_the_first_in_its_order() -> None:
    takers = CallTakers("all", (extension("1101"),), "damkar")
    desk = Desk(plan(SATPOL, DAMKAR, call_takers=takers))
    desk.arrives()
    desk.waits(400)
    stages = [(e.owner, e.round, e.why) for _, e in desk.history if isinstance(e, StageEntered)]
    assert stages == [
        ("call_takers", 1, "first"),
        ("damkar", 1, "then"),
        ("satpol_pp", 1, "then"),
        ("call_takers", 2, "again"),
        ("damkar", 2, "again"),
        ("satpol_pp", 2, "again"),
    ]


def test_the_caller_gives_up_while_it_rings() -> None:
    desk = Desk(plan(DAMKAR, SATPOL, call_takers=TAKERS))
    desk.arrives()
    desk.caller_hangs_up()
    assert desk.outcome is Outcome.ABANDONED_RINGING
    assert desk.results == [("1101", "caller_gone"), ("1102", "caller_gone")]
    assert {asks.Hangup("c1-leg1"), asks.Hangup("c1-leg2")} <= set(desk.asked(asks.Hangup))


def test_the_caller_gives_up_in_the_menu() -> None:
    desk = Desk(plan(DAMKAR, menu={"1": "damkar"}))
    desk.arrives()
    desk.caller_hangs_up()
    assert desk.outcome is Outcome.ABANDONED_MENU


def test_an_operator_who_hangs_up_ends_the_call() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.picks_up("2101")
    desk.hangs_up("2101")
    assert desk.outcome is Outcome.ANSWERED
    assert asks.Hangup("c1") in desk.requests


def test_an_operators_phone_that_dies_does_not_cost_the_caller() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.picks_up("2101")
    desk.refuses("2101", 44)  # no sound from the phone any more
    assert desk.outcome is None
    assert desk.ringing == ["2101"]
    desk.caller_hangs_up()
    assert desk.outcome is Outcome.ANSWERED


def test_lines_off_duty_come_last_but_they_come() -> None:
    day, night = mobile("+6281200000001", DAY), mobile("+6281200000002", NIGHT)
    desk = Desk(plan(agency("damkar", night, day, extension("2101"))))
    desk.arrives()
    desk.waits(80)
    assert desk.rung[:3] == ["+6281200000001", "2101", "+6281200000002"]


def test_lines_that_ring_together_leave_out_those_off_duty_at_first() -> None:
    day, night = mobile("+6281200000001", DAY), mobile("+6281200000002", NIGHT)
    desk = Desk(plan(agency("damkar", night, day, extension("2101"), ring="all")))
    desk.arrives()
    assert desk.ringing == ["+6281200000001", "2101"]
    desk.waits(25)
    assert desk.ringing == ["+6281200000002"]


def test_a_full_trunk_is_passed_over_and_the_record_says_so() -> None:
    desk = Desk(plan(DAMKAR, SATPOL, max_calls=1), trunk_load={"gsm": 1})
    desk.arrives()
    desk.waits(30)
    assert ("+6281200000001", "unavailable") in desk.results
    assert desk.ringing == ["2201"]
    assert "c1-leg3" not in [r.channel for r in desk.requests if isinstance(r, asks.Originate)]


def test_the_call_taker_idle_longest_rings_first() -> None:
    takers = CallTakers("longest_idle", (extension("1101"), extension("1102")), "damkar")
    desk = Desk(plan(DAMKAR, call_takers=takers))
    desk.idle_since = {"1101": 50, "1102": 20}
    desk.arrives()
    assert desk.ringing == ["1102"]


def test_a_restarted_daemon_takes_up_ringing_and_talking_calls() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.hears(stimuli.Rang(1))
    desk.hears(stimuli.Resumed(up=(1,)))
    assert desk.call and isinstance(desk.call.situation, Talking)
    desk.hears(stimuli.Resumed())
    assert desk.asked(asks.Join)[-1] == asks.Join(1, "c1-bridge", ("c1", "c1-leg1"))
    desk.hears(stimuli.Resumed(gone=(1,)))  # who hung up is unknown: the caller is not left alone
    assert desk.outcome is None and desk.ringing == ["2101"]


def test_a_line_that_may_never_have_rung_has_its_whole_time_after_a_restart() -> None:
    desk = Desk(plan(DAMKAR, SATPOL))
    desk.arrives()
    desk.passes(14)
    desk.hears(stimuli.Resumed())
    assert [r.leg for r in desk.asked(asks.Originate) if isinstance(r, asks.Originate)] == [1, 1]
    desk.waits(14)
    assert desk.ringing == ["2101"]
    desk.waits(1)
    assert desk.results == [("2101", "no_answer")]


def test_a_mobile_is_asked_again_for_its_key_after_a_restart() -> None:
    desk = Desk(plan(agency("damkar", mobile("+6281200000001"))))
    desk.arrives()
    desk.picks_up("+6281200000001")
    desk.hears(stimuli.Resumed())
    assert [r.channel for r in desk.asked(asks.Play) if isinstance(r, asks.Play)] == ["c1-leg1"] * 2


def test_a_caller_who_never_got_to_the_fallback_is_sent_there_after_a_restart() -> None:
    """The daemon was killed, or Asterisk did not answer, between the decision and its request."""
    desk = Desk(plan(DAMKAR))
    desk.arrives()
    desk.hears(stimuli.GivenUp("the daemon stops"))
    desk.hears(stimuli.Resumed(in_fallback=True))
    assert desk.asked(asks.ToFallback) == [asks.ToFallback("c1")]
    desk.hears(stimuli.Resumed())
    assert desk.asked(asks.ToFallback) == [asks.ToFallback("c1")] * 2


def test_what_the_fallback_did_before_asterisk_restarted_is_waited_for() -> None:
    desk = Desk(plan(DAMKAR))
    desk.arrives()
    desk.hears(stimuli.GivenUp("the daemon stops"))
    desk.hears(stimuli.Resumed(asterisk_restarted=True))
    assert desk.outcome is None, "Asterisk's own record may still say how it ended"
    desk.waits(60)
    assert desk.outcome is Outcome.SYSTEM_FAILURE


def test_the_announcement_is_spoken_again_after_a_restart() -> None:
    desk = Desk(plan(agency("damkar", extension("2101"))))
    desk.arrives()
    desk.waits(30)
    desk.passes(29)
    desk.hears(stimuli.Resumed())
    first, again = desk.asked(asks.Play)
    assert isinstance(first, asks.Play)
    assert again == replace(first, again=True)
    desk.waits(29)
    assert desk.outcome is None
    desk.waits(1)
    assert desk.outcome is Outcome.UNANSWERED


def test_the_talk_after_a_broken_one_has_a_recording_of_its_own() -> None:
    """Asterisk refuses to write into a recording that is there."""
    desk = Desk(plan(DAMKAR))
    desk.arrives()
    desk.picks_up("2101")
    desk.hears(stimuli.HungUp(desk.leg("2101"), cause=44))
    desk.picks_up("2101")
    desk.hears(stimuli.Resumed())
    names = [request.name for request in desk.asked(asks.Record) if isinstance(request, asks.Record)]
    assert names == ["112-c1", "112-c1-leg2", "112-c1-leg2"]


def test_an_asterisk_that_restarted_ends_the_call_as_a_system_failure() -> None:
    desk = Desk(plan(DAMKAR))
    desk.arrives()
    desk.hears(stimuli.Resumed(asterisk_restarted=True))
    assert desk.outcome is Outcome.SYSTEM_FAILURE


def test_a_call_that_the_daemon_cannot_handle_goes_to_the_fallback() -> None:
    desk = Desk(plan(DAMKAR))
    desk.arrives()
    desk.hears(stimuli.GivenUp("internal error"))
    assert desk.call and isinstance(desk.call.situation, InFallback)
    assert asks.ToFallback("c1") in desk.requests
    desk.caller_hangs_up()
    assert desk.outcome is None
    desk.waits(60)
    assert desk.outcome is Outcome.SYSTEM_FAILURE


def test_a_greeted_caller_hears_ringing_once_the_greeting_is_over() -> None:
    desk = Desk(plan(DAMKAR, answer="on_arrival"))
    desk.arrives()
    assert [type(r).__name__ for r in desk.requests[:2]] == ["Answer", "Play"]
    assert not desk.asked(asks.Ring)
    desk.hears(stimuli.PromptDone("greeting", played=True))
    assert desk.asked(asks.Ring) == [asks.Ring("c1")]
    desk.picks_up("2101")
    assert asks.StopRing("c1") in desk.requests


def test_a_recording_that_fails_is_a_line_in_the_record_and_nothing_more() -> None:
    from pbx112.model.events import RecordingFailed

    desk = Desk(plan(DAMKAR))
    desk.arrives()
    desk.picks_up("2101")
    desk.hears(stimuli.RecordingReported(RecordingFailed("112-c1", "disk full")))
    assert desk.call and isinstance(desk.call.situation, Talking)


def test_a_line_that_picked_up_is_not_lost_because_ringing_it_again_failed() -> None:
    """After a reconnect a line that was being rung is asked for again; it may have answered just then."""
    desk = Desk(plan(DAMKAR))
    desk.arrives()
    leg = desk.leg("2101")
    desk.hears(stimuli.Resumed(up=(leg,)))
    assert desk.asked(asks.Originate)[1:], "it was asked for again"
    desk.hears(stimuli.Refused(leg, unavailable=False, detail="500"))
    assert desk.call and isinstance(desk.call.situation, Talking)
    assert [talk.number for talk in desk.call.live_legs()] == [leg]


def test_a_greeting_whose_end_nobody_tells_does_not_leave_the_caller_in_silence() -> None:
    desk = Desk(plan(DAMKAR, answer="on_arrival"))
    desk.arrives()
    desk.waits(14)
    assert not desk.asked(asks.Ring)
    desk.waits(7)
    assert asks.Ring("c1") in desk.requests
