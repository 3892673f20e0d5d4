"""The daemon finds its journal damaged when it starts: it says so, and serves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import asyncpg
import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, Answers
from pbx112.journal import verify

from .plans import plan


def garbage(path: Path) -> None:
    path.write_bytes(b"\xa5" * 20_000)


def torn(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 100)


def spoiled(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM meta WHERE name = 'base_hash'")
    file.close()


@pytest.mark.parametrize("damage", [garbage, torn, spoiled], ids=lambda damage: damage.__name__)
async def test_a_damaged_journal_is_set_aside_and_the_next_caller_is_served(
    exchange: Exchange, damage: object
) -> None:
    assert callable(damage)
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.2), "1102": BUSY})
    path = exchange.folder / "journal" / "journal.db"
    await exchange.daemon.stop()
    damage(path)
    await exchange.daemon.start()
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await calling.answered(within=5)
    await calling.ended()
    assert (await exchange.record(caller)).outcome == "answered"
    assert list(path.parent.glob("journal.db.damaged-*Z"))
    assert verify(path).sound
    assert any("was damaged" in line["event"] for line in exchange.daemon.said("alarm"))
    db = await asyncpg.connect(exchange.dsn)
    marked = await db.fetchval(
        "SELECT count(*) FROM pbx112.event WHERE kind = 'JournalGap' AND journal_id = "
        "(SELECT journal_id FROM pbx112.call ORDER BY arrived_at DESC LIMIT 1)"
    )
    await db.close()
    assert marked == 1
