"""Records as they come: through a journal and the shipper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg

from pbx112.cdr import Shipper
from pbx112.journal import Draft, Journal
from pbx112.plan.types import Plan
from tests.cdr.calls import gap

Alarms = list[str]


@asynccontextmanager
async def shipping(
    journal: Journal, dsn: str, on_alarm: Callable[[str], None], plan: Plan | None = None
) -> AsyncIterator[Shipper]:
    """The journal is shipped meanwhile."""
    shipper = Shipper(journal, dsn, "kaur", on_alarm, plan=None if plan is None else lambda: plan)
    task = asyncio.create_task(shipper.run())
    try:
        yield shipper
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ship(dsn: str, folder: Path, drafts: Sequence[Draft], plan: Plan | None = None) -> list[str]:
    """Journal `drafts` in a new or the same file below `folder` and ship them; returns the alarms of shipping (a busy
    machine's disk may raise others)."""
    alarms: Alarms = []
    journal = await Journal.open(folder / "j.db", closing={"CallEnded"}, gap=gap, on_alarm=alarms.append)
    async with shipping(journal, dsn, alarms.append, plan) as shipper:
        await journal.append(drafts)
        arrived = await shipper.flush(30)
    await journal.close()
    assert arrived, alarms
    return [alarm for alarm in alarms if alarm.startswith("records:")]


async def assert_all_arrived_once(db: asyncpg.Connection, journal: Journal) -> None:
    """Event for event, byte for byte, and the hashes can be recomputed inside the database."""
    written = await journal.read(0, 10**6)
    stored = await db.fetch(
        "SELECT seq, coalesce(call_id, '') AS s, raw, hash FROM pbx112.event ORDER BY seq"
    )
    assert [(r["seq"], r["s"], r["raw"], r["hash"]) for r in stored] == [
        (e.seq, e.subject, e.body, e.hash) for e in written
    ]
    assert await db.fetch("SELECT * FROM pbx112.broken_link") == []
