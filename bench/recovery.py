"""`python -m bench.recovery`: how soon 500 live talks are taken up when the daemon that had them is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import shutil
import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.calls import Load, run
from bench.memory import calls_up
from bench.ways import PBX112, exchange_of_all, switch_to
from lab.daemon import Daemon
from lab.exchange import Exchange
from lab.processes import eventually

CALLS, RATE, TALK = 500, 40, 45.0
ROUNDS = 3
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


def main() -> None:
    """Measure, show, and write the figures."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = OUTPUT.parent / "bench-recovery"
    shutil.rmtree(folder, ignore_errors=True)
    console = Console()

    async def whole() -> dict[str, list[float]]:
        async with exchange_of_all(folder, "127.119") as exchange:
            return await measure(exchange)

    with console.status(f"{CALLS} talks, killed {2 * ROUNDS} times"):
        took = asyncio.run(whole())
    table = Table("taken up by", "median, s", "worst, s")
    for who, seconds in took.items():
        table.add_row(f"{CALLS} talks: {who}", f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
    console.print(table)
    OUTPUT.write_text(json.dumps({"calls": CALLS, "seconds": took}, indent=2) + "\n")


if __name__ == "__main__":
    main()
