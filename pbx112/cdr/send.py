"""One batch of a journal on its way into Postgres: the rows that become final with it, and its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pbx112.cdr.derived import TELLING, Derived, add_derived
from pbx112.cdr.record import build_record, facts
from pbx112.cdr.store import Connection, copy_events
from pbx112.journal import Entry


def told_in(entries: Sequence[Entry]) -> list[str]:
    """The calls of which `entries` tell something final."""
    return sorted({entry.subject for entry in entries if entry.kind in TELLING})


def rows_of(
    stories: Mapping[str, Sequence[Entry]],
    entries: Sequence[Entry],
    *,
    journal_id: str,
    node: str,
    arrivals: Mapping[str, datetime],
) -> Derived:
    """The rows that become final with `entries`: `stories` are all entries of the calls of :func:`told_in`; `arrivals`
    tells when those arrived of which the beginning is missing."""
    first, last = entries[0].seq, entries[-1].seq
    rows = Derived()
    for call_id, story in stories.items():
        known = facts(entry for entry in story if entry.seq <= last)
        records = build_record(
            call_id, known, journal_id=journal_id, node=node, arrived_at=arrivals.get(call_id)
        )
        if records.call is not None and first <= records.call.last_seq <= last:
            rows.take_end(records)
        rows.take_told(records, first, last)
    return rows


async def send(
    connection: Connection,
    journal_id: str,
    node: str,
    shipped: int,
    entries: Sequence[Entry],
    rows: Derived,
    *,
    plain: bool = False,
) -> list[str]:
    """Add `entries`, which follow entry `shipped`, and `rows`, or nothing of it. Returns the ids of calls that stood
    there already.

    `plain` keeps the entries' bodies out of `jsonb`. Raises asyncpg's errors and OSError, and :class:`ConnectionError`
    where Postgres has another last entry.
    """
    last = entries[-1]
    async with connection.transaction():
        await move_on(connection, journal_id, shipped, last.seq, last.hash)
        await copy_events(connection, journal_id, node, entries, plain=plain)
        return await add_derived(connection, rows)


async def move_on(connection: Connection, journal_id: str, seq: int, to_seq: int, head: bytes) -> None:
    """The last entry that has arrived is not `seq` any more, but `to_seq` with the hash `head`."""
    moved = await connection.execute(
        "UPDATE pbx112.shipment SET last_seq = $3, head = $4, shipped_at = now() "
        "WHERE journal_id = $1 AND last_seq = $2",
        journal_id,
        seq,
        to_seq,
        head,
    )
    if moved != "UPDATE 1":
        raise ConnectionError("the cursor in Postgres was moved by somebody else; it is read again")
