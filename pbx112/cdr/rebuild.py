"""`call`, `leg` and `recording` made anew from `event`, which is their source."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from pbx112.cdr.record import build_record, facts
from pbx112.cdr.rows import CallRecord, LegRecord, RecordingRecord
from pbx112.cdr.store import Connection, add, connect, fetch
from pbx112.journal import Entry

_CALLS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many ended calls were looked at, and the ids of those whose rows did not say what the events say."""

    calls: int
    different: tuple[str, ...]


async def rebuild(dsn: str, *, write: bool = True) -> Rebuilt:
    """Compute every ended call's rows from its events; with `write`, replace those that differ.

    Writing takes an account that belongs to `pbx112_owner`; each portion is one transaction, so nobody ever sees
    a call without its row. Raises asyncpg's errors and OSError.
    """
    connection = await connect(dsn, "rebuild", statement_seconds=300)
    calls, different, after = 0, list[str](), ""
    try:
        while True:
            rows = await connection.fetch(
                "SELECT DISTINCT call_id FROM pbx112.event WHERE call_id > $1 AND kind IN "
                "('CallEnded', 'RecordingFinished', 'RecordingFailed') ORDER BY call_id LIMIT $2",
                after,
                _CALLS_AT_ONCE,
            )
            if not rows:
                return Rebuilt(calls, tuple(different))
            ids = [str(row["call_id"]) for row in rows]
            after = ids[-1]
            async with connection.transaction():
                calls += await _portion(connection, ids, different, write)
    finally:
        await connection.close()


async def _portion(connection: Connection, ids: list[str], different: list[str], write: bool) -> int:
    events = await connection.fetch(
        "SELECT journal_id::text AS journal_id, node, seq, call_id, "
        "(extract(epoch FROM at) * 1000000)::bigint AS utc_us, mono_ns, plan, kind, raw, hash "
        "FROM pbx112.event WHERE call_id = ANY($1) ORDER BY call_id, journal_id, seq",
        ids,
    )
    stands: dict[str, tuple[list[CallRecord], list[LegRecord], list[RecordingRecord]]] = {
        call_id: ([], [], []) for call_id in ids
    }
    where = "WHERE call_id = ANY($1) ORDER BY call_id"
    for call in await fetch(connection, CallRecord, "call", where, ids):
        stands[call.call_id][0].append(call)
    for leg in await fetch(connection, LegRecord, "leg", f"{where}, offered_at, leg", ids):
        stands[leg.call_id][1].append(leg)
    for recording in await fetch(connection, RecordingRecord, "recording", f"{where}, ended_at, name", ids):
        stands[recording.call_id][2].append(recording)
    ended = 0
    for call_id, story in groupby(events, key=lambda row: str(row["call_id"])):
        calls: list[CallRecord] = []
        legs: list[LegRecord] = []
        recordings: list[RecordingRecord] = []
        for (journal_id, node), part in groupby(story, key=lambda row: (row["journal_id"], row["node"])):
            entries = [
                Entry(
                    row["seq"],
                    call_id,
                    row["utc_us"],
                    row["mono_ns"],
                    row["plan"],
                    row["kind"],
                    row["raw"],
                    b"",
                )
                for row in part
            ]
            records = build_record(call_id, facts(entries), journal_id=journal_id, node=node)
            if records.call is not None and not calls:
                calls, legs = [records.call], records.legs
            recordings.extend(recording for _, recording in records.recordings)
        ended += len(calls)
        legs.sort(key=lambda leg: (leg.offered_at, leg.leg))
        recordings.sort(key=lambda recording: (recording.ended_at, recording.name))
        if stands[call_id] == (calls, legs, recordings):
            continue
        different.append(call_id)
        if write:
            for table in ("leg", "recording", "call"):
                await connection.execute(f"DELETE FROM pbx112.{table} WHERE call_id = $1", call_id)  # noqa: S608
            await add(connection, "call", calls)
            await add(connection, "leg", legs)
            await add(connection, "recording", recordings)
    return ended
