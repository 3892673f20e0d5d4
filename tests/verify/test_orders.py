"""Which lines an order is about, when the schedule's moment has come, and that a hostile order is none."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.model.events import (
    CallArrived,
    Event,
    HandedToFallback,
    Instant,
    LineTestEnded,
    TestResult,
    VerificationStarted,
)
from pbx112.model.state import fold
from pbx112.plan.duty import parse_duty
from pbx112.plan.load import parse_plan
from pbx112.plan.types import Plan
from pbx112.switch.switch import Switch
from pbx112.switch.verified import Verified
from pbx112.verify.orders import OrderServer
from pbx112.verify.rounds import Round, lines_for
from pbx112.verify.schedule import LOOK_EVERY, Schedule, window_at
from pbx112.verify.wire import Accepted, Order, Refusal, encode, read_order, read_told

TEXT = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta}
trunks: {gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", allow: ["+628"]}}
call_takers: {lines: [{extension: "1101"}], then: damkar}
default_agency: damkar
verify: {when: "Sun 23:00-01:00", tries: 3}
agencies:
  damkar:
    name: Damkar
    code: "13"
    lines: [{extension: "2101"}]
    standby: [{mobile: "+6281200000001", trunk: gsm}]
  manna: {name: 112 Manna, code: "31", kind: neighbour, lines: [{mobile: "+6281200000031", trunk: gsm}]}
"""


def plan() -> Plan:
    return parse_plan(TEXT.encode(), "agencies.yaml").plan


def numbers(**order: Any) -> list[str]:
    return [line.number for _, line in lines_for(plan(), Order(**order))]


def test_all_lines_are_those_of_agencies_and_their_standby_mobiles() -> None:
    assert numbers() == ["2101", "+6281200000001"]
    assert numbers(agencies=("call_takers", "manna")) == ["1101", "+6281200000031"]
    assert numbers(lines=("1101", "2101")) == ["1101", "2101"]
    assert numbers(agencies=("damkar",), lines=("2101",)) == ["2101"]


@pytest.mark.parametrize(
    "order", [{"agencies": ("damkr",)}, {"lines": ("0811",)}, {"agencies": ("manna",), "lines": ("2101",)}]
)
def test_what_the_plan_does_not_know_is_named(order: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"damkr|0811|none of these"):
        numbers(**order)


def at(day: int, clock: str) -> datetime:
    """Of November 2026 in the office's time; the 29th is a Sunday."""
    return datetime.fromisoformat(f"2026-11-{day:02}T{clock}").replace(tzinfo=plan().service.timezone)


def test_a_window_runs_past_midnight() -> None:
    when = parse_duty("Sun 23:00-01:00")
    assert window_at(when, at(29, "22:59")) is None
    assert window_at(when, at(29, "23:00")) == (at(29, "23:00"), at(30, "01:00"))
    assert window_at(when, at(30, "00:59")) == (at(29, "23:00"), at(30, "01:00"))
    assert window_at(when, at(30, "01:00")) is None
    assert window_at(when, at(30, "23:30")) is None


async def test_no_line_is_tested_while_the_fallback_dialplan_rings_for_a_citizen() -> None:
    """The daemon gave the call away: it does not see which line is rung, and Asterisk ends no test for it."""
    arrived = CallArrived("PJSIP/trunk-112-1", "0813", "+62813", True, "112")
    given = fold("c1", [(Instant(0, 0), arrived), (Instant(1, 1), HandedToFallback("fault"))])
    said: list[Event] = []

    def note(_subject: str, event: Event) -> asyncio.Future[None]:
        said.append(event)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    switch = SimpleNamespace(
        plan=plan(), ari=SimpleNamespace(connected=True), live_calls=lambda: [given], note=note
    )
    await Round(cast(Switch, switch), Order(lines=("2101",), tries=1, patience=0.0), "command").run()
    (ended,) = (event for event in said if isinstance(event, LineTestEnded))
    assert (ended.number, ended.result, ended.detail) == ("2101", TestResult.NOT_TRIED, "in_use")


class Clock:
    """The office's, as it is set."""

    def __init__(self) -> None:
        self.now = at(29, "22:00")

    def __call__(self, plan: Plan) -> datetime:
        return self.now


def test_each_window_has_one_run_at_a_moment_within_it_also_over_a_restart() -> None:
    moments = set()
    for _ in range(20):
        clock, verified = Clock(), Verified()
        switch = cast(Switch, SimpleNamespace(plan=plan(), ledger=SimpleNamespace(verified=verified)))
        schedule = Schedule(switch, cast(OrderServer, None), clock)
        while not schedule.due():
            clock.now += timedelta(seconds=LOOK_EVERY)
        assert at(29, "23:00") <= clock.now < at(30, "01:00")
        moments.add(clock.now)
        began = Instant(int(clock.now.timestamp() * 1e6), 0)
        verified.heed(VerificationStarted("r", "schedule", 2), began)
        clock.now += timedelta(minutes=1)
        assert not schedule.due() and not Schedule(switch, cast(OrderServer, None), clock).due()
    assert len(moments) > 3  # nobody foresees it


def test_a_daemon_that_starts_in_the_window_s_last_moment_does_not_miss_it() -> None:
    clock = Clock()
    clock.now = at(30, "00:59:30")
    switch = cast(Switch, SimpleNamespace(plan=plan(), ledger=SimpleNamespace(verified=Verified())))
    assert Schedule(switch, cast(OrderServer, None), clock).due()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_a_line_that_is_no_order_is_refused_and_does_no_harm(line: bytes) -> None:
    for read in (read_order, read_told):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            read(line)


@pytest.mark.parametrize(
    "order",
    [
        b'{"type":"Order","tries":99}',
        b'{"type":"Order","at_once":0}',
        b'{"type":"Order","dial":"PJSIP/0900@gsm"}',
        b'{"type":"Order","again_after":1e9}',
        b"[" * 60_000,
    ],
)
def test_an_order_beyond_its_bounds_is_none(order: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        read_order(order)


def test_what_is_told_comes_back() -> None:
    for told in (Refusal("x"), Accepted("r", (("damkar", "2101"),)), VerificationStarted("r", "command", 1)):
        assert read_told(encode(told)) == told
    assert read_order(encode(Order(lines=("2101",)))) == Order(lines=("2101",))
    assert TestResult("verified") is TestResult.VERIFIED
