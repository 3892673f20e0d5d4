"""What is counted, told as calls."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from pbx112.model import events as ev
from pbx112.model.events import Event, Instant, LegResult, Outcome, Target
from pbx112.model.state import SECOND, fold
from pbx112.watch import Meter

from ..model.desk import agency, mobile, plan

LINE = Target("damkar", "+6281", "mobile", "PJSIP/+6281@gsm", "A", 25.0, "press_1", 12.0, trunk="gsm")
HOSTILE = 'x"} 1\npbx112_calls_ended_total{outcome="answered'


class Counting:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meter = Meter(self.registry, lambda: plan(agency("damkar", mobile("+6281"))))

    def tell(self, call_id: str, *story: tuple[float, Event]) -> None:
        for second, event in story:
            self.meter.heed(call_id, event, Instant(0, int(second * SECOND)))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"pbx112_{name}", labels)


def arrival(via: str = "daemon", number: str = "+62811") -> ev.CallArrived:
    return ev.CallArrived("c", number, number, True, "112", via="fallback" if via == "fallback" else "daemon")


def test_an_answered_call_counts_once_and_its_times_are_the_records() -> None:
    counting = Counting()
    counting.tell(
        "c1",
        (100, arrival()),
        (101, ev.LegOffered(1, "l", LINE)),
        (102, ev.LegEnded(1, LegResult.BUSY)),
        (102, ev.LegOffered(2, "l", LINE)),
        (114.5, ev.LegAccepted(2)),
        (120, ev.LegAccepted(2)),
        (150, ev.LegEnded(2, LegResult.ACCEPTED)),
        (150, ev.CallEnded(Outcome.ANSWERED, "caller")),
    )
    assert counting.value("calls_arrived_total", via="daemon") == 1
    assert counting.value("calls_ended_total", outcome="answered") == 1
    assert counting.value("legs_ended_total", owner="damkar", result="busy") == 1
    assert counting.value("call_accept_seconds_sum", via="daemon") == 14.5
    assert counting.value("call_accept_seconds_bucket", via="daemon", le="10.0") == 0
    assert counting.value("call_accept_seconds_bucket", via="daemon", le="15.0") == 1
    assert counting.value("leg_accept_seconds_sum", owner="damkar") == pytest.approx(12.5 + 18)
    assert counting.value("call_talk_seconds_sum") == 35.5
    assert counting.value("call_abandoned_seconds_count") == 0


def test_a_caller_who_gives_up_and_a_trunk_that_is_full() -> None:
    counting = Counting()
    counting.tell(
        "c1",
        (0, arrival()),
        (0, ev.LegOffered(1, "l", LINE, placed=False)),
        (0, ev.LegEnded(1, LegResult.UNAVAILABLE, detail="trunk_full")),
        (7, ev.CallEnded(Outcome.ABANDONED_RINGING, "caller")),
    )
    assert counting.value("call_abandoned_seconds_sum") == 7
    assert counting.value("trunk_refusals_total", trunk="gsm", why="trunk_full") == 1
    assert counting.value("call_accept_seconds_count", via="daemon") == 0


def test_a_call_of_before_a_restart_counts_from_its_arrival() -> None:
    told: list[tuple[Instant, ev.CallEvent]] = [
        (Instant(0, 0), arrival()),
        (Instant(0, 0), ev.LegOffered(1, "l", LINE)),
    ]
    call = fold("c1", told)
    assert call is not None
    counting = Counting()
    counting.meter.take_up([call])
    counting.tell("c1", (18, ev.LegAccepted(1)), (20, ev.CallEnded(Outcome.ANSWERED, "caller")))
    assert counting.value("call_accept_seconds_sum", via="daemon") == 18
    assert counting.value("calls_arrived_total", via="daemon") == 0


def test_what_the_fallback_did_counts_apart() -> None:
    counting = Counting()
    counting.tell(
        "f1",
        (0, arrival("fallback")),
        (0, ev.LegOffered(1, "l", LINE)),
        (4, ev.LegAccepted(1)),
        (9, ev.CallEnded(Outcome.FALLBACK_ANSWERED, "staff")),
    )
    assert counting.value("call_accept_seconds_sum", via="fallback") == 4
    assert counting.value("call_accept_seconds_count", via="daemon") == 0


def test_no_personal_data_and_no_more_labels_than_we_know() -> None:
    counting = Counting()
    counting.tell(
        "+6281311112222",
        (0, arrival(number="+6281311112222")),
        (1, ev.CallMarked("1101", disposition=HOSTILE)),
        (2, ev.CallBackEnded("1101", HOSTILE)),
        (3, ev.PinRefused("1101", HOSTILE)),
        (4, ev.HandedToFallback(HOSTILE)),
    )
    page = generate_latest(counting.registry).decode()
    assert "1311112222" not in page
    assert "x\\" not in page
    assert counting.value("call_marks_total", disposition="other") == 1
    assert counting.value("call_backs_ended_total", result="other") == 1
    assert list(text_string_to_metric_families(page))


def test_what_the_plan_can_bring_begins_at_zero() -> None:
    counting = Counting()
    assert counting.value("legs_ended_total", owner="damkar", result="busy") is None
    counting.tell("", (0, ev.PlanLoaded("x")))
    assert counting.value("legs_ended_total", owner="damkar", result="busy") == 0
    assert counting.value("trunk_refusals_total", trunk="gsm", why="trunk_full") == 0


def test_calls_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx112.watch.meter.OPEN", 10)
    counting = Counting()
    for number in range(50):
        counting.tell(f"c{number}", (number, arrival()))
    assert len(counting.meter._open) == 10


def test_a_fault_in_counting_reaches_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(counting.meter, "_heed", fails)
    with capture_logs() as said:
        counting.tell("c1", (0, arrival()))
    assert said[0]["action"] == "metrics"
