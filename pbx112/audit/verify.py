"""The chain of hashes in Postgres, looked over whole: by several processes, each with a portion, in one snapshot."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import asyncpg

from pbx112.audit.chain import COLUMNS, Checker, Fault, Segment
from pbx112.audit.stray import strays, unlocked
from pbx112.audit.stretches import Dropped, Shipment, beginning, portions, stretches
from pbx112.cdr.body import jsonb_view
from pbx112.cdr.store import Connection, connect
from pbx112.journal import Entry, link

PORTION = 100_000
"""Entries that a process looks at in one go: a second or two."""

_NEAR = 2_000  # entries around a fault among which the one that belongs there is looked for

_SHIPMENTS = (
    "SELECT journal_id::text, base_seq, base_hash, last_seq, head FROM pbx112.shipment"
    " WHERE $1::text IS NULL OR journal_id::text = $1 ORDER BY journal_id"
)
_DROPPED = """
SELECT d.first_seq, d.last_seq, d.hash_before, d.hash_after, d.run_id, d.dropped_at,
    EXISTS (SELECT FROM pbx112.retention_step s WHERE s.run_id = d.run_id AND s.what = 'events') AS recorded
FROM pbx112.dropped_range d WHERE d.journal_id = $1 ORDER BY d.first_seq
"""
_AROUND = """
SELECT seq, coalesce(call_id, '') AS subject, (extract(epoch FROM at) * 1000000)::bigint AS utc_us, mono_ns, plan, kind,
    raw, hash
FROM pbx112.event WHERE journal_id = $1 AND seq BETWEEN $2 AND $3 AND isfinite(at) ORDER BY seq
"""


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong: of each journal the first fault."""

    events: int = 0
    journals: list[Shipment] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unlocked: list[str] = field(default_factory=list)
    """Tables whose trigger against changes is missing or off."""
    notes: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""
    left: dict[str, list[Dropped]] = field(default_factory=dict)
    """Of each journal what left by retention: nobody can look at it any more, only that the rest joins on to it."""


class _Looked(NamedTuple):
    events: int
    faults: list[Fault]


async def verify(
    dsn: str,
    *,
    journal: str | None = None,
    since: datetime | None = None,
    processes: int | None = None,
    portion: int = PORTION,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Hold every entry (of `journal`; from the moment `since` on) against its hash, and its body against its bytes.

    It needs an account that reads `event.raw`: of `pbx112_unmasked` or `pbx112_writer`. What arrives meanwhile is left
    out. Raises asyncpg's errors and OSError, and :class:`LookupError` where there is no such journal.
    """
    verified = Verified()
    connection = await connect(dsn, "audit", statement_seconds=3600)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("SET idle_in_transaction_session_timeout = 0")
            verified.journals = [Shipment(*row) for row in await connection.fetch(_SHIPMENTS, journal)]
            if journal is not None and not verified.journals:
                raise LookupError(journal)
            work, known = await _work(connection, verified, since, portion)
            stray = (
                []
                if since is not None
                else await strays(connection, verified.journals, whole=journal is None)
            )
            verified.unlocked = await unlocked(connection)
            snapshot = str(await connection.fetchval("SELECT pg_export_snapshot()"))
            found = [*known, *stray]
            done, total = 0, sum(segment.last - segment.first + 1 for segment in work)
            on_progress(done, total)
            async for segment, looked in _look_over(dsn, snapshot, work, processes or os.cpu_count() or 1):
                found += looked.faults
                verified.events += looked.events
                done += segment.last - segment.first + 1
                on_progress(done, total)
            verified.faults = _first_of_each(found)
    finally:
        await connection.close()
    return verified


async def _work(
    connection: Connection, verified: Verified, since: datetime | None, size: int
) -> tuple[list[Segment], list[Fault]]:
    """All portions to look at, and what is wrong already with what the database says of itself."""
    work: list[Segment] = []
    faults: list[Fault] = []
    for shipment in verified.journals:
        fault = beginning(shipment)
        if fault is not None:
            faults.append(fault)
        if shipment.base_seq > 0:
            verified.notes.append(
                f"journal {shipment.journal_id} begins here with entry {shipment.base_seq + 1}: that nothing was before"
                " it can only be said by an anchor"
            )
        floor = 0
        if since is not None:
            first = await connection.fetchval(
                "SELECT min(seq) FROM pbx112.event WHERE journal_id = $1 AND at >= $2",
                shipment.journal_id,
                since,
            )
            floor = shipment.last_seq + 1 if first is None else first
        dropped = [Dropped(*row) for row in await connection.fetch(_DROPPED, shipment.journal_id)]
        if dropped:
            verified.left[shipment.journal_id] = dropped
        for stretch in stretches(shipment, dropped):
            if isinstance(stretch, Fault):
                faults.append(stretch)
            else:
                work += portions(stretch, size, floor)
    return work, faults


async def _look_over(
    dsn: str, snapshot: str, work: Sequence[Segment], processes: int
) -> AsyncIterator[tuple[Segment, _Looked]]:
    """What is found in each of `work`, in order; of a journal nothing more after its first fault."""
    broken: set[str] = set()
    waiting: deque[tuple[Segment, Awaitable[_Looked]]] = deque()
    loop, left = asyncio.get_running_loop(), iter(work)
    with ExitStack() as stack:
        pool: Executor | None = None
        if processes > 1 and len(work) > 1:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(min(processes, len(work)), mp_context=context))
        while True:
            while len(waiting) < (2 * processes if pool else 1) and (segment := next(left, None)) is not None:
                if segment.journal_id not in broken:
                    given = (dsn, snapshot, segment)
                    waiting.append(
                        (segment, loop.run_in_executor(pool, look, *given) if pool else _look(*given))
                    )
            if not waiting:
                return
            segment, looking = waiting.popleft()
            looked = await looking
            if segment.journal_id not in broken:
                yield segment, looked
            if looked.faults:
                broken.add(segment.journal_id)


def look(dsn: str, snapshot: str, segment: Segment) -> _Looked:
    """One portion, in a process of its own."""
    return asyncio.run(_look(dsn, snapshot, segment))


async def _look(dsn: str, snapshot: str, segment: Segment) -> _Looked:
    checker = Checker(segment)

    async def take(data: bytes) -> None:
        checker.feed(data)

    first = segment.first if segment.before is not None else segment.first - 1
    async with _snapshot_of(dsn, snapshot) as connection:
        await connection.copy_from_query(
            f"SELECT {COLUMNS} FROM pbx112.event"  # noqa: S608 - the columns are our own
            " WHERE journal_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq",
            segment.journal_id,
            first,
            segment.last,
            output=take,
            format="binary",
            timeout=3600,
        )
        checker.end()
        fault = checker.fault
        if fault is not None and fault.what == "altered" and checker.before is not None:
            fault = await _better(connection, fault, checker.before)
        for hidden, raw in checker.hidden:
            if (fault is None or hidden.seq < fault.seq) and await _could_be_shown(connection, raw):
                fault = hidden
                break
    return _Looked(checker.events, [] if fault is None else [fault])


@asynccontextmanager
async def _snapshot_of(dsn: str, snapshot: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn, "audit", statement_seconds=3600)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            yield connection
    finally:
        await connection.close()


async def _better(connection: Connection, fault: Fault, before: bytes) -> Fault:
    """The same fault, told better: whether what belongs there stands elsewhere, or its hash alone was changed."""
    near = [
        Entry(*row)
        for row in await connection.fetch(_AROUND, fault.journal_id, fault.seq - _NEAR, fault.seq + _NEAR)
    ]
    rows = {entry.seq: entry for entry in near}
    for entry in near:
        if entry.seq != fault.seq and _hash(before, fault.seq, entry) == entry.hash:
            return fault._replace(what="reordered", why=f"what belongs here stands as number {entry.seq}")
    here, next_one = rows.get(fault.seq), rows.get(fault.seq + 1)
    if here is not None and next_one is not None:
        made = _hash(before, here.seq, here)
        if made is not None and made != here.hash and _hash(made, next_one.seq, next_one) == next_one.hash:
            return fault._replace(why="its hash was changed; all else of it fits the next entry")
    return fault


def _hash(before: bytes, seq: int, entry: Entry) -> bytes | None:
    try:
        return link(before, seq, entry)
    except ValueError:
        return None


async def _could_be_shown(connection: Connection, raw: bytes) -> bool:
    """Whether Postgres takes these bytes as `jsonb`. Where it does, somebody has hidden them."""
    try:
        async with connection.transaction():
            await connection.fetchval("SELECT $1::jsonb", jsonb_view(raw))
    except asyncpg.DataError:
        return False
    return True


def _first_of_each(faults: Sequence[Fault]) -> list[Fault]:
    first: dict[str, Fault] = {}
    for fault in faults:
        if fault.journal_id not in first or fault.seq < first[fault.journal_id].seq:
            first[fault.journal_id] = fault
    return sorted(first.values(), key=lambda fault: (fault.at is None, fault.at, fault.journal_id))
