"""What a call's events come to. An auditor would come to the same with pencil and paper."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pbx112.cdr import build_record, facts
from pbx112.cdr.attempts import UNANSWERED
from pbx112.cdr.body import jsonb_view
from pbx112.cdr.record import Records
from pbx112.cdr.values import moment
from pbx112.journal import Entry
from pbx112.model import events as ev
from tests.cdr.calls import BEGAN_US, DESK, FIRE, PLAN, Timed, abandoned, answered, entries


def records_of(story: list[Timed]) -> Records:
    return build_record("c1", facts(entries("c1", story)), journal_id="j", node="kaur")


def test_a_call_that_the_second_line_answers() -> None:
    call, legs, recordings, *_ = records_of(answered())
    assert call is not None
    assert (call.outcome, call.ended_by, call.via) == ("answered", "caller", "daemon")
    assert (call.caller, call.callable, call.dialled, call.source) == ("+6281311112222", True, "112", "telco")
    assert call.arrived_at == moment(BEGAN_US)
    assert call.accepted_at == call.answered_at == moment(BEGAN_US + 4_500_000)
    assert call.ended_at == moment(BEGAN_US + 64_600_000)
    assert (call.ring_seconds, call.talk_seconds) == (4.5, 60.0)
    assert (call.answered_by_owner, call.answered_by_line) == ("damkar", "+6281200000001")
    assert (call.escalations, call.legs, call.resumed, call.incident) == (1, 2, 0, None)
    assert (call.first_seq, call.last_seq, call.plan, call.node) == (1, 14, PLAN, "kaur")
    busy, mobile = legs
    assert (busy.result, busy.cause, busy.sip, busy.line) == ("busy", 17, 486, "1101")
    assert (busy.ring_seconds, busy.talk_seconds, busy.answered_at) == (0.5, 0.0, None)
    assert (mobile.result, mobile.trunk, mobile.kind) == ("accepted", "gsm", "mobile")
    assert (mobile.ring_seconds, mobile.talk_seconds) == (2.3, 60.1)
    assert mobile.ringing_at == moment(BEGAN_US + 1_000_000)
    (seq, recording) = recordings[0]
    assert (seq, recording.name, recording.result, recording.seconds) == (15, "talk-1", "finished", 59.9)
    assert recording.started_at == moment(BEGAN_US + 4_600_000)


def test_a_caller_who_hangs_up_while_it_rings() -> None:
    call, legs, recordings, *_ = records_of(abandoned())
    assert call is not None
    assert (call.outcome, call.ring_seconds, call.talk_seconds, call.caller) == (
        "abandoned_ringing",
        2.1,
        0.0,
        None,
    )
    assert call.answered_by_line is None
    assert [leg.result for leg in legs] == ["caller_gone"]
    assert recordings == []


def test_what_the_dialplan_did_before_we_heard_of_it_lasts_as_long_as_it_did() -> None:
    """The sweep finds the caller gone; only then the fallback's file is read, which knows better, and when."""
    call, legs, *_ = records_of(
        [
            (0.0, ev.CallArrived("in-1", "0812", None, False, "112")),
            (1.0, ev.HandedToFallback("the daemon stops")),
            (70.0, ev.CallerLeft()),
            (1.2, ev.StageEntered("damkar", "first", 1, ((FIRE,),))),
            (1.2, ev.LegOffered(1, "leg-1", FIRE)),
            (6.2, ev.LegAnswered(1)),
            (6.2, ev.LegAccepted(1)),
            (66.2, ev.CallerLeft()),
            (66.2, ev.LegEnded(1, ev.LegResult.ACCEPTED)),
            (66.2, ev.CallEnded(ev.Outcome.FALLBACK_ANSWERED, "caller")),
        ]
    )
    assert call is not None
    assert (call.ring_seconds, call.talk_seconds) == (6.2, 60.0)
    assert call.ended_at == moment(BEGAN_US + 66_200_000)
    assert [(leg.ring_seconds, leg.talk_seconds) for leg in legs] == [(5.0, 60.0)]


def test_a_call_still_going_on_has_no_row() -> None:
    assert records_of(answered()[:10]) == Records(None, [], [], [], [], [], [], [])


def test_an_attempt_without_an_end_is_failed_and_says_so() -> None:
    story = [item for item in abandoned() if not isinstance(item[1], ev.LegEnded)]
    (leg,) = records_of(story).legs
    assert (leg.result, leg.detail) == ("failed", "no_end_recorded")


def test_the_chosen_incident_and_the_restarts_are_counted() -> None:
    story = abandoned()
    story[1:1] = [
        (0.05, ev.MenuChosen("4", "tanah_longsor")),
        (0.06, ev.CallResumed()),
        (0.07, ev.CallResumed()),
    ]
    call = records_of(story).call
    assert call is not None
    assert (call.incident, call.resumed) == ("tanah_longsor", 2)


def test_two_agencies_at_once_do_not_count_the_talk_twice() -> None:
    story: list[Timed] = [
        (0, ev.CallArrived("in", "x", None, False, "112")),
        (0, ev.LegOffered(1, "a", DESK)),
        (0, ev.LegOffered(2, "b", FIRE)),
        (10, ev.LegAccepted(1)),
        (20, ev.LegAccepted(2)),
        (30, ev.LegEnded(1, ev.LegResult.ACCEPTED)),
        (40, ev.LegEnded(2, ev.LegResult.ACCEPTED)),
        (50, ev.CallEnded(ev.Outcome.ANSWERED, "caller")),
    ]
    call, legs, *_ = records_of(story)
    assert call is not None
    assert call.talk_seconds == 30.0
    assert [leg.talk_seconds for leg in legs] == [20.0, 20.0]


def test_durations_ignore_a_wall_clock_that_is_set_and_survive_a_machine_that_restarts() -> None:
    start, arrived, ended = entries("c1", abandoned())[0], 3_600_000_000, 5_000_000_000
    end = ev.encode(ev.CallEnded(ev.Outcome.SYSTEM_FAILURE, "system"))
    stepped = Entry(2, "c1", start.utc_us + arrived, start.mono_ns + ended, PLAN, "CallEnded", end, b"")
    rebooted = Entry(2, "c1", start.utc_us + 7_000_000, 1_000, PLAN, "CallEnded", end, b"")
    for last, seconds in ((stepped, 5.0), (rebooted, 7.0)):
        call = build_record("c1", facts([start, last]), journal_id="j", node="n").call
        assert call is not None
        assert call.ring_seconds == seconds


def test_durations_go_on_where_the_dialplan_took_over_and_noted_by_another_clock() -> None:
    ringing, *_, ended = entries("c1", abandoned())
    taken_over = ended._replace(mono_ns=ended.utc_us * 1000)
    back = taken_over._replace(
        seq=9, utc_us=ended.utc_us + 1_000_000, mono_ns=ringing.mono_ns + 3_100_000_000
    )
    (noted,) = facts([taken_over])
    story = [*facts([ringing]), noted._replace(event=ev.CallerAnswered()), *facts([back])]
    call = build_record("c1", story, journal_id="j", node="n").call
    assert call is not None
    assert call.ring_seconds == 3.1


def test_what_is_no_event_is_left_out() -> None:
    good = entries("c1", abandoned())
    strange = [
        Entry(90 + number, "c1", BEGAN_US, 0, PLAN, "X", body, b"")
        for number, body in enumerate(
            [b"", b"[]", b'{"kind":"FromTheFuture"}', b'{"kind":"CallEnded"}', b"\xff"]
        )
    ]
    assert len(facts([*strange, *good])) == len(good)


number = st.one_of(st.integers(-5, 5), st.sampled_from([2**31, -(2**70), 10**30]))
words = st.text(max_size=8)
targets = st.builds(
    ev.Target,
    owner=words,
    number=words,
    kind=st.sampled_from(["extension", "mobile"]),
    dial=words,
    name=words,
    ring_for=st.floats(),
    accept=st.sampled_from(["pickup", "press_1"]),
    accept_for=st.floats(),
)
leg = st.integers(0, 3)
any_event = st.one_of(
    st.builds(ev.CallArrived, words, words, st.none() | words, st.booleans(), words),
    st.builds(ev.CallerAnswered),
    st.builds(ev.StageEntered, words, words, number, st.just(())),
    st.builds(ev.LegOffered, leg | number, words, targets, help=leg),
    st.builds(ev.HelpSought, leg, words, leg, words, st.just(())),
    st.builds(ev.HelpEnded, leg, st.sampled_from(["unreached", "dropped"])),
    st.builds(ev.CallerHeld, leg),
    st.builds(ev.CallerBack, leg),
    st.builds(ev.CallMarked, words, words, words),
    st.builds(ev.MenuOffered, number, st.just(()), st.just({}), st.floats()),
    st.builds(ev.AnnouncementStarted, st.just(())),
    st.builds(ev.CallBackPlaced, words, words, words),
    st.builds(ev.CallBackEnded, words, words, st.floats()),
    st.builds(ev.LegRinging, leg),
    st.builds(ev.LegAnswered, leg),
    st.builds(ev.LegAccepted, leg),
    st.builds(ev.LegEnded, leg, st.sampled_from(ev.LegResult), number, number, words),
    st.builds(ev.MenuChosen, words, words),
    st.builds(ev.RecordingStarted, words),
    st.builds(ev.RecordingFinished, words, st.none() | st.floats()),
    st.builds(ev.RecordingFailed, words, words),
    st.builds(ev.CallerLeft, st.none() | number),
    st.builds(ev.CallResumed),
    st.builds(ev.HandedToFallback, words),
    st.builds(ev.PlanLoaded, words),
    st.builds(ev.CallEnded, st.sampled_from(ev.Outcome), st.sampled_from(["caller", "staff", "system"])),
)
clock = st.integers(0, 2**62)


@given(st.lists(st.tuples(clock, any_event), max_size=30))
def test_any_order_of_events_makes_one_sound_record_or_none(story: list[tuple[int, ev.Event]]) -> None:
    from pbx112.cdr.record import Fact

    told = [
        Fact(seq, ev.Instant(ns // 100_000, ns), PLAN, event)
        for seq, (ns, event) in enumerate(story, start=1)
    ]
    records = build_record("c\0", told, journal_id="j", node="n")
    call, legs = records.call, records.legs
    ended = any(isinstance(event, ev.CallEnded) for _, event in story)
    assert (call is not None) == ended
    assert len({leg.leg for leg in legs}) == len(legs)
    if call is not None:
        assert call.legs == len(legs)
        assert call.ring_seconds >= 0
        assert call.talk_seconds >= 0
        assert all(leg.ring_seconds >= 0 and leg.talk_seconds >= 0 for leg in legs)
        assert "\0" not in msgspec.json.encode(records).decode()
        assert len(records.stages) == (call.escalations + 1 if records.stages else 0)
        assert call.offers_accepted == sum(leg.result == "accepted" for leg in legs)
        assert call.offers_unanswered == sum(leg.result in UNANSWERED for leg in legs)
        at_the_end = [*legs, *records.stages, *records.helps, *records.holds]
        assert {getattr(row, "arrived_at") for row in at_the_end} <= {call.arrived_at}  # noqa: B009
        assert all((s.result == "accepted") == (s.accepted_at is not None) for s in records.stages)
        assert all((h.result == "accepted") == (h.leg is not None) for h in records.helps)
        assert len(records.helps) == sum(
            isinstance(event, ev.HelpSought) for event in (event for _, event in story[: _end_of(story)])
        )
    assert len(records.marks) == sum(isinstance(event, ev.CallMarked) for _, event in story)
    assert len(records.call_backs) == sum(isinstance(event, ev.CallBackEnded) for _, event in story)


def _end_of(story: list[tuple[int, ev.Event]]) -> int:
    return next(index for index, (_, event) in enumerate(story) if isinstance(event, ev.CallEnded))


def test_whom_the_call_turned_to_and_how_soon_they_came() -> None:
    records = records_of(answered())
    assert [(s.owner, s.why, s.result, s.line, s.seconds_to_accept) for s in records.stages] == [
        ("call_takers", "first", "passed_on", None, None),
        ("damkar", "then", "accepted", "+6281200000001", 3.8),
    ]
    (only,) = records_of(abandoned()).stages
    assert (only.result, only.accepted_at) == ("caller_gone", None)


def test_a_mark_and_a_call_back_after_the_end_stand_under_the_call() -> None:
    story = [
        *abandoned(),
        (100.0, ev.CallMarked("1101", disposition="ghost")),
        (200.0, ev.CallBackPlaced("1101", "+62811", "gsm")),
        (230.0, ev.CallBackEnded("1101", "answer", 12.5)),
    ]
    records = records_of(story)
    ((_, mark),) = records.marks
    ((seq, back),) = records.call_backs
    assert (mark.line, mark.disposition, mark.incident, mark.after_end) == ("1101", "ghost", None, True)
    assert (seq, back.trunk, back.result, back.talk_seconds) == (9, "gsm", "answer", 12.5)
    assert back.placed_at == moment(BEGAN_US + 200_000_000)
    assert mark.arrived_at == back.arrived_at == moment(BEGAN_US)


def test_the_arrival_that_has_left_the_journal_is_taken_from_the_call() -> None:
    told = facts(entries("c1", [(0.0, ev.CallMarked("1101", disposition="prank"))]))
    before = moment(BEGAN_US - 60 * 86_400_000_000)
    ((_, mark),) = build_record("c1", told, journal_id="j", node="n", arrived_at=before).marks
    assert mark.arrived_at == before


def test_the_view_for_queries_replaces_what_jsonb_refuses() -> None:
    assert jsonb_view(b'{"a":"x"}') == '{"a":"x"}'
    assert jsonb_view(b'{"a":"\\u0000b\\ud800"}') == '{"a": "\ufffdb\ufffd"}'
    assert jsonb_view(b'{"a":"\\ud83d\\ude92"}') == '{"a": "\N{FIRE ENGINE}"}'
    assert jsonb_view(b"\xff") == jsonb_view(b"{") == jsonb_view(b'{"a":NaN}') == '{"unreadable": true}'
