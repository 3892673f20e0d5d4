"""Postgres dies in the middle of a batch, takes ten seconds for it, or goes without a word: all arrives once."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from lab.cable import cable
from lab.network import free_net
from lab.postgres import Postgres
from pbx112.cdr import migrate
from pbx112.journal import Journal, Over
from tests.cdr.calls import answered, drafts, gap
from tests.cdr.shipped import Alarms, assert_all_arrived_once, shipping
from tests.cdr.test_postgres_trouble import append_calls

OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pbx112 ship%'"
BACKLOG = 1_400
"""Calls of 15 events: more than ten batches."""


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """With a backlog."""
    journal = await Journal.open(tmp_path / "journal.db", closing={"CallEnded"}, gap=gap, on_alarm=print)
    for number in range(BACKLOG):
        appended = journal.append(drafts(f"c{number:05}", answered()))
    await appended
    yield journal
    await journal.close()


async def test_a_server_process_is_killed_in_the_middle_of_batches(tmp_path: Path, journal: Journal) -> None:
    """The server ends every connection then, and recovers; four times, each before all has arrived."""
    server = Postgres(tmp_path / "postgres", f"{free_net()}.0.1")
    await server.start()
    alarms: Alarms = []
    arrived = 0
    try:
        await migrate(server.dsn)
        async with shipping(journal, server.dsn, alarms.append) as shipper:
            for _ in range(4):
                async with asyncio.timeout(30):
                    while shipper.shipped <= arrived:
                        await asyncio.sleep(0)
                arrived = shipper.shipped
                assert arrived < 15 * BACKLOG, "there is still something to interrupt"
                await _kill_backend(server)
            assert await shipper.flush(60)
        db = await asyncpg.connect(server.dsn)
        await assert_all_arrived_once(db, journal)
        assert await db.fetchval("SELECT count(*) FROM pbx112.call") == BACKLOG
        await db.close()
    finally:
        await server.stop()
    assert isinstance(alarms[-1], Over)


async def _kill_backend(server: Postgres) -> None:
    """SIGKILL to the process that serves the shipper; waits until the server has begun to recover."""
    db = await asyncpg.connect(server.dsn)
    async with asyncio.timeout(10):
        while (pid := await db.fetchval(OURS)) is None:
            await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while not db.is_closed():
            await asyncio.sleep(0.01)


async def test_ten_seconds_for_a_batch_delay_records_and_no_append(
    journal: Journal, dsn: str, db: asyncpg.Connection
) -> None:
    await db.execute(
        "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(10); RETURN NEW; END $$; "
        "CREATE TRIGGER slow BEFORE UPDATE ON pbx112.shipment FOR EACH ROW "
        "WHEN (OLD.last_seq = 0) EXECUTE FUNCTION public.slow()"
    )
    alarms: Alarms = []
    more = itertools.count(BACKLOG)
    async with shipping(journal, dsn, alarms.append) as shipper:
        began = time.monotonic()
        async with asyncio.timeout(40):
            while shipper.shipped == 0:
                assert await append_calls(journal, next(more), 1) < 0.25
                await asyncio.sleep(0.1)
        assert time.monotonic() - began > 10
        assert await shipper.flush(60)
    await assert_all_arrived_once(db, journal)
    assert alarms == []


async def test_the_connection_goes_without_a_word_in_the_middle_of_batches(
    journal: Journal, dsn: str, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server holds for the dead connection (a transaction, its locks) is given up within the same bound."""
    monkeypatch.setattr("pbx112.cdr.store.connect.__kwdefaults__", {"statement_seconds": 1.0})
    parts = urlsplit(dsn)
    alarms: Alarms = []
    more = itertools.count(BACKLOG)
    async with cable(f"http://{parts.hostname}:{parts.port}", f"{free_net()}.0.9") as wire:
        place = wire.url.removeprefix("http://")
        through = dsn.replace(f"@{parts.hostname}:{parts.port}", f"@{place}")
        async with shipping(journal, through, alarms.append) as shipper:
            async with asyncio.timeout(30):
                while shipper.shipped == 0:
                    await asyncio.sleep(0)
            assert shipper.shipped < 15 * BACKLOG
            wire.silence_connections()
            before = shipper.shipped
            async with asyncio.timeout(20):
                while shipper.shipped == before:
                    assert await append_calls(journal, next(more), 1) < 0.25
                    await asyncio.sleep(0.1)
            assert await shipper.flush(60)
    await assert_all_arrived_once(db, journal)
    assert [("not arriving" in alarm) for alarm in alarms] == [True, False]
