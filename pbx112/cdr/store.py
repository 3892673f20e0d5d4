"""The statements by which records enter and leave Postgres, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import asyncpg
import msgspec

from pbx112.cdr.body import UNREADABLE, jsonb_view
from pbx112.cdr.record import moment
from pbx112.cdr.rows import CallRecord, LegRecord, RecordingRecord
from pbx112.journal import Entry

_EVENT_COLUMNS = (
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

Row = TypeVar("Row", CallRecord, LegRecord, RecordingRecord)
Connection = asyncpg.Connection


def columns(row_type: type[msgspec.Struct]) -> str:
    """The columns of a record's table, as SQL wants them listed."""
    return ", ".join(row_type.__struct_fields__)


async def connect(dsn: str, name: str, *, statement_seconds: float = 20.0) -> Connection:
    """A connection in UTC, with bounds on everything that it waits for."""
    milliseconds = str(int(statement_seconds * 1000))
    return await asyncpg.connect(
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
    rows = [
        (
            journal_id,
            entry.seq,
            entry.subject or None,
            moment(entry.utc_us),
            entry.mono_ns,
            entry.plan,
            entry.kind,
            UNREADABLE if plain else jsonb_view(entry.body),
            entry.body,
            entry.hash,
            node,
        )
        for entry in entries
    ]
    await connection.copy_records_to_table(
        "event", schema_name="pbx112", columns=_EVENT_COLUMNS, records=rows, timeout=60
    )


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
