"""Entries of a journal that was set aside, on their way into Postgres: under its own id, and once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pbx112.cdr.derived import TELLING
from pbx112.cdr.send import rows_of, send, told_in
from pbx112.cdr.store import arrivals_of, connect
from pbx112.journal import Reader

_BATCH = 2_000


class OtherJournal(Exception):
    """Postgres and the file do not tell the same story."""


@dataclass(slots=True)
class Sent:
    """What became of it."""

    before: int
    """Number of the last entry that Postgres had."""
    entries: int = 0
    """Added now."""
    calls: int = 0
    """Records of calls added now."""
    standing: list[str] = field(default_factory=list)
    """Calls that have a record already, from another journal; it was left as it is."""
    told_elsewhere: list[str] = field(default_factory=list)
    """Calls added now of which another journal has told before (a mark, a recording's end, a call back): it did not
    know when they arrived, and only `rebuild` puts both together."""


_TOLD = """
SELECT DISTINCT call_id FROM pbx112.event
WHERE call_id = ANY($1) AND journal_id <> $2 AND kind = ANY($3) ORDER BY call_id
"""


async def send_salvaged(
    dsn: str,
    sound: Reader,
    node: str,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sent:
    """Add to Postgres the entries of `sound` that follow the last one it has of that journal, and what follows of them.

    `on_progress` is told how many entries of how many numbers have gone. What entries are missing between them
    `pbx112.broken_link` names. Raises :class:`OtherJournal`, asyncpg's errors, OSError, and :class:`ConnectionError`
    where somebody else ships the same journal meanwhile.
    """
    base_seq, base_hash = sound.base()
    last, _ = sound.head()
    connection = await connect(dsn, f"salvage {node}", statement_seconds=300)
    try:
        row = await connection.fetchrow(
            "INSERT INTO pbx112.shipment AS s (journal_id, node, base_seq, base_hash, last_seq, head) "
            "VALUES ($1, $2, $3, $4, $3, $4) "
            "ON CONFLICT (journal_id) DO UPDATE SET shipped_at = s.shipped_at RETURNING last_seq, head, node",
            sound.journal_id,
            node,
            base_seq,
            base_hash,
        )
        assert row is not None
        shipped, node = int(row["last_seq"]), str(row["node"])
        ours = sound.hash_at(shipped)
        if ours is not None and ours != bytes(row["head"]):
            raise OtherJournal(f"entry {shipped} of journal {sound.journal_id} is not the one in Postgres")
        done, first = Sent(shipped), shipped
        while entries := sound.after(shipped, _BATCH):
            told = told_in(entries)
            stories = sound.of_subjects(told)
            begun = [call for call, story in stories.items() if story and story[0].kind != "CallArrived"]
            rows = rows_of(
                stories,
                entries,
                journal_id=sound.journal_id,
                node=node,
                arrivals=await arrivals_of(connection, begun) if begun else {},
            )
            refused = await send(connection, sound.journal_id, node, shipped, entries, rows)
            done.entries += len(entries)
            done.calls += len(rows.calls) - len(refused)
            done.standing += refused
            added = [call.call_id for call in rows.calls if call.call_id not in refused]
            told_before = await connection.fetch(_TOLD, added, sound.journal_id, list(TELLING))
            done.told_elsewhere += [row["call_id"] for row in told_before]
            shipped = entries[-1].seq
            on_progress(shipped - first, last - first)
        return done
    finally:
        await connection.close()
