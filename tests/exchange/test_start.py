"""The daemon's beginnings: whatever is not there yet, it waits for and says so."""

from __future__ import annotations

import asyncpg

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, Answers

from .plans import plan


async def test_the_tables_are_made_at_the_start_of_the_daemon(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.2), "1102": BUSY})
    await exchange.daemon.stop()
    connection = await asyncpg.connect(exchange.dsn)
    try:
        await connection.execute("DROP SCHEMA pbx112 CASCADE")
    finally:
        await connection.close()
    exchange.daemon.settings["dsn"] = exchange.dsn
    await exchange.daemon.start()
    caller = Caller(talk=0.2)
    calling = await exchange.dial(caller)
    await calling.ended()
    assert (await exchange.record(caller)).outcome == "answered"
    assert exchange.daemon.said("migrated")
