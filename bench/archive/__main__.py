"""`python -m bench.archive`: load years of traffic into a Postgres of its own, ask, verify, and weigh it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import signal
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.archive import measure, report
from bench.archive.result import Result
from lab.network import free_net
from lab.postgres import Postgres
from lab.processes import LabError
from lab.traffic.load import Loaded, Traffic, load
from pbx112.cdr import migrate

REPOSITORY = Path(__file__).parent.parent.parent
LAB = REPOSITORY / ".lab"

SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "random_page_cost": "1.1",
    "synchronous_commit": "on",
}
"""What an administrator sets on a small server with 8 GB and an SSD; the disk is waited for."""

BYTES_PER_CALL = 14_000
"""With its share of the log that Postgres writes; to be known beforehand whether the disk is large enough."""

PER_DAY = 900
"""Calls of an office a day: more than any that has published its figures, so that a month is a large one."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    calls: Annotated[int, typer.Option(help="Calls to load.", min=1_000)] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed, the same calls.")] = 1,
    offices: Annotated[int, typer.Option(help="Each a process and a journal of its own.", min=1)] = 2,
    per_day: Annotated[
        int, typer.Option(help="Calls of an office a day: with few, the same calls fill more months.", min=1)
    ] = PER_DAY,
    folder: Annotated[Path, typer.Option(help="Where the database is; removed afterwards.")] = LAB
    / "archive",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the database there.")] = False,
) -> None:
    """Measure the records of this many calls."""
    days = max(40, calls // (offices * per_day))
    names = tuple(f"office{number}" for number in range(1, offices + 1))
    traffic = Traffic(REPOSITORY / "agencies.yaml", seed, date(2020, 1, 1), days, calls, names)
    room = shutil.disk_usage(LAB.parent).free
    if room < calls * BYTES_PER_CALL * 1.2:
        sys.exit(
            f"{room / 2**30:.0f} GiB are free here, {calls * BYTES_PER_CALL * 1.2 / 2**30:.0f} GiB are needed"
        )
    result = asyncio.run(_run(traffic, folder, Console()))
    result.write(LAB / "bench-records.json")
    report.show(result, Console(width=120))
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(traffic: Traffic, folder: Path, console: Console) -> Result:
    """Everything; SIGTERM or SIGINT ends the loading, and what is there is measured; another one ends that as well."""
    enough, measuring = threading.Event(), asyncio.current_task()

    def no_more() -> None:
        if enough.is_set() and measuring is not None:
            measuring.cancel()
        enough.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, no_more)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = Postgres(folder, f"{free_net()}.0.1", settings=SETTINGS)
    await server.start()
    try:
        await migrate(server.dsn)
        result = Result(
            machine=await _machine(server.dsn),
            settings=SETTINGS,
            connections=len(traffic.offices),
            asked_calls=traffic.calls,
        )
        with contextlib.suppress(asyncio.CancelledError):
            await _measure(server.dsn, traffic, result, enough, console)
        return result
    finally:
        await server.stop()


async def _measure(
    dsn: str, traffic: Traffic, result: Result, enough: threading.Event, console: Console
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("loading", total=traffic.calls, told="")
        began, so_far = time.perf_counter(), Loaded()

        def show(step: Loaded) -> None:
            nonlocal so_far
            so_far += step
            rate = so_far.events / (time.perf_counter() - began)
            progress.update(bar, completed=so_far.calls, told=f"{so_far.calls:,} calls {rate:,.0f} events/s")

        loaded = await asyncio.to_thread(load, dsn, traffic, show, enough=enough.is_set)
        enough.set()
        result.load_seconds, result.database_seconds = time.perf_counter() - began, loaded.database_seconds
        result.loaded, result.calls = loaded.events, loaded.calls
        result.making_cpu, result.sending_cpu = loaded.making_cpu, loaded.sending_cpu
        result.loads["loading"] = _load()
        steps = (
            ("one connection", measure.loading(dsn, traffic, result)),
            ("vacuum", _vacuum(dsn)),
            ("weighing", measure.counting(dsn, result)),
            ("asking", measure.asking(dsn, result)),
            ("verify", measure.verifying(dsn, result)),
            ("hashes", measure.chaining(dsn, traffic, result)),
        )
        with contextlib.ExitStack() as unused:
            for _, step in steps:
                unused.callback(step.close)
            for name, step in steps:
                progress.update(bar, description=name, told="")
                await step
                result.loads[name] = _load()


def _load() -> float:
    return round(os.getloadavg()[0], 2)


async def _vacuum(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("VACUUM (FREEZE, ANALYZE)")
    finally:
        await connection.close()


async def _machine(dsn: str) -> dict[str, object]:
    connection = await asyncpg.connect(dsn)
    try:
        version = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    return {
        "cores": os.cpu_count(),
        "load_before": _load(),
        "python": platform.python_version(),
        "postgres": version,
    }


if __name__ == "__main__":
    try:
        app()
    except (LabError, OSError, RuntimeError, asyncpg.PostgresError) as error:
        sys.exit(str(error))
