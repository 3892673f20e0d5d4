"""The statements by which records enter and leave Postgres, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import asyncpg
import msgspec

from pbx112.cdr.body import UNREADABLE, kept_view
from pbx112.cdr.rows import (
    CallBackRecord,
    CallRecord,
    HelpRecord,
    HoldRecord,
    LegRecord,
    MarkRecord,
    RecordingRecord,
    StageRecord,
)
from pbx112.cdr.trouble import connected
from pbx112.cdr.values import moment
from pbx112.journal import Entry

EVENT_COLUMNS = (
    "journal_id",
    "seq",
    "call_id",
    "at",
    "mono_ns",
    "plan",
    "kind",
    "body",
    "raw",
    "hash",
    "node",
)

Row = TypeVar(
    "Row",
    CallRecord,
    LegRecord,
    RecordingRecord,
    StageRecord,
    HelpRecord,
    HoldRecord,
    MarkRecord,
    CallBackRecord,
)

_CALLS_LOCK = 0x7062_7831_3132_0002
"""Held while calls are added: an id stands once, in whatever month, also where two shippers tell of it at once."""

Connection = asyncpg.Connection


def columns(row_type: type[msgspec.Struct]) -> str:
    """The columns of a record's table, as SQL wants them listed."""
    return ", ".join(row_type.__struct_fields__)


async def connect(dsn: str, name: str, *, statement_seconds: float = 20.0) -> Connection:
    """A connection in UTC, with bounds on everything that it waits for."""
    milliseconds = str(int(statement_seconds * 1000))
    return await connected(
        dsn,
        timeout=10,
        command_timeout=statement_seconds + 5,
        server_settings={
            "application_name": f"pbx112 {name}",
            "timezone": "UTC",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
        },
    )


async def copy_events(
    connection: Connection, journal_id: str, node: str, entries: Sequence[Entry], *, plain: bool = False
) -> None:
    """Add `entries` to `pbx112.event`; `plain` keeps their bodies out of `jsonb`."""
    await connection.copy_records_to_table(
        "event",
        schema_name="pbx112",
        columns=EVENT_COLUMNS,
        records=event_rows(journal_id, node, entries, plain=plain),
        timeout=60,
    )


def event_rows(
    journal_id: str, node: str, entries: Sequence[Entry], *, plain: bool = False
) -> list[tuple[object, ...]]:
    """`entries` as rows of `pbx112.event`, in the order of :data:`EVENT_COLUMNS`."""
    return [
        (
            journal_id,
            entry.seq,
            entry.subject or None,
            moment(entry.utc_us),
            entry.mono_ns,
            entry.plan,
            entry.kind,
            UNREADABLE if plain else kept_view(entry.body),
            entry.body,
            entry.hash,
            node,
        )
        for entry in entries
    ]


async def add(connection: Connection, table: str, rows: Sequence[Row]) -> int:
    """Add `rows` to `pbx112.<table>`; those whose key stands there already are left out. Returns how many went in."""
    if not rows:
        return 0
    names = columns(type(rows[0]))
    status = await connection.execute(
        f"INSERT INTO pbx112.{table} ({names}) SELECT {names} "  # noqa: S608 - the names are our own
        f"FROM jsonb_populate_recordset(NULL::pbx112.{table}, $1::jsonb) ON CONFLICT DO NOTHING",
        msgspec.json.encode(rows).decode(),
    )
    return int(status.rsplit(" ", 1)[1])


async def add_calls(connection: Connection, calls: Sequence[CallRecord]) -> set[str]:
    """Add `calls` to `pbx112.call`, but none whose id stands there already. Returns the ids that went in.

    To be called in a transaction. A key over all months is not to be had on a table of months, hence the lock. What
    stands is looked for call by call, in each month's key: of a NOT EXISTS Postgres makes a join, and with a condition
    on the time or a sequential scan at hand it reads whole months, as long as its statistics take them for small ones.
    """
    if not calls:
        return set()
    await connection.execute(
        "SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)", _CALLS_LOCK
    )
    names = columns(CallRecord)
    added = await connection.fetch(
        f"INSERT INTO pbx112.call ({names}) SELECT {names} "  # noqa: S608 - the names are our own
        "FROM jsonb_populate_recordset(NULL::pbx112.call, $1::jsonb) given "
        "WHERE (SELECT there.call_id FROM pbx112.call there WHERE there.call_id = given.call_id LIMIT 1) IS NULL "
        "ON CONFLICT DO NOTHING RETURNING call_id",
        msgspec.json.encode(calls).decode(),
    )
    return {str(row["call_id"]) for row in added}


async def fetch(
    connection: Connection, row_type: type[Row], table: str, tail: str, *values: object
) -> list[Row]:
    """The rows of `pbx112.<table>` that `tail` (WHERE, ORDER BY, LIMIT) picks."""
    found = await connection.fetch(
        f"SELECT to_jsonb(picked)::text FROM (SELECT * FROM pbx112.{table} {tail}) picked",  # noqa: S608
        *values,
    )
    decode = msgspec.json.Decoder(row_type).decode
    return [decode(row[0]) for row in found]


async def arrivals_of(connection: Connection, call_ids: Sequence[str]) -> dict[str, datetime]:
    """When these calls arrived, as far as they have ended: their beginning has left the journal."""
    found = await connection.fetch(
        "SELECT call_id, arrived_at FROM pbx112.call WHERE call_id = ANY($1)", call_ids
    )
    return {row["call_id"]: row["arrived_at"] for row in found}
