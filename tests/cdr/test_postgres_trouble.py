"""Postgres takes no writes, is full, slow, locked, failed over: the journal keeps all, and all arrives once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest

from lab.network import POSTGRES, free_net
from lab.postgres import Postgres
from pbx112.cdr import migrate
from pbx112.journal import Draft, Journal
from pbx112.model import events as ev
from tests.cdr.calls import PLAN, abandoned, answered, drafts
from tests.cdr.conftest import Eventually
from tests.cdr.shipped import Alarms, assert_all_arrived_once, shipping

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'pbx112 ship%'"
)


async def append_calls(journal: Journal, first: int, count: int) -> float:
    """Journal calls one after the other; the longest that an append took, in seconds."""
    slowest = 0.0
    for number in range(first, first + count):
        began = time.monotonic()
        await journal.append(drafts(f"c{number:04}", answered()))
        slowest = max(slowest, time.monotonic() - began)
    return slowest


async def alarmed(eventually: Eventually, alarms: Alarms, words: str) -> None:
    async def said() -> bool:
        return any(words in alarm for alarm in alarms)

    await eventually(said)


def told_once(alarms: Alarms, words: str) -> None:
    """The trouble with its remedy, then its end, and nothing else."""
    *begun, ended = alarms
    assert all("not arriving in Postgres" in alarm for alarm in begun)
    assert sum(words in alarm for alarm in begun) == 1
    assert len(begun) <= 2, "a cut connection, then what is really wrong"
    assert "arrive in Postgres again" in ended


TROUBLES = {
    "read-only": (
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off; ALTER DATABASE {} RESET default_transaction_read_only",
        "target_session_attrs=read-write",
    ),
    "tables missing": (
        "ALTER SCHEMA pbx112 RENAME TO away",
        "ALTER SCHEMA away RENAME TO pbx112",
        "run `pbx112 migrate`",
    ),
    "no login": (
        "ALTER ROLE shipping PASSWORD 'another'",
        "ALTER ROLE shipping PASSWORD 'known'",
        "refuses the login",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_trouble_is_told_with_its_remedy_and_all_arrives_when_it_is_over(
    trouble: str,
    server: Postgres,
    database: str,
    journal: Journal,
    db: asyncpg.Connection,
    alarms: Alarms,
    eventually: Eventually,
) -> None:
    begin, end, words = TROUBLES[trouble]
    await db.execute(
        "DO $$ BEGIN CREATE ROLE shipping LOGIN IN ROLE pbx112_writer; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$; ALTER ROLE shipping PASSWORD 'known'"
    )
    dsn = f"postgresql://shipping:known@{server.address}:{POSTGRES}/{database}"
    async with shipping(journal, dsn, alarms.append) as shipper:
        await append_calls(journal, 0, 3)
        assert await shipper.flush(10)
        await db.execute(begin.format(database))
        await db.execute(KILL)
        assert await append_calls(journal, 3, 30) < 0.25
        await alarmed(eventually, alarms, words)
        await db.execute(end.format(database))
        assert await shipper.flush(20)
        await alarmed(eventually, alarms, "again")
    told_once(alarms, words)
    await assert_all_arrived_once(db, journal)
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 33


async def test_a_lock_of_somebody_else_delays_records_and_no_append(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        await append_calls(journal, 0, 3)
        assert await shipper.flush(10)
        async with db.transaction():
            await db.execute("LOCK TABLE pbx112.event, pbx112.shipment IN ACCESS EXCLUSIVE MODE")
            assert await append_calls(journal, 3, 200) < 0.25
            assert not await shipper.flush(1)
        assert await shipper.flush(20)
    await assert_all_arrived_once(db, journal)
    assert alarms == []


async def test_a_lock_that_is_held_for_long_is_told(
    journal: Journal,
    dsn: str,
    db: asyncpg.Connection,
    alarms: Alarms,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pbx112.cdr.store.connect.__kwdefaults__", {"statement_seconds": 0.5})
    async with shipping(journal, dsn, alarms.append) as shipper:
        async with db.transaction():
            await db.execute("LOCK TABLE pbx112.shipment IN ACCESS EXCLUSIVE MODE")
            await append_calls(journal, 0, 3)
            await alarmed(eventually, alarms, "pg_stat_activity")
        assert await shipper.flush(20)
        await alarmed(eventually, alarms, "again")
    await assert_all_arrived_once(db, journal)


async def test_a_storm_while_postgres_was_away_arrives_once_in_order(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    """13,334 calls, 200,010 events: a day and more of a district's worst storm."""
    for number in range(13_334):
        appended = journal.append(drafts(f"c{number:05}", answered()))
        if number % 500 == 0:
            await appended
            while journal.waiting > 1_000:  # calls: memory is for a busy machine's disk, not for this test
                await asyncio.sleep(0.02)
    await appended
    async with shipping(journal, dsn, alarms.append) as shipper:
        assert await shipper.flush(150)
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 13_334
    assert await db.fetchval("SELECT count(*) FROM pbx112.leg") == 2 * 13_334
    assert await db.fetchval("SELECT count(*) FROM pbx112.event") == 200_010
    assert await db.fetch("SELECT * FROM pbx112.broken_link") == []
    assert [alarm for alarm in alarms if alarm.startswith("records:")] == []


async def test_clocks_far_off_hold_nothing_up(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    """A dead battery's 1970, a far 2099, last year: an event without a month of its own is kept all the same."""
    moments = [0, 4_070_908_800_000_000, 1_748_736_000_000_000, time.time_ns() // 1000, 0]
    async with shipping(journal, dsn, alarms.append) as shipper:
        for number, utc_us in enumerate(moments):
            story = [
                draft._replace(utc_us=utc_us + n) for n, draft in enumerate(drafts(f"c{number}", abandoned()))
            ]
            await journal.append(story)
        assert await shipper.flush(10)
    await assert_all_arrived_once(db, journal)
    rings = await db.fetch("SELECT DISTINCT ring_seconds::float8 FROM pbx112.call")
    assert [row[0] for row in rings] == [2.1]
    assert alarms == []


async def test_the_clock_steps_in_the_middle_of_a_call_and_no_duration_changes(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    """An hour and a month back, and two years forward, between the second and the last event."""
    steps = [-3_600, -2_700_000, 63_000_000]
    async with shipping(journal, dsn, alarms.append) as shipper:
        for number, seconds in enumerate(steps):
            story = drafts(f"c{number}", answered())
            await journal.append(
                [*story[:2], *(one._replace(utc_us=one.utc_us + seconds * 1_000_000) for one in story[2:])]
            )
        assert await shipper.flush(10)
    rows = await db.fetch("SELECT ring_seconds::float8 AS r, talk_seconds::float8 AS t FROM pbx112.call")
    assert [(row["r"], row["t"]) for row in rows] == [(4.5, 60.0)] * len(steps)
    await assert_all_arrived_once(db, journal)


async def test_the_standby_takes_over_without_the_last_commits(
    tmp_path: Path, journal: Journal, alarms: Alarms
) -> None:
    """Asynchronous replication: what only the dead server had is shipped again from the journal."""
    net = free_net()
    first = Postgres(tmp_path / "a", f"{net}.0.1")
    await first.start()
    await migrate(first.dsn)
    second = await first.copy(tmp_path / "b", f"{net}.0.2")
    credentials = first.dsn.partition("@")[0]
    dsn = (
        f"{credentials}@{first.address}:{POSTGRES},{second.address}:{POSTGRES}/pbx112"
        "?target_session_attrs=read-write"
    )
    try:
        await second.start()
        async with shipping(journal, dsn, alarms.append) as shipper:
            await append_calls(journal, 0, 10)
            assert await shipper.flush(10)
            await caught_up(first, second)
            await second.stop()
            await append_calls(journal, 10, 10)  # acknowledged by the first server alone
            assert await shipper.flush(10)
            await first.stop()
            await second.start()
            standby = await asyncpg.connect(second.dsn)
            assert await standby.fetchval("SELECT count(*) FROM pbx112.call") == 10
            assert await append_calls(journal, 20, 10) < 0.25
            await standby.execute("SELECT pg_promote()")

            async with asyncio.timeout(30):
                while await standby.fetchval("SELECT count(*) FROM pbx112.call") < 30:
                    await asyncio.sleep(0.05)
            assert await shipper.flush(10)
        await assert_all_arrived_once(standby, journal)
        assert await standby.fetchval("SELECT count(*) FROM pbx112.call") == 30
        await standby.close()
    finally:
        await first.stop()
        await second.stop()
    assert ["not arriving" in alarm for alarm in alarms] == [True, False]


async def caught_up(first: Postgres, second: Postgres) -> None:
    """Wait until the standby has all that the primary has."""
    at, follower = await asyncpg.connect(first.dsn), await asyncpg.connect(second.dsn)
    try:
        async with asyncio.timeout(20):
            there = await at.fetchval("SELECT pg_current_wal_lsn()::text")
            while not await follower.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", there):
                await asyncio.sleep(0.05)
    finally:
        await at.close()
        await follower.close()


async def test_postgres_has_no_space_left(
    tmp_path: Path, journal: Journal, alarms: Alarms, eventually: Eventually
) -> None:
    """A tablespace of 24 MB on a file system of its own."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
    script = f'mount -t tmpfs -o size=24m none {small} && mkdir {small}/space && exec "$@"'
    server = Postgres(tmp_path / "postgres", f"{free_net()}.0.1", within=(*mount, script, "sh"))
    await server.start()
    try:
        owner = await asyncpg.connect(server.dsn_of("postgres"))
        await owner.execute(f"CREATE TABLESPACE small LOCATION '{small}/space'")
        await owner.execute("CREATE DATABASE full_one TABLESPACE small")
        dsn = server.dsn_of("full_one")
        await migrate(dsn)
        db = await asyncpg.connect(dsn)
        async with shipping(journal, dsn, alarms.append) as shipper:
            await append_calls(journal, 0, 3)
            assert await shipper.flush(10)
            with pytest.raises(asyncpg.PostgresError, match="No space left"):
                await owner.execute(
                    f"COPY (SELECT repeat('x', 1000) FROM generate_series(1, 40000)) TO '{small}/ballast'"
                )
            body = ev.encode(ev.PlanLoaded("x" * 2000))
            for _ in range(20):
                await journal.append([Draft("", time.time_ns() // 1000, 0, PLAN, "PlanLoaded", body)] * 20)
            assert await append_calls(journal, 3, 30) < 0.25
            await alarmed(eventually, alarms, "make room")
            await owner.execute(f"COPY (SELECT 1) TO '{small}/ballast'")
            assert await shipper.flush(20)
            await alarmed(eventually, alarms, "again")
        told_once(alarms, "disk is full")
        await assert_all_arrived_once(db, journal)
        await db.close()
        await owner.close()
    finally:
        await server.stop()
