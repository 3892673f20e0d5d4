"""Anchors and the database: what the next one says, and whether those that were made still stand in the chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pbx112.audit.anchor import Anchor, Head, broken
from pbx112.audit.keys import PublicKey
from pbx112.cdr.store import Connection, connect
from pbx112.journal import JournalError, Reader

DAILY = timedelta(hours=26)
"""More than this without an anchor is told: one is made each day, at about the same time. See :func:`hold`."""

_HEADS = """
SELECT s.journal_id::text, s.last_seq, encode(s.head, 'hex'),
    (SELECT count(*) FROM pbx112.call c WHERE c.journal_id = s.journal_id AND c.last_seq <= s.last_seq)
FROM pbx112.shipment s WHERE s.last_seq > 0 ORDER BY s.journal_id
"""
_CALLS = "SELECT count(*) FROM pbx112.call WHERE journal_id = $1 AND last_seq <= $2"
_STANDING = """
SELECT seq, encode(hash, 'hex') FROM pbx112.event WHERE journal_id = $1 AND seq = ANY($2)
UNION ALL
SELECT last_seq, encode(hash_after, 'hex') FROM pbx112.dropped_range WHERE journal_id = $1 AND last_seq = ANY($2)
"""
_DROPPED = (
    "SELECT journal_id::text, first_seq, last_seq FROM pbx112.dropped_range ORDER BY journal_id, first_seq"
)


@dataclass(slots=True)
class Held:
    """What holding anchors against the database gave."""

    anchors: int = 0
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    protected: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Of each journal the last entry that an anchor proves, and when that anchor was made."""


async def heads(dsn: str, journal: Path) -> tuple[list[Head], str | None]:
    """What the next anchor is to say, and what is wrong already: the journal on this machine, where there is one at
    `journal`, must have the same hash at the number up to which it has arrived.

    Raises asyncpg's errors and OSError.
    """
    connection = await connect(dsn, "audit", statement_seconds=600)
    try:
        found = [Head(*row) for row in await connection.fetch(_HEADS)]
    finally:
        await connection.close()
    return found, await asyncio.to_thread(_differs, found, journal)


def _differs(found: Sequence[Head], journal: Path) -> str | None:
    if not journal.exists():
        return None
    try:
        with Reader(journal) as reader:
            for head in found:
                if head.journal == reader.journal_id:
                    here = reader.hash_at(head.seq)
                    if here is None or here.hex() != head.hash:
                        return (
                            f"journal {head.journal}: entry {head.seq} in Postgres is not the one in {journal}: one"
                            " of them was changed; no anchor is made of it (`pbx112 audit verify` says more)"
                        )
    except JournalError as error:
        return f"{error}; no anchor is made while the journal cannot be compared"
    return None


async def hold(
    dsn: str, anchors: Sequence[Anchor], keys: Sequence[PublicKey], now: datetime | None = None
) -> Held:
    """Whether each anchor is genuine, each head that it names still stands, and the newest is not older than
    :data:`DAILY`. Raises asyncpg's errors and OSError."""
    held = Held(len(anchors), broken(anchors, keys))
    now = now or datetime.now(UTC)
    if not anchors:
        held.wrong.append("there is no anchor in the file")
        return held
    _daily(anchors, held, now)
    connection = await connect(dsn, "audit", statement_seconds=600)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            dropped = [(row[0], row[1], row[2]) for row in await connection.fetch(_DROPPED)]
            for journal in sorted({head.journal for anchor in anchors for head in anchor.says.heads}):
                await _journal(connection, journal, anchors, dropped, held)
    finally:
        await connection.close()
    for journal, first, last in dropped:
        if last > held.protected.get(journal, (0, now))[0]:
            held.notes.append(
                f"journal {journal}: entries {first} to {last} have left by retention on the database's word alone:"
                " no later anchor proves the hash that is kept of them"
            )
    return held


async def _journal(
    connection: Connection,
    journal: str,
    anchors: Sequence[Anchor],
    dropped: Sequence[tuple[str, int, int]],
    held: Held,
) -> None:
    """Hold the heads of one journal against what stands; only the first that does not fit is told."""
    told = [
        (anchor.says, head) for anchor in anchors for head in anchor.says.heads if head.journal == journal
    ]
    rows = await connection.fetch(_STANDING, journal, sorted({head.seq for _, head in told}))
    standing = {(row[0], row[1]) for row in rows}
    for says, head in told:
        left = any(name == journal and first <= head.seq < last for name, first, last in dropped)
        if (head.seq, head.hash) not in standing and not left:
            before = held.protected.get(journal)
            after = f" (up to {before[0]} it is as it was)" if before else ""
            held.wrong.append(
                f"journal {journal}, entry {head.seq}: anchor {says.number} of {says.time:%Y-%m-%d %H:%M} UTC does not"
                f" stand in the chain: it was cut off or written anew{after}"
            )
            return
        held.protected[journal] = head.seq, says.time
    says, last = told[-1]
    calls = await connection.fetchval(_CALLS, journal, last.seq)
    if calls != last.calls:
        held.wrong.append(
            f"journal {journal}: anchor {says.number} counted {last.calls} calls that had ended by entry {last.seq},"
            f" now there are {calls}: rows of calls were {'removed' if calls < last.calls else 'added'}"
            " (or made anew by `pbx112 rebuild`)"
        )


def _daily(anchors: Sequence[Anchor], held: Held, now: datetime) -> None:
    """A day without one in the past cannot be mended: it is told. That none comes any more can: it is wrong."""
    moments = [anchor.says.time for anchor in anchors]
    for earlier, later in pairwise(moments):
        if later - earlier > DAILY:
            held.notes.append(
                f"from {earlier:%Y-%m-%d %H:%M} to {later:%Y-%m-%d %H:%M} UTC no anchor was made: what was changed of"
                " that time before the later one cannot be found by anchors"
            )
    if now - moments[-1] > DAILY:
        held.wrong.append(
            f"the newest anchor is of {moments[-1]:%Y-%m-%d %H:%M} UTC, more than a day ago: copy the file of anchors"
            " anew; if it has no newer one there either, look why there: `systemctl status pbx112-anchor.timer`"
        )
