"""Two journals in a database of which somebody is superuser."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from lab.postgres import Postgres
from pbx112.audit.verify import Verified, verify
from tests.cdr import arbitrary
from tests.cdr.shipped import ship


@dataclass(frozen=True)
class Records:
    """Two journals of calls over three months, in a database of which somebody is superuser."""

    dsn: str
    db: asyncpg.Connection
    journal: str
    last: int

    async def verify(self) -> Verified:
        """As the command does, in portions so small that most faults lie across several."""
        return await verify(self.dsn, processes=1, portion=700)

    async def tamper(self, *statements: str, **values: object) -> None:
        """Each is told the journal as {j}; triggers do not fire."""
        async with self.db.transaction():
            await self.db.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                await self.db.execute(
                    statement.format(j=f"journal_id = '{self.journal}'", id=self.journal, **values)
                )


@pytest.fixture(scope="session")
async def pattern(server: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = "audited"
    await server.create_database(name, like=migrated)
    connection = await asyncpg.connect(server.dsn_of(name))
    since, until = datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 10, 10, tzinfo=UTC)
    try:
        await connection.execute("SELECT pbx112.make_partitions('2026-08-01', '2026-09-01')")
    finally:
        await connection.close()
    for seed in (1, 2):
        calls = arbitrary.calls(random.Random(seed), 120, since, until)
        named = [draft._replace(subject=f"{seed}-{draft.subject}") for draft in calls]
        folder = tmp_path_factory.mktemp("journal")
        await ship(server.dsn_of(name), folder, sorted(named, key=lambda draft: draft.utc_us))
    return name


@pytest.fixture
async def records(server: Postgres, pattern: str) -> AsyncIterator[Records]:
    name = f"audited_{uuid4().hex[:8]}"
    await server.create_database(name, like=pattern)
    db = await asyncpg.connect(server.dsn_of(name))
    row = await db.fetchrow(
        "SELECT journal_id::text, last_seq FROM pbx112.shipment ORDER BY journal_id LIMIT 1"
    )
    assert row is not None
    assert row["last_seq"] > 1_000
    yield Records(server.dsn_of(name), db, row["journal_id"], row["last_seq"])
    await db.close()
