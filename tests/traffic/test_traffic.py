"""The traffic for benchmarks and the sample is what the daemon would have made of it, to the byte."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import asyncpg

from lab.postgres import Postgres
from lab.traffic.chain import batches
from lab.traffic.load import Traffic, load_office
from lab.traffic.sample import SAMPLE
from lab.traffic.write import write_journal
from pbx112.cdr import Shipper, migrate, rebuild
from pbx112.cdr.derived import TABLES
from pbx112.journal import Draft, Journal, verify
from pbx112.model.events import Disposition, LegResult, Outcome
from tests.cdr.calls import gap

FEW = replace(SAMPLE, calls=150)


def drafts(traffic: Traffic) -> list[Draft]:
    return list(traffic.office("kaur").drafts())


async def test_what_is_loaded_is_what_the_journal_and_the_shipper_make_of_it(
    server: Postgres, dsn: str, empty_database: str, tmp_path: Path
) -> None:
    """Every table, byte for byte; and the records made anew from the events say the same."""
    path = tmp_path / "journal.db"
    alarms = list[str]()
    entries = await write_journal(path, drafts(FEW))
    journal = await Journal.open(path, closing={"CallEnded"}, gap=gap, on_alarm=alarms.append)
    shipper = Shipper(journal, dsn, "kaur", alarms.append)
    task = asyncio.create_task(shipper.run())
    assert await shipper.flush(60)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    chain = journal.journal_id
    await journal.close()
    assert alarms == []
    assert verify(path).sound
    assert verify(path).last_seq == entries
    shipped = await _tables(dsn)

    await server.create_database("loaded")
    other = server.dsn_of("loaded")
    await migrate(other)
    loaded = await load_office(other, FEW, "kaur", portion=700, chain=chain)
    assert (loaded.events, loaded.calls) == (entries, FEW.calls)
    assert await _tables(other) == shipped
    assert (await rebuild(other, write=False)).different == []


async def _tables(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetch("SELECT * FROM pbx112.broken_link") == []
        found = {}
        for table in ("event", *TABLES):
            rows = await connection.fetch(f"SELECT * FROM pbx112.{table}")
            found[table] = sorted((tuple(row.values()) for row in rows), key=repr)
        head = await connection.fetch("SELECT journal_id, node, last_seq, head FROM pbx112.shipment")
        return {**found, "shipment": [tuple(row.values()) for row in head]}
    finally:
        await connection.close()


def test_the_same_seed_makes_the_same_events_and_another_one_others() -> None:
    assert drafts(FEW) == drafts(FEW)
    assert drafts(replace(FEW, seed=FEW.seed + 1)) != drafts(FEW)


def test_it_is_the_traffic_of_a_small_office() -> None:
    """Every way in which a call ends, and what DOMAIN says of the shares."""
    calls, legs, marks = Counter[Outcome](), Counter[LegResult](), Counter[str | None]()
    ways, unrecorded, waited, calls_back, helps = Counter[str](), 0, 0, 0, Counter[str]()
    for batch in batches(drafts(SAMPLE), str("0" * 32), "kaur", 5_000):
        rows = batch.rows
        calls.update(call.outcome for call in rows.calls)
        ways.update(call.via for call in rows.calls)
        legs.update(leg.result for leg in rows.legs)
        marks.update(mark.disposition for mark in rows.marks)
        helps.update(help_.result for help_ in rows.helps)
        waited += sum(call.wait_seconds > 0 for call in rows.calls)
        taped = {recording.call_id for recording in rows.recordings if recording.result == "finished"}
        unrecorded += sum(call.accepted_at is not None and call.call_id not in taped for call in rows.calls)
        calls_back += len(rows.call_backs)
    lost = SAMPLE.calls - calls.total()
    assert 0 <= lost < 5, "only who calls while the machine boots is in no record"
    assert 0.8 < calls[Outcome.ANSWERED] / SAMPLE.calls < 0.95
    assert set(calls) == set(Outcome)
    assert set(ways) == {"daemon", "fallback"}
    assert 0.35 < (marks[Disposition.PRANK] + marks[Disposition.GHOST]) / (marks.total() - marks[None]) < 0.7
    assert set(LegResult) - set(legs) <= {LegResult.FAILED}
    assert (
        {"accepted", "passed_on", "unreached", "dropped", "call_ended"}
        >= set(helps)
        >= {"accepted", "unreached"}
    )
    assert waited and calls_back and unrecorded


def test_calls_come_by_the_hour() -> None:
    """At four in the afternoon many more than at three in the night."""
    year = replace(SAMPLE, calls=1_200, days=120, begins=date(2025, 1, 1))
    hours = Counter(
        (draft.utc_us // 3_600_000_000 + 7) % 24 for draft in drafts(year) if draft.kind == "CallArrived"
    )
    assert hours[16] > 2 * hours[3]
