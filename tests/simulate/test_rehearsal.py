"""Recorded calls under a changed plan: what differs is the plan's doing, not the rehearsal's."""

from __future__ import annotations

import dataclasses

from pbx112.model import events as ev
from pbx112.model.events import CallEvent, Instant, LegResult, Outcome
from pbx112.model.route import target_of
from pbx112.plan.types import Plan
from pbx112.simulate.recorded import Recorded, RecordedPeople, read_call
from pbx112.simulate.rehearsal import Played, Rehearsal
from tests.plan.plans import agency, extension, mobile, plan

PIKET = "+6281200000001"


def recorded(made: Plan, *events: tuple[float, CallEvent]) -> Recorded:
    arrived = ev.CallArrived("1.1", "08123", "+628123", True, "112")
    begun = 1_790_000_000_000_000
    history = [
        (Instant(begun + int(after * 1e6), int(after * 1e9)), event)
        for after, event in ((0.0, arrived), *events)
    ]
    call = read_call("1.1", history, made.hash)
    assert call is not None
    return call


def answered(made: Plan, owner: str, after: float) -> list[tuple[float, CallEvent]]:
    line = made.agencies[owner].lines[0]
    return [
        (after, ev.LegOffered(1, "leg", target_of(made, owner, line))),
        (after + 2, ev.LegAnswered(1)),
        (after + 2, ev.LegAccepted(1)),
        (after + 9, ev.LegEnded(1, LegResult.ACCEPTED, 16)),
        (after + 9, ev.CallEnded(Outcome.ANSWERED, "staff")),
    ]


def played(call: Recorded, under: Plan) -> Played:
    return Rehearsal([call], under, RecordedPeople([call], None)).run()["1.1"]


def test_a_human_who_picked_up_presses_1_where_the_new_plan_asks_for_it() -> None:
    today = plan(agency("damkar", mobile(PIKET, accept="pickup")))
    call = recorded(today, *answered(today, "damkar", 0.0))
    assert played(call, today).line == PIKET
    asks = played(call, plan(agency("damkar", mobile(PIKET, accept_for=12.0))))
    assert (asks.line, asks.waited is not None and round(asks.waited)) == (PIKET, 5)


def test_who_chose_an_incident_chooses_it_by_the_key_that_it_has_now() -> None:
    agencies = (
        agency("damkar", extension("2101", ring_for=9.0)),
        agency("bpbd", extension("2102", ring_for=9.0)),
    )
    today = plan(*agencies, menu={"1": "damkar", "2": "bpbd"}, default="bpbd")
    call = recorded(
        today,
        (0.0, ev.MenuOffered(1, (), {"1": "incident_1", "2": "incident_2"}, 8.0)),
        (4.0, ev.MenuChosen("1", "incident_1")),
        *answered(today, "damkar", 4.0),
    )
    assert played(call, today).line == "2101"
    turned = {
        key: dataclasses.replace(incident, menu={"1": "2", "2": "1"}[incident.menu or ""])
        for key, incident in today.incidents.items()
    }
    assert played(call, dataclasses.replace(today, incidents=turned)).line == "2101"
    gone = {"incident_2": today.incidents["incident_2"]}
    assert "2101" not in played(call, dataclasses.replace(today, incidents=gone)).rung
