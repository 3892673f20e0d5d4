"""What each role may do, and above all what it may not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from lab.postgres import Postgres
from pbx112.cdr import Shipper
from pbx112.journal import Journal
from tests.cdr.calls import answered, drafts, gap

CHANGES = [
    "UPDATE pbx112.{} SET call_id = 'x'",
    "DELETE FROM pbx112.{}",
    "TRUNCATE pbx112.{} CASCADE",
    "DROP TABLE pbx112.{} CASCADE",
]


async def login(server: Postgres, database: str, role: str) -> str:
    """A DSN of an account that belongs to `role`."""
    name = f"{role}_{database}"
    await server.add_account(name, role)
    return server.dsn_of(database, name)


async def ship_a_call(dsn: str, folder: Path) -> list[str]:
    alarms: list[str] = []
    journal = await Journal.open(folder / "j.db", closing={"CallEnded"}, gap=gap, on_alarm=alarms.append)
    shipper = Shipper(journal, dsn, "kaur", alarms.append)
    task = asyncio.create_task(shipper.run())
    journal.append(drafts("c1", answered()))
    arrived = await shipper.flush(10)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await journal.close()
    assert arrived, alarms
    return alarms


async def test_the_writer_ships_and_can_change_nothing(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    dsn = await login(server, database, "pbx112_writer")
    assert await ship_a_call(dsn, tmp_path) == []
    writer = await asyncpg.connect(dsn)
    try:
        for table in ("event", "call", "leg", "recording"):
            for change in CHANGES:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await writer.execute(change.format(table))
        for statement in (
            "DELETE FROM pbx112.shipment",
            "UPDATE pbx112.shipment SET base_seq = 7",
            "CREATE TABLE pbx112.mine (x int)",
            "DELETE FROM pbx112.migration",
            "DELETE FROM pbx112.event_other",
            "SELECT * FROM pbx112.caller_description",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await writer.execute(statement)
        assert await writer.fetchval("SELECT pbx112.ensure_partitions(5)") == 2 * 9
    finally:
        await writer.close()


async def test_the_auditor_reads_everything_and_writes_nothing(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    await ship_a_call(server.dsn_of(database), tmp_path)
    auditor = await asyncpg.connect(await login(server, database, "pbx112_auditor"))
    try:
        for table in ("event", "call", "leg", "recording", "shipment"):
            assert await auditor.fetchval(f"SELECT count(*) FROM pbx112.{table}") > 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auditor.execute(f"INSERT INTO pbx112.{table} SELECT * FROM pbx112.{table}")
        assert await auditor.fetch("SELECT * FROM pbx112.broken_link") == []
        assert await auditor.fetch("SELECT * FROM pbx112.caller_description") == []
        for change in CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auditor.execute(change.format("call"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await auditor.execute("SELECT pbx112.ensure_partitions()")
    finally:
        await auditor.close()


async def test_not_even_the_owner_changes_an_event_by_accident(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await ship_a_call(dsn, tmp_path)
    for change in CHANGES[:3]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await db.execute(change.format("event"))
    assert await db.fetchval("SELECT count(*) FROM pbx112.event") == len(answered())


async def test_an_event_of_a_month_without_partition_is_kept(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    """The test's calls lie in another month than the machine's clock."""
    await ship_a_call(dsn, tmp_path)
    rows = await db.fetch("SELECT DISTINCT tableoid::regclass::text AS name FROM pbx112.event")
    assert len(rows) == 1
    assert (
        await db.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'pbx112.event'::regclass") == 5
    )


async def test_an_event_once_shipped_under_a_name_is_refused_a_second_time(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await ship_a_call(dsn, tmp_path)
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute("INSERT INTO pbx112.event SELECT * FROM pbx112.event")
