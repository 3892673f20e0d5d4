"""Legal holds: what is kept beyond its retention, by whose order and why."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from pbx112.cdr.access import os_user
from pbx112.cdr.store import Connection, connect


class Hold(NamedTuple):
    """A hold in force; `number` is masked."""

    hold_id: int
    placed_at: datetime
    account: str
    os_user: str
    call_id: str | None
    number: str | None
    since: datetime | None
    until: datetime | None
    reason: str


async def place_hold(
    dsn: str,
    reason: str,
    *,
    call_id: str | None = None,
    number: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[int, int | None]:
    """Keep the calls for which all that is given holds; returns the hold's number, and how many ended calls are held
    now that were not before (None: counting took too long).

    Raises asyncpg's errors and OSError.
    """
    connection = await connect(dsn, "hold")
    try:
        before = await _held(connection)
        placed = await connection.fetchval(
            "INSERT INTO pbx112.legal_hold (os_user, call_id, number, since, until, reason) "
            "VALUES ($1, $2, $3, $4, $5, $6) RETURNING hold_id",
            os_user(),
            call_id,
            number,
            since,
            until,
            reason,
        )
        now = None if before is None else await _held(connection)
    finally:
        await connection.close()
    return int(placed), None if before is None or now is None else now - before


async def _held(connection: Connection) -> int | None:
    try:
        return int(await connection.fetchval("SELECT pbx112.held_calls('-infinity', 'infinity')"))
    except asyncpg.QueryCanceledError:
        return None


async def lift_hold(dsn: str, hold_id: int, reason: str) -> bool:
    """End a hold; whether there was one in force. Raises asyncpg's errors and OSError."""
    connection = await connect(dsn, "hold")
    try:
        status = await connection.execute(
            "INSERT INTO pbx112.legal_hold_lifted (hold_id, os_user, reason) "
            "SELECT hold_id, $2, $3 FROM pbx112.holds WHERE hold_id = $1",
            hold_id,
            os_user(),
            reason,
        )
    finally:
        await connection.close()
    return str(status) == "INSERT 0 1"


async def holds_in_force(dsn: str) -> list[Hold]:
    """All of them, the oldest first. Raises asyncpg's errors and OSError."""
    connection = await connect(dsn, "hold")
    try:
        rows = await connection.fetch(f"SELECT {', '.join(Hold._fields)} FROM pbx112.holds ORDER BY hold_id")  # noqa: S608
    finally:
        await connection.close()
    return [Hold(*row) for row in rows]
