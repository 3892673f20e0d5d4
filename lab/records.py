"""What the records say of a call, read from Postgres with plain SQL as an auditor would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from lab.processes import LabError, eventually


@dataclass(frozen=True)
class Record:
    """One call: its row in `pbx112.call`, its legs in the order in which they were rung, its events."""

    call: Mapping[str, Any]
    legs: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]

    @property
    def outcome(self) -> str:
        """How it ended."""
        return str(self.call["outcome"])

    @property
    def tried(self) -> tuple[tuple[str, str], ...]:
        """Line and result of each leg."""
        return tuple((leg["line"], leg["result"]) for leg in self.legs)


async def record_of(dsn: str, caller_raw: str, within: float = 15) -> Record:
    """The record of the last call of the caller that the trunk named `caller_raw`.

    Waits for it; it stands once the call has ended and was shipped. Raises :class:`LabError` after `within` seconds.
    """
    found: list[Record] = []

    async def stands() -> bool:
        try:
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError):
            return False
        try:
            found.extend(await _read(connection, caller_raw))
        except asyncpg.UndefinedTableError:
            return False
        finally:
            await connection.close()
        return bool(found)

    try:
        await eventually(stands, within, pause=0.05)
    except TimeoutError:
        raise LabError(f"no record of the call from {caller_raw} within {within:g} s") from None
    return found[-1]


async def told_of(
    dsn: str, caller_raw: str, kind: str, within: float = 15, **fields: object
) -> Mapping[str, Any]:
    """The first event of that kind, with these fields, that the records have of this caller's last call; waits for it
    (events are shipped while the call goes on). Raises :class:`LabError`."""
    query = (
        "SELECT at, kind, body FROM pbx112.events_unmasked WHERE kind = $2 AND body @> $3::jsonb AND call_id ="
        " (SELECT call_id FROM pbx112.events_unmasked WHERE kind = 'CallArrived' AND body ->> 'caller_raw' = $1"
        " ORDER BY at DESC LIMIT 1) ORDER BY seq LIMIT 1"
    )
    found: list[Mapping[str, Any]] = []

    async def stands() -> bool:
        connection = await asyncpg.connect(dsn)
        try:
            row = await connection.fetchrow(query, caller_raw, kind, json.dumps(fields))
        finally:
            await connection.close()
        if row is not None:
            found.append(dict(row) | {"body": json.loads(row["body"])})
        return bool(found)

    try:
        await eventually(stands, within, pause=0.05)
    except TimeoutError:
        raise LabError(f"{kind} {fields} was not told of {caller_raw} within {within:g} s") from None
    return found[0]


async def noted_of(dsn: str, kind: str, within: float = 15, **fields: object) -> Mapping[str, Any]:
    """The body of the last event of that kind, with these fields, that stands under no call; waits for it. Raises
    :class:`LabError`."""
    found: list[Mapping[str, Any]] = []
    query = (
        "SELECT body FROM pbx112.events_unmasked WHERE call_id IS NULL AND kind = $1 AND body @> $2::jsonb"
        " ORDER BY at DESC LIMIT 1"
    )

    async def stands() -> bool:
        connection = await asyncpg.connect(dsn)
        try:
            row = await connection.fetchrow(query, kind, json.dumps(fields))
        finally:
            await connection.close()
        if row is not None:
            found.append(json.loads(row["body"]))
        return bool(found)

    try:
        await eventually(stands, within, pause=0.05)
    except TimeoutError:
        raise LabError(f"{kind} {fields} was not told within {within:g} s") from None
    return found[0]


async def _read(connection: asyncpg.Connection[asyncpg.Record], caller_raw: str) -> list[Record]:
    call = await connection.fetchrow(
        "SELECT * FROM pbx112.call WHERE caller_raw = $1 ORDER BY arrived_at DESC LIMIT 1", caller_raw
    )
    if call is None:
        return []
    legs = await connection.fetch("SELECT * FROM pbx112.leg WHERE call_id = $1 ORDER BY leg", call["call_id"])
    events = await connection.fetch(
        "SELECT * FROM pbx112.events_unmasked WHERE call_id = $1 ORDER BY seq", call["call_id"]
    )
    return [Record(dict(call), tuple(map(dict, legs)), tuple(map(dict, events)))]
