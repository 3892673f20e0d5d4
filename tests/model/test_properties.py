"""Whatever arrives, in whatever order: the model never raises, ends once, and has a way out of everything."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pbx112.model import stimuli
from pbx112.model.asks import Originate
from pbx112.model.events import CallEnded, LegEnded, LegOffered, RecordingFinished, decode, encode
from pbx112.model.state import Ended, Talking, due, fold
from pbx112.model.stimuli import Stimulus
from pbx112.plan.types import Agency, CallTakers, Line, Plan

from .desk import DAY, NIGHT, Desk, agency, extension, mobile, plan

LONGEST_REACHING = 2000.0
"""Seconds within which any of the plans below has tried everything twice."""

lines = st.lists(
    st.sampled_from(
        [
            extension("2101"),
            extension("2102", 3.0),
            mobile("+6281200000001", DAY),
            mobile("+6281200000002", NIGHT),
        ]
    ),
    max_size=4,
    unique_by=lambda line: line.number,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    keys = ["damkar", "satpol_pp", "bpbd"]
    agencies: list[Agency] = []
    for index, key in enumerate(keys):
        chosen: list[Line] = draw(lines)
        then = draw(st.sampled_from([None, *keys[index + 1 :]]))
        agencies.append(agency(key, *chosen, ring=draw(st.sampled_from(["all", "in_order"])), then=then))
    menu = draw(st.sampled_from([{}, {"1": "bpbd", "2": "damkar"}]))
    takers = draw(
        st.none()
        | st.builds(
            CallTakers,
            st.sampled_from(["all", "in_order", "longest_idle"]),
            lines.map(tuple),
            st.sampled_from(["menu", "damkar", "bpbd"]),
        )
    )
    return plan(
        *agencies,
        call_takers=takers,
        menu=menu,
        answer=draw(st.sampled_from(["on_pickup", "on_arrival"])),
        max_calls=draw(st.integers(1, 2)),
    )


legs = st.integers(-1, 8)
leg_tuples = st.lists(legs, max_size=3).map(tuple)
some_stimulus: st.SearchStrategy[Stimulus] = st.one_of(
    st.builds(stimuli.Rang, legs),
    st.builds(stimuli.PickedUp, legs),
    st.builds(
        stimuli.HungUp,
        legs,
        st.none() | st.integers(0, 127),
        st.none() | st.sampled_from([404, 480, 486, 487, 503, 603]),
    ),
    st.builds(stimuli.Refused, legs, st.booleans(), st.just("unreachable")),
    st.builds(stimuli.KeyPressed, st.sampled_from("0123456789*#ABCD"), st.none() | legs),
    st.builds(stimuli.PromptDone, st.sampled_from(["greeting", "menu", "announcement"]), st.booleans()),
    st.builds(stimuli.RecordingReported, st.just(RecordingFinished("112-c1", 1.0))),
    st.just(stimuli.TimePassed()),
    st.builds(
        stimuli.Resumed, st.just(False), st.just(False), st.just(False), gone=leg_tuples, up=leg_tuples
    ),
)
rare_stimulus: st.SearchStrategy[Stimulus] = st.one_of(
    some_stimulus,
    st.builds(stimuli.CallerHungUp, st.none() | st.integers(0, 127)),
    st.builds(stimuli.Resumed, st.booleans(), st.booleans(), st.booleans(), leg_tuples, leg_tuples),
    st.builds(stimuli.GivenUp, st.just("internal error")),
)


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(st.tuples(st.floats(0, 40), rare_stimulus), max_size=40))
def test_any_order_of_facts_ends_in_one_outcome(on: Plan, facts: list[tuple[float, Stimulus]]) -> None:
    desk = Desk(on)
    desk.arrives()
    for pause, fact in facts:
        desk.passes(pause)
        desk.hears(fact)
    desk.hears(stimuli.CallerHungUp(16))
    desk.waits(LONGEST_REACHING)
    assert desk.outcome is not None
    assert desk.call and isinstance(desk.call.situation, Ended)
    offered = [event.leg for _, event in desk.history if isinstance(event, LegOffered)]
    ended = [event.leg for _, event in desk.history if isinstance(event, LegEnded)]
    assert sorted(ended) == offered, "every attempt has exactly one result"
    assert [type(event) for _, event in desk.history].count(CallEnded) == 1


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(st.tuples(st.floats(0, 40), some_stimulus), max_size=40))
def test_a_caller_who_stays_is_talking_or_is_told_in_bounded_time(
    on: Plan, facts: list[tuple[float, Stimulus]]
) -> None:
    desk = Desk(on)
    desk.arrives()
    for pause, fact in facts:
        desk.passes(pause)
        desk.hears(fact)
    desk.waits(LONGEST_REACHING)
    assert desk.call is not None
    assert isinstance(desk.call.situation, Ended | Talking) or due(desk.call) is None


@settings(max_examples=200, deadline=None)
@given(plans(), st.lists(st.tuples(st.floats(0, 40), rare_stimulus), max_size=30))
def test_only_the_plan_is_dialled(on: Plan, facts: list[tuple[float, Stimulus]]) -> None:
    allowed = {line.dial for _, line in on.lines()}
    desk = Desk(on)
    desk.arrives("0812'; ${EVIL}&PJSIP/666")
    for pause, fact in facts:
        desk.passes(pause)
        desk.hears(fact)
    assert {r.target.dial for r in desk.requests if isinstance(r, Originate)} <= allowed


@settings(max_examples=200, deadline=None)
@given(plans(), st.lists(some_stimulus, max_size=20), st.randoms(use_true_random=False))
def test_a_damaged_history_still_folds(on: Plan, facts: list[Stimulus], chance: object) -> None:
    """Events lost, doubled or out of order (a damaged journal) yield a state, never an exception."""
    desk = Desk(on)
    desk.arrives()
    for fact in facts:
        desk.passes(5)
        desk.hears(fact)
    first, *rest = desk.history
    shuffle = getattr(chance, "shuffle")  # noqa: B009
    shuffle(rest)
    assert fold("c1", [first, *rest[: len(rest) // 2], *rest]) is not None


@given(plans(), st.lists(some_stimulus, max_size=20))
def test_events_survive_the_journal(on: Plan, facts: list[Stimulus]) -> None:
    desk = Desk(on)
    desk.arrives()
    for fact in facts:
        desk.passes(5)
        desk.hears(fact)
    for _, event in desk.history:
        assert decode(encode(event)) == event
        assert encode(decode(encode(event))) == encode(event)
