"""`pbx112 salvage`: what a damaged journal had not yet sent arrives, once, and what is lost is named."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from lab.postgres import Postgres
from pbx112.journal import Draft, Lock, Reader
from pbx112.journal.store import set_aside
from pbx112.model import events as ev
from tests.cdr import calls
from tests.cli.conftest import Pbx112, Write

CALLS = 60
EVENTS = len(calls.answered())


def ask(dsn: str, query: str) -> list[tuple[object, ...]]:
    async def run() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(run())


def told(first: int, last: int) -> list[Draft]:
    return [draft for n in range(first, last) for draft in calls.drafts(f"c{n}", calls.answered())]


@pytest.fixture
def aside(
    write: Write, server: Postgres, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Ten calls had arrived, fifty had not, when entry 299 was altered and the journal set aside."""
    write(told(0, 10), server.dsn_of(database))
    write(told(10, CALLS))
    path = tmp_path / "state" / "journal.db"
    with sqlite3.connect(path) as file:
        file.execute("UPDATE entry SET body = x'00' WHERE seq = 299")
    file.close()
    kept = set_aside(path)
    assert kept is not None
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database))
    return kept


def test_what_had_not_arrived_arrives_once_and_the_gap_is_named(
    aside: Path, pbx112: Pbx112, write: Write, server: Postgres, database: str
) -> None:
    dsn = server.dsn_of(database)
    write(calls.drafts("after", calls.answered()), dsn)  # the daemon has gone on in a new journal
    looked = pbx112("salvage", "--check", str(aside)).output
    assert f"proven: 1-298, 300-{CALLS * EVENTS}\n" in looked
    assert "lost:   299\n" in looked
    assert ask(dsn, "SELECT count(*) FROM pbx112.call") == [(11,)], "looking sends nothing"
    sent = pbx112("salvage", str(aside))
    assert sent.exit_code == 0
    number = CALLS * EVENTS - 10 * EVENTS - 1
    assert (
        f"Postgres had entries up to {10 * EVENTS}; {number} sent, with the records of 49 calls\n"
        in sent.output
    )
    expected = [(f"c{n}",) for n in range(CALLS) if n != 299 // EVENTS] + [("after",)]
    assert sorted(ask(dsn, "SELECT call_id FROM pbx112.call")) == sorted(expected)
    with Reader(aside) as reader:
        journal = reader.journal_id
    assert ask(dsn, "SELECT journal_id::text, seq, why FROM pbx112.broken_link") == [
        (journal, 300, "missing before it")
    ]
    again = pbx112("salvage", str(aside))
    assert "; 0 sent, with the records of 0 calls\n" in again.output
    assert ask(dsn, "SELECT count(*) FROM pbx112.event") == [((CALLS + 1) * EVENTS - 1,)]
    assert pbx112("rebuild", "--check").exit_code == 0, "the records are what the events say"


def test_a_call_of_which_the_next_journal_told_is_named_with_the_remedy(
    aside: Path, pbx112: Pbx112, write: Write, server: Postgres, database: str
) -> None:
    """Its mark came when nobody knew of the call: it does not belong to it in any view until both are put together."""
    dsn = server.dsn_of(database)
    write([calls.draft("c50", 300.0, ev.CallMarked("1101", disposition="prank"))], dsn)
    query = "SELECT disposition FROM pbx112.calls WHERE call_id = 'c50'"
    sent = pbx112("salvage", str(aside))
    assert ask(dsn, query) == [(None,)]
    assert "c50: another journal tells of it, too; `pbx112 rebuild` puts both together\n" in sent.output
    assert sent.output.count("another journal") == 1
    assert pbx112("rebuild", "--check").exit_code == 1
    assert pbx112("rebuild").exit_code == 0
    assert ask(dsn, query) == [("prank",)]


def test_another_story_under_the_same_id_is_not_sent(
    aside: Path, pbx112: Pbx112, server: Postgres, database: str
) -> None:
    asyncio.run(_spoil_head(server.dsn_of(database)))
    refused = pbx112("salvage", str(aside))
    assert refused.exit_code == 1
    assert "is not the one in Postgres; nothing was sent" in refused.output
    assert ask(server.dsn_of(database), "SELECT count(*) FROM pbx112.call") == [(10,)]


async def _spoil_head(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE pbx112.shipment SET head = sha256('x')")
    await connection.close()


def test_what_cannot_be_salvaged_is_said_without_a_traceback(
    aside: Path, pbx112: Pbx112, tmp_path: Path
) -> None:
    nothing = pbx112("salvage", str(tmp_path / "nothing.db"))
    assert (nothing.exit_code, "cannot be copied" in nothing.output) == (1, True)
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"\xa5" * 20_000)
    spoiled = pbx112("salvage", str(garbage))
    assert (spoiled.exit_code, "nothing of it can be read" in spoiled.output) == (1, True)
    lock = Lock.acquire(aside)
    used = pbx112("salvage", str(aside))
    lock.release()
    assert (used.exit_code, "is in use by a daemon" in used.output) == (1, True)
