"""The records of years in small: everything is loaded, asked and weighed."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import asyncpg
from rich.console import Console

from bench.archive import measure
from bench.archive.cpu import ServerCpu
from bench.archive.report import show
from bench.archive.result import Result, Size
from lab.traffic.load import load_office, make_months
from lab.traffic.sample import SAMPLE


def test_a_target_that_is_missed_is_called_so() -> None:
    result = Result(
        {}, {}, calls=10, alone=19_999.0, kpi=[0.2, 1.1, 1.2], kpi_unbounded=[2.0], by_number=[0.049]
    )
    result.sizes = [Size("pbx112.event", 200, 80_000, 20_000, 0)]
    told = StringIO()
    show(result, Console(file=told, width=200))
    assert [reached for _, _, reached in result.targets()] == [False, False, True]
    assert told.getvalue().count("NOT REACHED") == 2
    assert result.bytes_per_call == 10_000


async def test_the_numbers_are_those_of_what_was_loaded(dsn: str, tmp_path: Path) -> None:
    await make_months(dsn, SAMPLE)
    loaded = await load_office(dsn, SAMPLE, "kaur")
    result = Result({}, {})
    await measure.asking(dsn, result)
    await measure.verifying(dsn, result)
    await measure.counting(dsn, result)
    result.write(tmp_path / "bench-records.json")
    told = json.loads((tmp_path / "bench-records.json").read_text())
    assert (told["calls"], told["legs"], told["events"]) == (loaded.calls, loaded.legs, loaded.events)
    assert told["months"] == 3
    assert told["verified"] == loaded.events
    assert told["by_number"]
    assert sum(size["total"] for size in map(total, told["sizes"])) > 100 * loaded.events


def total(size: dict[str, int]) -> dict[str, int]:
    return {"total": size["heap"] + size["indexes"] + size["toast"]}


async def test_what_is_there_is_told_where_somebody_had_enough(dsn: str) -> None:
    await make_months(dsn, SAMPLE)
    loaded = await load_office(dsn, SAMPLE, "kaur", portion=500, enough=lambda: True)
    assert loaded.events == 500
    assert loaded.making_cpu > loaded.sending_cpu > 0
    result = Result({}, {}, asked_calls=SAMPLE.calls)
    await measure.counting(dsn, result)
    told = StringIO()
    show(result, Console(file=told, width=200))
    assert f"Stopped early: {SAMPLE.calls:,} calls were asked for" in told.getvalue()


async def test_cpu_is_that_of_the_work(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        server = await ServerCpu.of(connection)
        before = server.mine()
        await connection.execute("SELECT count(*) FROM generate_series(1, 3000000)")
        after = server.mine()
        await connection.execute("SELECT pg_sleep(0.3)")
        assert after - before > 0.1
        assert server.mine() - after < 0.1
    finally:
        await connection.close()
