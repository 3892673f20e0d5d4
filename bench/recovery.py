"""`python -m bench.recovery`: how soon 500 live talks are taken up when the daemon that had them is killed, with an
empty journal or (`--history 70000`) with one that holds so many calls of the last 35 days."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import shutil
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from bench.calls import Load, run
from bench.memory import calls_up
from bench.ways import PBX112, exchange_of_all, switch_to
from lab.daemon import Daemon
from lab.exchange import Exchange
from lab.processes import eventually
from lab.traffic.load import Traffic
from lab.traffic.sample import SAMPLE
from lab.traffic.write import write_journal

CALLS, RATE, TALK = 500, 40, 45.0
ROUNDS = 3
KEPT_DAYS = 35
"""How long the journal keeps what was shipped."""

OUTPUT = Path(__file__).parent.parent / ".lab" / "bench-recovery.json"


async def measure(exchange: Exchange) -> dict[str, list[float]]:
    """Seconds from the kill until all calls are taken up: by a daemon that is started in that moment, and by a standby.

    Raises :class:`TimeoutError` where the calls were never up, or not all of them were taken up.
    """
    await switch_to(exchange, PBX112)
    took: dict[str, list[float]] = {"started anew": [], "standby": []}
    calls = asyncio.create_task(run(exchange, PBX112, Load(RATE, CALLS, TALK, 1)))
    try:

        async def all_up() -> bool:
            return await calls_up(exchange) >= CALLS

        await eventually(all_up, 30, pause=0.2)
        serving, other = exchange.daemon, exchange.standby
        for _ in range(ROUNDS):
            took["started anew"].append(await _killed(serving, serving))
            await other.start()
            took["standby"].append(await _killed(serving, other))
            serving, other = other, serving
        await exchange.daemon.start()  # as a standby, where it is not the one that serves
        made = await calls
    finally:
        calls.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calls
    assert made.failed == 0, f"{made.failed} calls failed"
    return took


async def fill(exchange: Exchange, calls: int) -> int:
    """Give the journal a past of `calls` calls, have all of it shipped, and return how many events it then holds."""
    await exchange.daemon.stop()
    begins = datetime.now(UTC).date() - timedelta(KEPT_DAYS - 1)
    past = Traffic(SAMPLE.agencies, SAMPLE.seed, begins, KEPT_DAYS, calls, SAMPLE.offices)
    path = Path(exchange.daemon.settings["journal"])
    events = await asyncio.to_thread(
        lambda: asyncio.run(write_journal(path, past.office(SAMPLE.offices[0]).drafts()))
    )
    await exchange.daemon.start()
    connection = await asyncpg.connect(exchange.dsn)
    try:

        async def shipped() -> bool:
            return bool(await connection.fetchval("SELECT max(last_seq) >= $1 FROM pbx112.shipment", events))

        await eventually(shipped, 600, pause=1)
    finally:
        await connection.close()
    return events


async def _killed(serving: Daemon, next_one: Daemon) -> float:
    """Kill `serving`; seconds until `next_one`, started where it does not wait already, has taken up all calls."""
    size = next_one.log.stat().st_size
    began = time.monotonic()
    await serving.kill()
    await next_one.start()
    connected = await next_one.says("connected", since=size)
    seconds = time.monotonic() - began
    assert connected["resumed"] == CALLS, connected
    return round(seconds, 3)


def main(
    history: Annotated[int, typer.Option(help="Calls of the last 35 days in the journal.", min=0)] = 0,
) -> None:
    """Measure, show, and write the figures."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = OUTPUT.parent / "bench-recovery"
    shutil.rmtree(folder, ignore_errors=True)
    console = Console()

    async def whole() -> tuple[int, dict[str, list[float]]]:
        async with exchange_of_all(folder, "127.119") as exchange:
            events = await fill(exchange, history) if history else 0
            return events, await measure(exchange)

    with console.status(f"{CALLS} talks, killed {2 * ROUNDS} times"):
        events, took = asyncio.run(whole())
    table = Table("taken up by", "median, s", "worst, s", title=f"the journal holds {events:,} events before")
    for who, seconds in took.items():
        table.add_row(f"{CALLS} talks: {who}", f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
    console.print(table)
    figures = {"calls": CALLS, "history_calls": history, "history_events": events, "seconds": took}
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
