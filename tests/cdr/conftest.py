from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pytest

from lab.postgres import Postgres
from pbx112.cdr.retention import Done, Where, retain
from pbx112.journal import Journal
from pbx112.plan.load import parse_plan
from pbx112.plan.types import Plan, Recording, Retention
from tests.cdr import arbitrary
from tests.cdr.calls import gap
from tests.cdr.shipped import Alarms, ship
from tests.cdr.test_rights import login


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
def alarms() -> Alarms:
    return []


@pytest.fixture
async def journal(tmp_path: Path, alarms: Alarms) -> AsyncIterator[Journal]:
    journal = await Journal.open(
        tmp_path / "journal.db", closing={"CallEnded"}, gap=gap, on_alarm=alarms.append
    )
    yield journal
    await journal.close()


Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until something outside of this process is so; fails after 20 s."""

    async def wait(holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.02)

    return wait


@dataclass(frozen=True)
class Office:
    """Five months of calls in Postgres, files of recordings, and a keeper."""

    dsn: str
    keeper: str
    plan: Plan
    where: Where

    async def retain(self, *, dry: bool = False) -> Done:
        return await retain(self.keeper, self.plan, self.where, dry=dry)


def months_ago(months: int) -> date:
    """The first day of a month, counted back from now (UTC)."""
    today = datetime.now(UTC).date()
    count = today.year * 12 + today.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


@pytest.fixture
async def office(server: Postgres, database: str, db: asyncpg.Connection, tmp_path: Path) -> Office:
    """Months 5 and 4 back have partitions, month 3 back has none: its rows stand in `event_other`."""
    await db.execute("SELECT pbx112.make_partitions($1, $2)", months_ago(5), months_ago(4))
    await db.execute("SELECT pbx112.make_partitions($1, $2)", months_ago(2), months_ago(0))
    since = datetime.combine(months_ago(5), datetime.min.time(), UTC)
    until = datetime.combine(months_ago(0), datetime.min.time(), UTC)
    dsn = server.dsn_of(database)
    calls = sorted(arbitrary.calls(random.Random(7), 400, since, until), key=lambda draft: draft.utc_us)
    clock_set_back = [draft._replace(subject="late", utc_us=calls[0].utc_us + 10**9) for draft in calls[-9:]]
    text = (Path(__file__).parents[2] / "agencies.yaml").read_text()
    plan = replace(
        parse_plan(text, "agencies.yaml").plan, retention=Retention(1, 1), recording=Recording(True, 30)
    )
    await ship(dsn, tmp_path, [*calls, *clock_set_back], plan)
    folder = tmp_path / "recording"
    folder.mkdir()
    for row in await db.fetch("SELECT DISTINCT name FROM pbx112.recording"):
        (folder / f"{row['name']}.wav").write_bytes(b"RIFF")
    keeper = await login(server, database, "pbx112_keeper")
    return Office(dsn, keeper, plan, Where(folder, tmp_path / "pseudonym.key", "kaur"))
