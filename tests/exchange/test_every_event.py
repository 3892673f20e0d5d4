"""The daemon is killed at every single decision about a call, before and after what follows from it; the record that
comes of it is the same each time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, SILENT, Answers, Behaviour
from lab.processes import LabError
from lab.records import Record
from lab.sipp import Key

PLAN = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}
trunks:
  gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", max_calls: 4, max_minutes: 60, allow: ["+628"]}
default_agency: damkar
recording: {enabled: false, keep_days: 90}
agencies:
  damkar:
    name: Dinas Damkar
    code: "13"
    lines:
      - {extension: "2101", ring_for: 8}
      - {mobile: "+6281200000001", trunk: gsm, ring_for: 8, accept: press_1, accept_for: 12}
"""

MOBILE = "+6281200000001"
PRESSES = Answers(after=0.2, keys=(Key("1", 0.3), Key("1", 1.5), Key("1", 1.5), Key("1", 1.5)))
"""A human who hears the question again, and presses 1 again."""

LATER = 6.0
"""Seconds by which a restart may delay what happens in a call."""


@dataclass(frozen=True)
class Told:
    """A call that is made again and again."""

    phones: dict[str, Behaviour]
    caller: Caller = field(default_factory=Caller)


def busy_then_mobile() -> Told:
    """The first line is busy, a human on the mobile presses 1, they talk, the caller hangs up."""
    return Told({"2101": BUSY, MOBILE: PRESSES}, Caller(talk=4.0))


def abandoned() -> Told:
    """The caller hangs up while it rings."""
    return Told({"2101": SILENT, MOBILE: BUSY}, Caller(patience=2.5))


def essence(record: Record) -> tuple[object, ...]:
    """What has to be the same: the outcome, by whom it ended, who was tried with which result. A line of which
    nobody knows whether somebody picked it up in vain is rung once more: that one attempt is left out."""
    tried = [
        (leg["line"], leg["result"])
        for leg in record.legs
        if not (leg["result"] == "failed" and leg["detail"] == "unseen")
    ]
    return record.call["outcome"], record.call["ended_by"], record.call["via"], tuple(tried)


async def make(exchange: Exchange, told: Told, crash: Sequence[str] = ()) -> Record | None:
    """The call, with a daemon that crashes as told and is started again at once; None where the call was over before
    it crashed."""
    await exchange.daemon.stop()
    usual = exchange.daemon.command
    if crash:
        exchange.daemon.command = (sys.executable, "-m", "lab.crash", *crash, "run")
    try:
        await exchange.daemon.start()
    finally:
        exchange.daemon.command = usual
    calling = await exchange.dial(told.caller)
    if crash:
        try:
            await exchange.daemon.ended(within=12)
        except TimeoutError:
            return None
        await exchange.daemon.start()
    await calling.ended()
    record = await exchange.record(told.caller)
    await exchange.quiet()
    return record


@pytest.mark.parametrize("story", [busy_then_mobile, abandoned])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_every_decision_the_record_is_the_same(
    exchange: Exchange, story: Callable[[], Told], when: str
) -> None:
    await exchange.reload_plan(PLAN)
    undisturbed = story()
    await exchange.phones(undisturbed.phones)
    expected = await make(exchange, undisturbed)
    assert expected is not None
    decisions = len({event["at"] for event in expected.events})
    assert decisions >= 3
    different: list[str] = []
    for decision in range(1, decisions + 1):
        told = story()
        try:
            record = await make(exchange, told, (str(decision), when))
        except (LabError, TimeoutError) as error:
            different.append(f"{when} decision {decision}: {error!r}")
            continue
        if record is None:
            assert decision == decisions, f"decision {decision} of {decisions} was never made"
            continue
        if essence(record) != essence(expected):
            different.append(f"{when} decision {decision}: {essence(record)} {kinds(record)}")
        late = float(record.call["ring_seconds"]) - float(expected.call["ring_seconds"])
        if not -0.5 < late < LATER:
            different.append(f"{when} decision {decision}: rang {late:+.1f} s longer")
    assert not different, "\n".join([f"expected {essence(expected)} {kinds(expected)}", *different])


def kinds(record: Record) -> list[str]:
    """The events of the call."""
    return [event["kind"] for event in record.events]
