"""What people ask of the records: the last calls, one call in full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from pbx112.cdr.access import note_access
from pbx112.cdr.rows import CallRecord, LegRecord, RecordingRecord
from pbx112.cdr.store import connect, fetch


class StoredEvent(NamedTuple):
    """An event as it stands in Postgres."""

    seq: int
    at: datetime
    plan: str
    kind: str
    body: dict[str, Any]


class Story(NamedTuple):
    """One call in full. `call` is None (and `legs` are empty) while it has not ended."""

    call: CallRecord | None
    legs: list[LegRecord]
    recordings: list[RecordingRecord]
    events: list[StoredEvent]


class StoredFact(NamedTuple):
    """An event as the journal had it: both clocks, the plan in force, its exact bytes."""

    utc_us: int
    mono_ns: int
    plan: str
    raw: bytes


_EVENTS_OF_CALLS = """
SELECT event.call_id, (extract(epoch FROM event.at) * 1000000)::bigint AS utc_us, event.mono_ns, event.plan,
       event.raw
FROM pbx112.call JOIN pbx112.event ON event.call_id = call.call_id AND event.journal_id = call.journal_id
WHERE call.arrived_at >= $1 AND call.arrived_at < $2 AND event.at >= $1
ORDER BY call.arrived_at, call.call_id, event.seq
"""


async def last_calls(dsn: str, limit: int = 20, *, unmasked: bool = False) -> list[CallRecord]:
    """The calls that arrived last, newest first; numbers are masked unless `unmasked` (which takes an account in
    pbx112_unmasked). The reading is noted in the access log first. Raises asyncpg's errors and OSError."""
    connection = await connect(dsn, "cdr")
    try:
        await note_access(connection, "cdr", f"the last {limit} calls", unmasked=unmasked)
        view = "calls_unmasked" if unmasked else "calls"
        return await fetch(connection, CallRecord, view, "ORDER BY arrived_at DESC, call_id LIMIT $1", limit)
    finally:
        await connection.close()


async def story_of(dsn: str, call_id: str, *, unmasked: bool = False) -> Story | None:
    """All that stands about `call_id`, None where nothing does; masked, and noted, as in :func:`last_calls`. Raises
    asyncpg's errors and OSError."""
    connection = await connect(dsn, "cdr")
    try:
        await note_access(connection, "cdr", "one call", call_id=call_id, unmasked=unmasked)
        view, events = ("calls_unmasked", "events_unmasked") if unmasked else ("calls", "events")
        calls = await fetch(connection, CallRecord, view, "WHERE call_id = $1", call_id)
        legs = await fetch(connection, LegRecord, "leg", "WHERE call_id = $1 ORDER BY leg", call_id)
        recordings = await fetch(
            connection, RecordingRecord, "recording", "WHERE call_id = $1 ORDER BY ended_at, name", call_id
        )
        rows = await connection.fetch(
            f"SELECT seq, at, plan, kind, body FROM pbx112.{events} WHERE call_id = $1 ORDER BY at, seq",  # noqa: S608
            call_id,
        )
    finally:
        await connection.close()
    if not rows and not calls:
        return None
    told = [
        StoredEvent(row["seq"], row["at"], row["plan"], row["kind"], msgspec.json.decode(row["body"]))
        for row in rows
    ]
    return Story(calls[0] if calls else None, legs, recordings, told)


async def events_between(
    dsn: str, since: datetime, until: datetime
) -> AsyncIterator[tuple[str, list[StoredFact]]]:
    """The calls that arrived from `since` on and before `until`, oldest first, each with its events in the journal's
    order. It reads whole events, and takes an account in pbx112_unmasked; that is noted in the access log. Raises
    asyncpg's errors and OSError."""
    connection = await connect(dsn, "rehearse", statement_seconds=600.0)
    try:
        await note_access(
            connection, "rehearse", f"calls from {since:%Y-%m-%d} to {until:%Y-%m-%d}", unmasked=True
        )
        async with connection.transaction(readonly=True):
            call, facts = "", list[StoredFact]()
            cursor = connection.cursor(_EVENTS_OF_CALLS, since, until, prefetch=2000)
            async for row in cursor:
                if row["call_id"] != call and facts:
                    yield call, facts
                    facts = []
                call = row["call_id"]
                facts.append(StoredFact(row["utc_us"], row["mono_ns"], row["plan"], bytes(row["raw"])))
            if facts:
                yield call, facts
    finally:
        await connection.close()
