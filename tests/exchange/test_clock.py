"""Somebody sets the machine's clock while calls go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.callers import Caller
from lab.daemon import ForgedClock
from lab.exchange import Exchange
from lab.phones import BUSY, Answers
from pbx112.journal import verify

from .plans import plan

TALK = 1.5


@pytest.fixture
async def clock(exchange: Exchange, tmp_path: Path) -> AsyncIterator[ForgedClock]:
    """The time of day as the daemon sees it."""
    forged = exchange.daemon.clock = ForgedClock(tmp_path / "clock")
    await exchange.daemon.stop()
    await exchange.daemon.start()
    yield forged
    exchange.daemon.clock = None
    await exchange.daemon.stop()


@pytest.mark.parametrize("crash", [False, True], ids=["serving", "killed"])
async def test_the_clock_is_set_in_the_middle_of_a_call(
    exchange: Exchange, clock: ForgedClock, crash: bool
) -> None:
    """Three hours on while it rings, eight back while they talk, and (`crash`) another daemon takes the call up."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=1.0), "1102": BUSY})
    caller = Caller()
    began = time.monotonic()
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    clock.set("+3h")
    await calling.answered()
    answered = time.monotonic()
    clock.set("-5h")
    if crash:
        await exchange.daemon.kill()
        await exchange.daemon.start()
    await asyncio.sleep(TALK)  # they talk: there is nothing to wait for
    least = time.monotonic() - answered
    calling.hang_up()
    await calling.ended()
    most = time.monotonic() - began
    record = await exchange.record(caller)
    assert (record.outcome, record.tried) == ("answered", (("1101", "accepted"), ("1102", "busy")))
    assert 0.5 < float(record.call["ring_seconds"]) < most
    assert least - 0.5 < float(record.call["talk_seconds"]) < most
    hours = (record.call["ended_at"] - record.call["arrived_at"]).total_seconds() / 3600
    assert -5.1 < hours < -4.9, "the daemon did see another time of day"
    assert verify(exchange.folder / "journal" / "journal.db").sound
    await exchange.quiet()


async def test_the_next_caller_is_served_at_whatever_time_it_is(
    exchange: Exchange, clock: ForgedClock
) -> None:
    """A dead battery: the daemon believes in a year long past, then in this morning.

    Never in a time to come: the stories that follow take the newest record for theirs.
    """
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.2), "1102": BUSY})
    for wrong_by in ("-20y", "-3h"):
        clock.set(wrong_by)
        caller = Caller(talk=0.5)
        calling = await exchange.dial(caller)
        await calling.answered()
        await calling.ended()
        record = await exchange.record(caller)
        assert (record.outcome, 0.3 < float(record.call["talk_seconds"]) < 5) == ("answered", True)
