"""The record of a call whose number is not known beforehand."""

from __future__ import annotations

import asyncpg

from lab.exchange import Exchange
from lab.processes import eventually
from lab.records import Record, record_of


async def calls_recorded(exchange: Exchange) -> int:
    """How many calls stand in Postgres."""
    connection = await asyncpg.connect(exchange.dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pbx112.call"))
    finally:
        await connection.close()


async def next_record(exchange: Exchange, before: int) -> Record:
    """The one call that has come to the `before` that stood there; waits for it."""

    async def came() -> bool:
        return await calls_recorded(exchange) > before

    await eventually(came, 10, pause=0.05)
    connection = await asyncpg.connect(exchange.dsn)
    try:
        raw = await connection.fetchval("SELECT caller_raw FROM pbx112.call ORDER BY arrived_at DESC LIMIT 1")
    finally:
        await connection.close()
    return await record_of(exchange.dsn, raw)
