"""In which order a verification goes through its lines, and whom it gives up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pbx112.model.events import Event, LineTestEnded, TestResult
from pbx112.model.line_test import Verdict
from pbx112.plan.load import parse_plan
from pbx112.switch.line_tests import Test
from pbx112.switch.switch import Switch
from pbx112.verify import rounds
from pbx112.verify.rounds import Round
from pbx112.verify.wire import Order

TEXT = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta}
trunks: {sim: {dial: "PJSIP/{number}@sim", caller_id: "0739112", max_calls: 2, allow: ["+628"]}}
default_agency: a1
agencies:
""" + "".join(
    f"""
  a{n}: {{name: A{n}, code: "1{n}", lines: [{{mobile: "+628120000000{n}", trunk: sim}}]}}
"""
    for n in range(1, 5)
)


class Exchange:
    """A switch whose tests take their time; `calls` of citizens are on the trunk."""

    def __init__(self, takes: float, calls: int = 0) -> None:
        self.takes = takes
        self.ari = SimpleNamespace(connected=True)
        self.plan = parse_plan(TEXT.encode(), "agencies.yaml").plan
        self.calls = SimpleNamespace(
            load_beside=lambda _: {"sim": calls}, trunk_hours=SimpleNamespace(within_hour=lambda _: {})
        )
        self.tests = self
        self.busy = self.most = 0
        self.tried: list[str] = []
        self.given_up: list[tuple[str, str]] = []

    def live_calls(self) -> list[Any]:
        return []

    def note(self, subject: str, event: Event) -> asyncio.Future[None]:
        if isinstance(event, LineTestEnded):
            self.given_up.append((event.number, event.detail))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def run(self, test: Test) -> Verdict:
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(self.takes)
        self.busy -= 1
        self.tried.append(test.target.number)
        return Verdict(TestResult.VERIFIED)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LOOK_EVERY", 0.01)


async def go(exchange: Exchange, patience: float) -> None:
    await Round(cast(Switch, exchange), Order(patience=patience, tries=1), "command").run()


async def test_who_only_waits_for_other_tests_is_called_however_long_the_run_takes() -> None:
    """A gateway of two SIM cards: one for whoever calls 112 now, so one test at a time."""
    exchange = Exchange(takes=0.1)
    await go(exchange, patience=0.15)
    assert exchange.tried == [f"+628120000000{n}" for n in range(1, 5)]
    assert exchange.given_up == []
    assert exchange.most == 1


async def test_the_trunk_that_citizens_need_is_waited_for_and_then_left() -> None:
    exchange = Exchange(takes=0.1, calls=1)
    async with asyncio.timeout(5):
        await go(exchange, patience=0.15)
    assert exchange.tried == []
    assert exchange.given_up == [(f"+628120000000{n}", "trunk_full") for n in range(1, 5)]
