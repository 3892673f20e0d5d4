"""What has arrived in Postgres and is old leaves the journal; what comes after it, and what left too early."""

from __future__ import annotations

import asyncpg
import pytest

from pbx112.cdr import rebuild
from pbx112.journal import Draft, Journal
from pbx112.model import events as ev
from tests.cdr.calls import BEGAN_US, PLAN, abandoned, drafts
from tests.cdr.conftest import Eventually
from tests.cdr.shipped import Alarms, shipping


async def leaves(journal: Journal, eventually: Eventually) -> None:
    """An old call is shipped, and goes; what is young stays."""
    young = Draft("", 253_000_000_000_000_000, 0, PLAN, "PlanLoaded", ev.encode(ev.PlanLoaded(PLAN)))
    journal.append([*drafts("old", abandoned()), young])

    async def pruned() -> bool:
        return len(await journal.read(0, 100)) == 1

    await eventually(pruned)


async def test_what_was_pruned_and_is_missing_is_said_and_the_rest_arrives(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    await journal.append(drafts("old", abandoned()))
    assert await journal.prune(journal.written, BEGAN_US + 10**9) == len(abandoned())
    await journal.append(drafts("new", abandoned()))
    async with shipping(journal, dsn, alarms.append) as shipper:
        assert await shipper.flush(10)
    assert [row["call_id"] for row in await db.fetch("SELECT call_id FROM pbx112.call")] == ["new"]
    assert len(alarms) == 1
    assert "entries 1 to 6" in alarms[0]


async def test_what_has_arrived_and_is_old_leaves_the_journal(
    journal: Journal, dsn: str, alarms: Alarms, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbx112.cdr.ship._HOUSEKEEPING", 0.0)
    async with shipping(journal, dsn, alarms.append) as shipper:
        await leaves(journal, eventually)
        assert await shipper.flush(10)
    assert alarms == []


async def test_a_mark_of_a_call_that_has_left_the_journal_is_the_same_when_made_anew(
    journal: Journal,
    dsn: str,
    db: asyncpg.Connection,
    alarms: Alarms,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else `audit verify --records` would take it for changed."""
    monkeypatch.setattr("pbx112.cdr.ship._HOUSEKEEPING", 0.0)
    async with shipping(journal, dsn, alarms.append) as shipper:
        await leaves(journal, eventually)
        journal.append(drafts("old", [(4_000_000.0, ev.CallMarked("1101", disposition="prank"))]))
        assert await shipper.flush(10)
    assert await db.fetchval("SELECT after_end FROM pbx112.mark")
    looked = await rebuild(dsn, write=False)
    assert (looked.different, looked.calls) == ([], 1)
