"""Records as they come: through a journal and the shipper."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pbx112.cdr import Shipper
from pbx112.journal import Draft, Journal
from pbx112.plan.types import Plan
from tests.cdr.calls import gap


async def ship(dsn: str, folder: Path, drafts: Sequence[Draft], plan: Plan | None = None) -> list[str]:
    """Journal `drafts` in a new or the same file below `folder` and ship them; returns the alarms of shipping (a busy
    machine's disk may raise others)."""
    alarms: list[str] = []
    journal = await Journal.open(folder / "j.db", closing={"CallEnded"}, gap=gap, on_alarm=alarms.append)
    shipper = Shipper(journal, dsn, "kaur", alarms.append, plan=None if plan is None else lambda: plan)
    task = asyncio.create_task(shipper.run())
    await journal.append(drafts)
    arrived = await shipper.flush(30)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await journal.close()
    assert arrived, alarms
    return [alarm for alarm in alarms if alarm.startswith("records:")]
