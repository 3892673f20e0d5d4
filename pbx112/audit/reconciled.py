"""The reconciliation and the database: what the records hold of a day, and the result's rows, which nobody changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pbx112.audit.asterisk_cdr import AsteriskChannel
from pbx112.audit.reconcile import Day, Recorded, moment, reconcile
from pbx112.cdr.store import Connection

_RECORDED = """
WITH wanted AS (
    SELECT call_id, via, arrived_at, accepted_at, ended_at, outcome FROM pbx112.call
    WHERE arrived_at >= $2 AND arrived_at < $3 AND node = $1
    UNION
    SELECT call_id, via, arrived_at, accepted_at, ended_at, outcome FROM pbx112.call WHERE call_id = ANY($4)
)
SELECT c.*, told.caller_left_at, told.resumed_at, told.ended_by_system FROM wanted c
CROSS JOIN LATERAL (
    SELECT max(e.at) FILTER (WHERE e.kind = 'CallerLeft') AS caller_left_at,
        max(e.at) FILTER (WHERE e.kind = 'CallResumed') AS resumed_at,
        coalesce(bool_or(pbx112.body(e.raw, e.body) ->> 'by' = 'system') FILTER (WHERE e.kind = 'CallEnded'), false)
            AS ended_by_system
    FROM pbx112.event e
    WHERE e.call_id = c.call_id AND e.at >= c.arrived_at - interval '1 hour' AND e.at <= c.ended_at + interval '1 hour'
) told
ORDER BY c.call_id, c.arrived_at
"""

_UNENDED = """
SELECT call_id FROM pbx112.event WHERE call_id = ANY($1) AND at >= $2
GROUP BY call_id HAVING NOT bool_or(kind = 'CallEnded')
"""

_ELSEWHERE = """
SELECT node, count(*) FROM pbx112.call WHERE arrived_at >= $2 AND arrived_at < $3 AND node <> $1
GROUP BY node ORDER BY node
"""

_NEW_CALL = "INSERT INTO pbx112.reconciliation_call VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"

_MARGIN = timedelta(minutes=10)
"""A call at midnight may stand in one day here and in the next there."""


async def reconcile_day(
    connection: Connection, node: str, day: Day, channels: Sequence[AsteriskChannel], now: datetime
) -> Day:
    """Compare the day's calls and write down what came of it. `channels`: those of Asterisk around the day.

    Raises asyncpg's errors.
    """
    near = [
        channel
        for channel in channels
        if day.begins - _MARGIN <= moment(channel.start_us) < day.ends + _MARGIN
    ]
    ids = [channel.uniqueid for channel in near if channel.is_call]
    async with connection.transaction(isolation="repeatable_read"):
        rows = await connection.fetch(_RECORDED, node, day.begins, day.ends, ids)
        records = [Recorded(**dict(row)) for row in rows]
        missing = sorted(set(ids) - {recorded.call_id for recorded in records})
        unended = await connection.fetch(_UNENDED, missing, day.begins - timedelta(days=1))
        reconcile(day, channels, records, frozenset(row["call_id"] for row in unended), now)
        await _write(connection, node, day)
    return day


async def elsewhere(connection: Connection, node: str, begins: datetime, ends: datetime) -> dict[str, int]:
    """Calls of other machines in this time, whose own Asterisk has to be asked there."""
    return {row[0]: row[1] for row in await connection.fetch(_ELSEWHERE, node, begins, ends)}


async def _write(connection: Connection, node: str, day: Day) -> None:
    figures = {"node": node, **day.figures()}
    number = await connection.fetchval(
        f"INSERT INTO pbx112.reconciliation ({', '.join(figures)})"  # noqa: S608 - the columns are our own
        f" VALUES ({', '.join(f'${place + 1}' for place in range(len(figures)))}) RETURNING reconciliation_id",
        *figures.values(),
    )
    rows = [(number, each.call_id, each.kind, each.is_difference, *each.sides) for each in day.found]
    await connection.executemany(_NEW_CALL, rows)
