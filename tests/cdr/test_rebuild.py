"""The records made anew from the events, also while calls run; what no event tells of is found."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pbx112.cdr import rebuild
from pbx112.journal import Journal
from pbx112.model import events as ev
from tests.cdr.calls import abandoned, answered, drafts, gap
from tests.cdr.shipped import Alarms, shipping


async def test_the_records_can_be_made_anew_from_the_events(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        for number in range(20):
            journal.append(drafts(f"c{number}", answered() if number % 2 else abandoned()))
        journal.append(drafts("c3", [(90.0, ev.CallMarked("1101", disposition="prank"))]))
        journal.append(drafts("c4", [(95.0, ev.CallBackEnded("1101", "busy"))]))
        assert await shipper.flush(10)
    assert (await rebuild(dsn)).different == []
    fingerprint = (
        "SELECT md5(string_agg(x::text, '|' ORDER BY x::text)) FROM (SELECT c AS x FROM pbx112.{} c) t"
    )
    tables = ("call", "leg", "recording", "stage", "mark", "call_back")
    before = [await db.fetchval(fingerprint.format(table)) for table in tables]
    await db.execute("UPDATE pbx112.leg SET result = 'busy' WHERE call_id = 'c4'")
    await db.execute("DELETE FROM pbx112.call WHERE call_id = 'c7'")
    await db.execute("DELETE FROM pbx112.recording WHERE call_id = 'c9'")
    await db.execute("UPDATE pbx112.mark SET disposition = 'normal'")
    await db.execute("DELETE FROM pbx112.stage WHERE call_id = 'c11'")
    looked = await rebuild(dsn, write=False)
    assert looked.calls == 20
    assert looked.different == ["c11", "c3", "c4", "c7", "c9"]
    await rebuild(dsn)
    assert [await db.fetchval(fingerprint.format(table)) for table in tables] == before


@pytest.mark.parametrize("begun_anew", [False, True])
async def test_a_call_that_two_journals_tell_of_stands_once(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms, tmp_path: Path, begun_anew: bool
) -> None:
    """The second journal goes on with a call whose arrival the first (damaged) has; or it tells of another arrival."""
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c1", answered()))
        assert await shipper.flush(10)
    second = await Journal.open(tmp_path / "2.db", closing={"CallEnded"}, gap=gap, on_alarm=alarms.append)
    async with shipping(second, dsn, alarms.append) as shipper:
        later = [draft._replace(utc_us=draft.utc_us + 500_000) for draft in drafts("c1", answered())]
        second.append(later if begun_anew else later[5:])
        assert await shipper.flush(10)
    await second.close()
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 1
    assert await db.fetchval("SELECT count(*) FROM pbx112.leg") == 2
    assert [alarm for alarm in alarms if "stand already" in alarm]
    assert (await rebuild(dsn)).different == []


async def test_rows_of_calls_that_no_event_tells_of_are_found(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c1", answered()))
        journal.append(drafts("c1", [(90.0, ev.CallMarked("1101", disposition="prank"))]))
        assert await shipper.flush(10)
    for table, key in (("call", "made_up"), ("mark", "lone")):
        names = [
            row["attname"]
            for row in await db.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass"
                " AND attnum > 0 AND attname <> 'call_id'",
                f"pbx112.{table}",
            )
        ]
        others = ", ".join(names)
        await db.execute(
            f"INSERT INTO pbx112.{table} (call_id, {others}) SELECT '{key}', {others} FROM pbx112.{table}"
        )
    assert (await rebuild(dsn, write=False)).different == ["lone", "made_up"]
    await rebuild(dsn)
    assert (await rebuild(dsn, write=False)).different == []
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 1


async def test_the_records_are_made_anew_while_calls_run(
    journal: Journal,
    dsn: str,
    db: asyncpg.Connection,
    alarms: Alarms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mark that arrives between reading the events and writing the rows anew would be lost: it waits."""
    module = importlib.import_module("pbx112.cdr.rebuild")
    replace, waited = module._replace, list[bool]()

    async def slowly(*rows: Any) -> None:
        journal.append(drafts("c0", [(90.0, ev.CallMarked("1101", disposition="prank"))]))
        journal.append(drafts("c1", answered()))
        waited.append(not await shipper.flush(0.5))
        await replace(*rows)

    monkeypatch.setattr(module, "_replace", slowly)
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c0", answered()))
        assert await shipper.flush(10)
        await db.execute("UPDATE pbx112.leg SET result = 'busy' WHERE call_id = 'c0'")
        await rebuild(dsn)
        assert await shipper.flush(10)
    assert waited == [True]
    assert await db.fetchval("SELECT count(*) FROM pbx112.mark WHERE call_id = 'c0'") == 1
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 2
    assert (await rebuild(dsn, write=False)).different == []
    assert alarms == []
