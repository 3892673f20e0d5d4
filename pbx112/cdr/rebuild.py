"""The rows that follow from `pbx112.event` (`pbx112.cdr.derived.TABLES`) made anew from it, also while calls run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from asyncpg import Record

from pbx112.cdr.derived import TABLES, TELLING, Derived, add_derived, stored
from pbx112.cdr.record import build_record, facts
from pbx112.cdr.store import Connection, connect
from pbx112.journal import Entry

_EVENTS_AT_ONCE = 10_000

_EVENTS = """
SELECT journal_id::text AS journal_id, node, seq, call_id, (extract(epoch FROM at) * 1000000)::bigint AS utc_us,
       mono_ns, plan, kind, raw
FROM pbx112.event WHERE call_id = ANY($1) ORDER BY call_id, journal_id, seq
"""


_ORPHANS = """
SELECT DISTINCT call_id FROM pbx112.{table} x
WHERE NOT EXISTS (SELECT FROM pbx112.call c WHERE c.call_id = x.call_id)
  AND NOT EXISTS (SELECT FROM pbx112.event e WHERE e.call_id = x.call_id AND e.kind = ANY($1))
  AND NOT EXISTS (SELECT FROM pbx112.retention_step s WHERE s.what = 'events'
                  AND s.month = date_trunc('month', x.arrived_at AT TIME ZONE 'UTC')::date)
"""
_ORPHANS_OF_CALL = """
SELECT call_id FROM pbx112.call c
WHERE NOT EXISTS (SELECT FROM pbx112.event e WHERE e.call_id = c.call_id AND e.kind = 'CallEnded' AND e.kind = ANY($1))
  AND NOT EXISTS (SELECT FROM pbx112.dropped_range d
                  WHERE d.journal_id = c.journal_id AND d.last_seq >= c.first_seq AND d.first_seq <= c.last_seq)
"""


@dataclass(slots=True)
class Rebuilt:
    """What became of it."""

    calls: int = 0
    """Ended calls that were looked at."""
    different: list[str] = field(default_factory=list)
    """Ids of calls whose rows did not say what the events say, in order."""
    kept: int = 0
    """Calls left alone, because events of theirs have left by retention."""


class _Range(NamedTuple):
    """Entries of a journal."""

    journal_id: str
    first: int
    last: int


async def rebuild(
    dsn: str, *, write: bool = True, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Rebuilt:
    """Compute every call's rows from its events; with `write`, replace those that differ.

    Writing takes an account that belongs to `pbx112_owner`; each portion is one transaction, so nobody ever sees
    a call without its row, and what is shipped meanwhile waits for it. Calls whose events have left keep the rows they
    have. `on_progress` is told how many events of how many were gone through. Raises asyncpg's errors and OSError.
    """
    connection = await connect(dsn, "rebuild", statement_seconds=300)
    result, different = Rebuilt(), set[str]()
    try:
        gone = await _gone(connection)
        standing = await _standing(connection, gone)
        done, total = 0, sum(stretch.last - stretch.first + 1 for stretch in standing)
        for stretch in standing:
            for first in range(stretch.first, stretch.last + 1, _EVENTS_AT_ONCE):
                portion = stretch._replace(first=first, last=min(first + _EVENTS_AT_ONCE - 1, stretch.last))
                async with _undisturbed(connection, write):
                    result.calls += await _portion(connection, portion, gone, result, different, write)
                done += portion.last - first + 1
                on_progress(done, total)
        async with _undisturbed(connection, write):
            different.update(await _orphans(connection, write))
    finally:
        await connection.close()
    result.different = sorted(different)
    return result


@asynccontextmanager
async def _undisturbed(connection: Connection, write: bool) -> AsyncIterator[None]:
    """A transaction in which nobody else adds: an event that came between reading and writing would lose its row."""
    if not write:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield
        return
    async with connection.transaction():
        await connection.execute("LOCK TABLE pbx112.event IN SHARE MODE")
        yield


async def _gone(connection: Connection) -> list[_Range]:
    """What has left by retention."""
    rows = await connection.fetch(
        "SELECT journal_id::text, first_seq, last_seq FROM pbx112.dropped_range ORDER BY journal_id, first_seq"
    )
    return [_Range(*row) for row in rows]


async def _standing(connection: Connection, gone: list[_Range]) -> list[_Range]:
    """The journals as far as they stand in Postgres, without what has left."""
    rows = await connection.fetch(
        "SELECT journal_id::text, base_seq, last_seq FROM pbx112.shipment ORDER BY shipped_at, journal_id"
    )
    found = []
    for journal_id, base, last in rows:
        first = base + 1
        for left in (left for left in gone if left.journal_id == journal_id):
            if first < left.first:
                found.append(_Range(journal_id, first, left.first - 1))
            first = left.last + 1
        if first <= last:
            found.append(_Range(journal_id, first, last))
    return found


async def _portion(
    connection: Connection,
    portion: _Range,
    gone: list[_Range],
    result: Rebuilt,
    different: set[str],
    write: bool,
) -> int:
    """The calls of which these events tell something final; how many of them ended here."""
    rows = await connection.fetch(
        "SELECT DISTINCT call_id FROM pbx112.event WHERE journal_id = $1 AND seq BETWEEN $2 AND $3 "
        "AND call_id IS NOT NULL AND kind = ANY($4)",
        portion.journal_id,
        portion.first,
        portion.last,
        list(TELLING),
    )
    ids = [str(row["call_id"]) for row in rows]
    if not ids:
        return 0
    stands = (await stored(connection, ids)).by_call()
    events = await connection.fetch(_EVENTS, ids)
    ended = 0
    for call_id, story in groupby(events, key=lambda row: str(row["call_id"])):
        entries, there = list(story), stands.get(call_id, Derived())
        made = _made(call_id, entries)
        if gone and _left(entries, there, made, gone):
            result.kept += 1
            continue
        ended += sum(
            call.journal_id == portion.journal_id and portion.first <= call.last_seq <= portion.last
            for call in made.calls
        )
        if made != there:
            different.add(call_id)
            if write:
                await _replace(connection, call_id, made)
    return ended


async def _orphans(connection: Connection, write: bool) -> list[str]:
    """Calls that have rows, and of which no event tells anything."""
    found = set[str]()
    for table in TABLES:
        itself = table == "call"
        rows = await connection.fetch(
            _ORPHANS_OF_CALL if itself else _ORPHANS.format(table=table), list(TELLING)
        )
        found.update(str(row["call_id"]) for row in rows)
    for call_id in found if write else ():
        await _replace(connection, call_id, Derived())
    return sorted(found)


async def _replace(connection: Connection, call_id: str, rows: Derived) -> None:
    for table in TABLES:
        await connection.execute(f"DELETE FROM pbx112.{table} WHERE call_id = $1", call_id)  # noqa: S608
    await add_derived(connection, rows)


def _left(entries: list[Record], there: Derived, made: Derived, gone: list[_Range]) -> bool:
    """Whether events of this call have left by retention: what remains does not tell it whole."""
    told = [(row["journal_id"], row["seq"]) for row in entries]
    told += [(call.journal_id, seq) for call in there.calls for seq in (call.first_seq, call.last_seq)]
    told += [(mark.journal_id, mark.seq) for mark in there.marks]
    told += [(back.journal_id, back.seq) for back in there.call_backs]
    for journal_id in {journal_id for journal_id, _ in told}:
        seqs = [seq for journal, seq in told if journal == journal_id]
        if any(g.journal_id == journal_id and g.first <= max(seqs) and g.last >= min(seqs) for g in gone):
            return True
    begun = there.calls or entries[0]["kind"] == "CallArrived"
    return not begun or len(made.recordings) < len(there.recordings)


def _made(call_id: str, events: list[Record]) -> Derived:
    """What the call's events come to. Where a journal was damaged, the next one tells of the call as well: the call is
    as the earlier one ended it, as it was when the shipper came to it."""
    journals = [list(part) for _, part in groupby(events, key=lambda row: (row["journal_id"], row["node"]))]
    made = Derived()
    for part in sorted(journals, key=lambda rows: int(rows[0]["utc_us"])):
        records = build_record(
            call_id,
            facts(_entry(row) for row in part),
            journal_id=part[0]["journal_id"],
            node=part[0]["node"],
            arrived_at=made.calls[0].arrived_at if made.calls else None,
        )
        if not made.calls:
            made.take_end(records)
        made.take_told(records, 0, 2**63)
    made.recordings = list({(r.name, r.arrived_at): r for r in reversed(made.recordings)}.values())
    made.sort()
    return made


def _entry(row: Record) -> Entry:
    return Entry(
        row["seq"],
        row["call_id"],
        row["utc_us"],
        row["mono_ns"],
        row["plan"],
        row["kind"],
        row["raw"],
        b"",
    )
