"""Two daemons on one journal, a watchdog, and a sweep: who serves, and how long a caller waits when it dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import Answers
from lab.processes import eventually
from lab.supervisor import Supervisor, unit_value
from tests.exchange.plans import plan

SOON = Answers(after=0.3)

TAKES_OVER = 3.0
"""Seconds from the death of one daemon until the other serves."""


@asynccontextmanager
async def standby_of(exchange: Exchange) -> AsyncIterator[None]:
    """Beside the daemon that serves, one that waits."""
    exchange.standby.log.unlink(missing_ok=True)
    await exchange.standby.start()
    assert exchange.standby.said("standby") and not exchange.standby.said("connected")
    try:
        yield
    finally:
        await exchange.standby.stop()


@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_the_standby_takes_over_calls_and_all(exchange: Exchange, how: str) -> None:
    await exchange.reload_plan(plan(takers_ring_for=15))
    await exchange.phones({"1101": Answers(after=4), "1102": Answers(after=4)})
    async with standby_of(exchange):
        ringing = Caller(talk=0.5)
        calling = await exchange.dial(ringing)
        await exchange.phone("1101").until_rung()
        began = time.monotonic()
        if how == "killed":
            await exchange.daemon.kill()
        else:
            exchange.daemon.freeze()
        await exchange.standby.says("connected")
        took = time.monotonic() - began
        assert took < TAKES_OVER, f"{took:.1f} s"
        await eventually(
            lambda: exchange.daemon.pid is None, 1
        )  # never do both act: the one that hung is ended
        assert bool(exchange.standby.said("fence")) is (how == "hung")
        await calling.answered()
        await calling.ended()
        record = await exchange.record(ringing)
        assert record.call["outcome"] == "answered"
        later = Caller(talk=0.2)
        served = await exchange.dial(later)
        await served.answered()
        await served.ended()
        assert (await exchange.record(later)).call["outcome"] == "answered"


async def test_a_database_that_is_cut_off_moves_nothing(exchange: Exchange) -> None:
    """Who serves is decided beside Asterisk, not in Postgres."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON})
    async with standby_of(exchange):
        await exchange.stop_postgres()
        for _ in range(3):
            calling = await exchange.dial(Caller(talk=0.2))
            await calling.answered()
            await calling.ended()
        assert exchange.daemon.pid is not None and not exchange.standby.said("takeover")
        await exchange.start_postgres()


async def test_a_hung_daemon_is_replaced_and_its_callers_are_served(exchange: Exchange) -> None:
    """Alone, under systemd's watchdog: who called while it hung waits no longer than the watchdog and a start."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SOON})
    await exchange.daemon.stop()
    bound = float(unit_value("WatchdogSec")) + float(unit_value("RestartSec")) + 5
    async with Supervisor(exchange.daemon, exchange.folder) as supervisor:
        await asyncio.wait_for(supervisor.ready.wait(), 10)
        await eventually(lambda: supervisor.status.startswith("serves, 0 calls"), 10)
        size = exchange.daemon.log.stat().st_size
        exchange.daemon.freeze()
        began = time.monotonic()
        caller = Caller(talk=0.2, patience=30)
        calling = await exchange.dial(caller)
        await exchange.daemon.says("connected", since=size, within=bound)
        assert time.monotonic() - began < bound
        await calling.answered()
        await calling.ended()
        assert (supervisor.hung, supervisor.restarts) == (1, 1)
        assert (await exchange.record(caller)).call["outcome"] == "answered"


async def test_a_stop_while_waiting_is_immediate(exchange: Exchange, tmp_path: Path) -> None:
    async with standby_of(exchange):
        began = time.monotonic()
        await exchange.standby.stop()
        assert time.monotonic() - began < 2
    assert exchange.daemon.pid is not None
