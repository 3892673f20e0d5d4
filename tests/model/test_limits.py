"""What a trunk may carry: at once, and within an hour. And nothing is dialled that is not in the plan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pbx112.model import asks, react, stimuli
from pbx112.model.caller import for_display, read_caller
from pbx112.model.decide import arrive, decide
from pbx112.model.events import LegEnded, LegOffered
from pbx112.model.state import begin, evolve

from .desk import Desk, agency, extension, mobile, plan

A, B, C = "+6281200000001", "+6281200000002", "+6281200000003"


def ends(made: Desk) -> list[tuple[str, str, str]]:
    assert made.call is not None
    return [
        (made.call.legs[event.leg - 1].target.number, event.result.value, event.detail)
        for _, event in made.history
        if isinstance(event, LegEnded)
    ]


def test_a_trunk_whose_hour_is_full_is_passed_over() -> None:
    made = Desk(plan(agency("damkar", mobile(A), extension("2101")), max_per_hour=60))
    made.trunk_placed = {"gsm": 60}
    made.arrives()
    assert made.ringing == ["2101"]
    assert ends(made) == [(A, "unavailable", "trunk_hour_full")]
    assert [
        request.target.number for request in made.asked(asks.Originate) if isinstance(request, asks.Originate)
    ] == ["2101"], "Asterisk was not asked"
    first = next(event for _, event in made.history if isinstance(event, LegOffered))
    assert not first.placed


def test_the_last_call_of_the_hour_is_still_placed() -> None:
    made = Desk(plan(agency("damkar", mobile(A), extension("2101")), max_per_hour=60))
    made.trunk_placed = {"gsm": 59}
    made.arrives()
    assert made.ringing == [A]


def test_lines_that_ring_together_count_one_by_one() -> None:
    made = Desk(plan(agency("damkar", mobile(A), mobile(B), mobile(C), ring="all"), max_per_hour=2))
    made.arrives()
    assert made.ringing == [A, B]
    assert ends(made) == [(C, "unavailable", "trunk_hour_full")]


def test_of_both_limits_the_one_that_ends_with_the_next_hang_up_is_told() -> None:
    made = Desk(
        plan(agency("damkar", mobile(A), extension("2101")), max_calls=1, max_per_hour=1),
        trunk_load={"gsm": 1},
    )
    made.trunk_placed = {"gsm": 1}
    made.arrives()
    assert ends(made) == [(A, "unavailable", "trunk_full")]


hostile = st.text(max_size=200) | st.sampled_from(
    [
        "+6281299999999",
        "0900123456",
        "2101&PJSIP/+6190000000@gsm",
        "Local/s@x/n",
        "${EXTEN}",
        '"><',
        "1,2|3^4",
    ]
)


@given(
    sent=hostile,
    dialled=hostile,
    source=hostile,
    keys=st.lists(st.sampled_from("0123456789*#ABCD"), max_size=6),
)
def test_nothing_that_a_caller_sends_or_presses_is_dialled(
    sent: str, dialled: str, source: str, keys: list[str]
) -> None:
    """Toll fraud: every line that is ever rung is one of the plan, letter by letter."""
    made = plan(agency("damkar", mobile(A), extension("2101"), ring="all"), menu={"1": "damkar"})
    caller = read_caller(sent, "ID")
    desk = Desk(made)
    arrived = stimuli.Arrived("c1", caller.raw, caller.e164, caller.callable, dialled, source)
    asked: list[asks.Request] = []
    for event in arrive("c1", arrived, made, desk.world):
        at = desk.world.now
        after = begin("c1", event, at) if desk.call is None else evolve(desk.call, event, at)
        assert after is not None
        asked += react.react(desk.call or after, event)
        desk.call = after
    for key in keys:
        assert desk.call is not None
        for event in decide(desk.call, stimuli.KeyPressed(key), made, desk.world):
            asked += react.react(desk.call, event)
            desk.call = evolve(desk.call, event, desk.world.now)
    lines = {line.dial for _, line in made.lines()}
    for request in asked:
        if isinstance(request, asks.Originate):
            assert request.target.dial in lines
            assert set(for_display(request.shown)) <= set("0123456789+*#anonymous")
            if request.target.trunk is not None:
                assert request.shown == "0739112", "the trunk gets its own number, not the caller's"
