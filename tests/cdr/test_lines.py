"""What an auditor reads of the lines: which were alive when, and for which share of a month."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from pbx112.journal import Draft
from pbx112.model import events as ev
from pbx112.model.events import LineSeen, LinesSeen, TrunkSeen
from tests.cdr.calls import BEGAN_US, draft
from tests.cdr.shipped import ship

BEGAN = datetime.fromtimestamp(BEGAN_US / 1e6, UTC)
MINUTE = 60.0
HOUR = 3600.0


def seen(after: float, trunks: tuple[TrunkSeen, ...] = (), **lines: str) -> Draft:
    """Lines of damkar (`a`, `b`) and bpbd (`c`), each with its state."""
    owners = {"a": "damkar", "b": "damkar", "c": "bpbd"}
    told = tuple(LineSeen(owners[name], name, state) for name, state in lines.items())  # type: ignore[arg-type]
    return draft("", after, LinesSeen(told, trunks))


@pytest.fixture
async def db(dsn: str, tmp_path: Path) -> AsyncIterator[asyncpg.Connection]:
    """Two hours. Of damkar, `a` is lost for 20 minutes, and `b` from the tenth of them on; `c` is never alive, and for
    a while nobody tells; the daemon starts again after 90 minutes, and sees the lines ten minutes later."""
    started = ev.DaemonStarted("1", "boot", "kaur")
    gsm = (TrunkSeen("gsm", "ready"),)
    assert not await ship(
        dsn,
        tmp_path,
        [
            draft("", 0, started),
            seen(0, gsm, a="ready", b="ready", c="unreachable"),
            seen(10 * MINUTE, a="unreachable"),
            seen(20 * MINUTE, b="unreachable"),
            seen(30 * MINUTE, (TrunkSeen("gsm", "unregistered"),), a="busy"),
            seen(40 * MINUTE, c="unknown"),
            seen(60 * MINUTE, a="ready", b="ready", c="unreachable"),
            draft("", 90 * MINUTE, started),
            seen(100 * MINUTE, a="ready", b="unreachable", c="unreachable"),
        ],
    )
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def test_each_stretch_of_each_line(db: asyncpg.Connection) -> None:
    rows = await db.fetch(
        "SELECT state, extract(epoch FROM begins_at - $1) / 60 AS since, extract(epoch FROM ends_at - $1) / 60 AS until"
        " FROM pbx112.line_check WHERE line = 'a' ORDER BY begins_at",
        BEGAN,
    )
    assert [(row["state"], int(row["since"]), int(row["until"])) for row in rows] == [
        ("ready", 0, 10),
        ("unreachable", 10, 30),
        ("busy", 30, 60),
        ("ready", 60, 90),
        ("ready", 100, 170),  # and no longer: nobody has said so again
    ]
    trunk = await db.fetch("SELECT line, state FROM pbx112.line_check WHERE owner IS NULL ORDER BY begins_at")
    assert [tuple(row) for row in trunk] == [("gsm", "ready"), ("gsm", "unregistered")]


async def test_the_share_with_a_live_line(db: asyncpg.Connection) -> None:
    rows = await db.fetch(
        "SELECT * FROM pbx112.line_share($1, $2) ORDER BY owner", BEGAN, BEGAN + timedelta(hours=2)
    )
    bpbd, damkar = rows
    assert (damkar["owner"], damkar["lines"], damkar["seconds"]) == ("damkar", 2, 7200)
    assert (damkar["watched"], damkar["live"]) == (6600, 6000)  # both of its lines were lost for ten minutes
    assert damkar["live_pct"] == Decimal("90.909")
    assert (bpbd["watched"], bpbd["live"], bpbd["live_pct"]) == (5400, 0, 0)  # what nobody saw proves nothing
    assert bpbd["watched_pct"] == Decimal("75.000")


async def test_a_part_of_it_is_the_same_part(db: asyncpg.Connection) -> None:
    rows = await db.fetch(
        "SELECT * FROM pbx112.line_share($1, $2) WHERE owner = 'damkar'",
        BEGAN + timedelta(minutes=25),
        BEGAN + timedelta(minutes=35),
    )
    assert (rows[0]["seconds"], rows[0]["live"]) == (600, 300)


async def test_an_auditor_reads_it(db: asyncpg.Connection) -> None:
    await db.execute("SET ROLE pbx112_auditor")
    assert await db.fetchval("SELECT count(*) FROM pbx112.line_check") > 5
    assert await db.fetchval("SELECT live_pct FROM pbx112.line_share($1, now()) LIMIT 1", BEGAN) is not None
    assert await db.fetchval("SELECT count(*) FROM pbx112.agency_line_month") == 2


async def test_by_months_of_the_office(db: asyncpg.Connection) -> None:
    [row] = await db.fetch("SELECT * FROM pbx112.agency_line_month WHERE owner = 'damkar'")
    assert row["month"].isoformat() == "2026-07-01"
    assert row["seconds"] == 31 * 24 * 3600
    assert row["live"] == (20 + 30 + 30 + 70) * 60
