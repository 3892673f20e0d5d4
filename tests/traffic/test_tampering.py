"""Whoever rules the database can change anything in it; the chain names the first row that is not as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import asyncpg
import pytest

from lab.postgres import Postgres
from lab.traffic.load import load_office, make_months
from lab.traffic.sample import SAMPLE
from pbx112.cdr import migrate, rebuild
from pbx112.cdr.body import jsonb_view

FEW = replace(SAMPLE, calls=60)

ALTERED = {
    "what was said": "raw = convert_to(regexp_replace(convert_from(raw, 'UTF8'), '\\}$', ' }'), 'UTF8')",
    "when": "at = at + interval '1 microsecond'",
    "how long after": "mono_ns = mono_ns + 1",
    "whose call it was": "call_id = coalesce(call_id, '') || '0'",
    "what kind it was": "kind = 'CallMarked2'",
    "which plan decided": "plan = reverse(plan)",
    "the hash itself": "hash = sha256(hash)",
}


@pytest.fixture(scope="module")
async def dsn(server: Postgres) -> str:
    await server.create_database("tampered")
    dsn = server.dsn_of("tampered")
    await migrate(dsn)
    await make_months(dsn, FEW)
    await load_office(dsn, FEW, "kaur")
    return dsn


@pytest.fixture
async def ruler(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, past all triggers; what was done is undone afterwards."""
    connection = await asyncpg.connect(dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL session_replication_role = replica")
    yield connection
    await transaction.rollback()
    await connection.close()


async def first_broken(ruler: asyncpg.Connection) -> tuple[int, str] | None:
    row = await ruler.fetchrow("SELECT seq, why FROM pbx112.broken_link ORDER BY seq LIMIT 1")
    return None if row is None else (row["seq"], row["why"])


async def places(ruler: asyncpg.Connection, what: str) -> list[int]:
    """The first entry, the last, and some between."""
    last = await ruler.fetchval("SELECT max(seq) FROM pbx112.event")
    return [1, last, *Random(what).sample(range(2, last), 3)]


@pytest.mark.parametrize("what", ALTERED)
async def test_an_event_that_was_altered_is_named(ruler: asyncpg.Connection, what: str) -> None:
    for seq in await places(ruler, what):
        inner = ruler.transaction()
        await inner.start()
        await ruler.execute(f"UPDATE pbx112.event SET {ALTERED[what]} WHERE seq = $1", seq)
        assert await first_broken(ruler) == (seq, "does not fit its hash")
        await inner.rollback()
    assert await first_broken(ruler) is None


async def test_events_that_were_removed_are_named_by_the_one_after_them(ruler: asyncpg.Connection) -> None:
    for seq in (await places(ruler, "removed"))[2:]:
        inner = ruler.transaction()
        await inner.start()
        await ruler.execute("DELETE FROM pbx112.event WHERE seq IN ($1, $2)", seq - 1, seq)
        assert await first_broken(ruler) == (seq + 1, "missing before it")
        await inner.rollback()


async def test_the_end_that_was_cut_off_is_missed(ruler: asyncpg.Connection) -> None:
    last = await ruler.fetchval("SELECT max(seq) FROM pbx112.event")
    await ruler.execute("DELETE FROM pbx112.event WHERE seq > $1", last - 5)
    assert await first_broken(ruler) == (last, "missing at the end")


async def test_two_events_that_changed_places_are_named(ruler: asyncpg.Connection) -> None:
    for seq in (await places(ruler, "exchanged"))[2:]:
        inner = ruler.transaction()
        await inner.start()
        for was, becomes in ((seq, 10**6), (seq + 1, seq), (10**6, seq + 1)):
            await ruler.execute("UPDATE pbx112.event SET seq = $2 WHERE seq = $1", was, becomes)
        assert await first_broken(ruler) == (seq, "does not fit its hash")
        await inner.rollback()


async def test_an_event_that_was_put_in_is_named(ruler: asyncpg.Connection) -> None:
    """A call that never was, between two events and with a hash of its own making."""
    seq = (await places(ruler, "added"))[2]
    await ruler.execute("UPDATE pbx112.event SET seq = seq + 1000000 WHERE seq >= $1", seq)
    await ruler.execute("UPDATE pbx112.event SET seq = seq - 999999 WHERE seq >= 1000000")
    await ruler.execute(
        "INSERT INTO pbx112.event (journal_id, seq, call_id, at, mono_ns, plan, kind, body, raw, hash, node) "
        "SELECT journal_id, seq + 1, 'kaur-1.1', at, mono_ns, plan, kind, body, raw, sha256(raw), node "
        "FROM pbx112.event WHERE seq = $1",
        seq - 1,
    )
    assert await first_broken(ruler) == (seq, "does not fit its hash")


async def test_a_body_that_its_event_does_not_say_is_named(ruler: asyncpg.Connection) -> None:
    """The chain covers the exact bytes; what the views read has to be the same."""
    assert await ruler.fetch("SELECT * FROM pbx112.false_body") == []
    ended = await ruler.fetchval("SELECT seq FROM pbx112.event WHERE kind = 'CallEnded' ORDER BY seq LIMIT 1")
    await ruler.execute(
        'UPDATE pbx112.event SET body = pbx112.body(raw, body) || \'{"outcome": "answered_"}\' WHERE seq = $1',
        ended,
    )
    await ruler.execute("UPDATE pbx112.event SET body = '{\"unreadable\": true}' WHERE seq = $1", ended + 1)
    found = await ruler.fetch("SELECT seq, why FROM pbx112.false_body ORDER BY seq")
    assert [tuple(row) for row in found] == [(ended, "says something else"), (ended + 1, "not shown")]
    assert await first_broken(ruler) is None


async def test_what_jsonb_cannot_hold_is_not_called_false(ruler: asyncpg.Connection) -> None:
    for said in (b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b"no JSON", b'{"a":1}', b"\xff"):
        await ruler.execute(
            "UPDATE pbx112.event SET raw = $1, body = $2 WHERE seq = 1", said, jsonb_view(said)
        )
        assert await ruler.fetch("SELECT * FROM pbx112.false_body") == []


async def test_a_row_that_no_event_tells_is_named(dsn: str) -> None:
    """The tables that follow from the events are in no chain: they are made anew and compared."""
    connection = await asyncpg.connect(dsn)
    try:
        for table, change in (("call", "outcome = 'answered'"), ("leg", "ring_seconds = ring_seconds / 2")):
            where = "outcome = 'abandoned_ringing'" if table == "call" else "ring_seconds > 5"
            call_id = await connection.fetchval(
                f"UPDATE pbx112.{table} SET {change} WHERE (call_id, arrived_at) = "
                f"(SELECT call_id, arrived_at FROM pbx112.{table} WHERE {where} ORDER BY 1 LIMIT 1) RETURNING call_id"
            )
            assert (await rebuild(dsn, write=False)).different == [call_id]
            assert (await rebuild(dsn)).different == [call_id]
        assert (await rebuild(dsn, write=False)).different == []
    finally:
        await connection.close()
