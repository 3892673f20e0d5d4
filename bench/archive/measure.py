"""The measurements, each on the loaded database."""

from __future__ import annotations

import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import islice

from bench.archive.cpu import ServerCpu
from bench.archive.result import Result, Size
from lab.traffic.chain import Batch, batches, journal_id
from lab.traffic.load import PORTION, Traffic, begin
from pbx112.audit.verify import verify
from pbx112.cdr.send import send
from pbx112.cdr.store import EVENT_COLUMNS, Connection, connect, event_rows

RUNS = 9
NUMBERS = 40
ALONE = "alone"
UNUSED = "00000000-0000-4000-8000-000000000112"
PORTIONS = 3

_SIZES = """
SELECT t.name AS table, sum(GREATEST(c.reltuples, 0))::bigint AS rows, sum(pg_relation_size(c.oid))::bigint AS heap,
    sum(pg_indexes_size(c.oid))::bigint AS indexes,
    sum(pg_total_relation_size(c.oid) - pg_relation_size(c.oid) - pg_indexes_size(c.oid))::bigint AS toast
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
CROSS JOIN LATERAL (SELECT coalesce(i.inhparent, c.oid)::regclass::text AS name) t
WHERE c.relnamespace = 'pbx112'::regnamespace AND c.relkind = 'r' GROUP BY 1 HAVING sum(GREATEST(c.reltuples, 0)) > 0
ORDER BY 3 + 4 DESC, 1
"""

_BY_NUMBER = "SELECT * FROM pbx112.calls_unmasked WHERE caller = $1 ORDER BY arrived_at DESC LIMIT 20"

_STORY = "SELECT seq, kind, at, body FROM pbx112.events_unmasked WHERE call_id = $1 ORDER BY seq"

_UNBOUNDED = """
SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY ring_seconds) FROM pbx112.calls
WHERE month = $1 AND class = 'answered'
"""
"""What somebody writes who does not know the views of the months."""


async def loading(dsn: str, traffic: Traffic, result: Result) -> None:
    """One connection, its traffic made up beforehand; then, undone again, some of it by an INSERT for each event."""
    one = replace(traffic, offices=(ALONE,), calls=PORTIONS * PORTION // 10)
    chain = journal_id(one.seed, ALONE)
    made = list(islice(batches(one.office(ALONE).drafts(), chain, ALONE, PORTION), PORTIONS))
    connection = await connect(dsn, "bench", statement_seconds=600)
    try:
        await begin(connection, chain, ALONE)
        server = await ServerCpu.of(connection)
        theirs, ours = server.mine(), time.process_time()
        began, shipped = time.perf_counter(), 0
        for batch in made:
            await send(connection, chain, ALONE, shipped, batch.entries, batch.rows)
            shipped = batch.entries[-1].seq
        result.alone = shipped / (time.perf_counter() - began)
        result.alone_client_cpu = (time.process_time() - ours) / shipped
        result.alone_server_cpu = (server.mine() - theirs) / shipped
        result.plain_inserts = await _insert(connection, made[0])
    finally:
        await connection.close()


async def _insert(connection: Connection, batch: Batch) -> float:
    """Events a second where each is a statement: what COPY saves. The events alone, without what follows from them."""
    few = batch.entries[: PORTION // 4]
    places = ", ".join(f"${number}" for number in range(1, len(EVENT_COLUMNS) + 1))
    into = f"INSERT INTO pbx112.event ({', '.join(EVENT_COLUMNS)}) VALUES ({places})"  # noqa: S608
    transaction = connection.transaction()
    await transaction.start()
    try:
        began = time.perf_counter()
        await connection.executemany(into, event_rows(UNUSED, ALONE, few))
        return len(few) / (time.perf_counter() - began)
    finally:
        await transaction.rollback()


async def asking(dsn: str, result: Result) -> None:
    """The questions of people who wait for the answer."""
    connection = await connect(dsn, "bench", statement_seconds=600)
    try:
        months = await connection.fetch("SELECT month, presented FROM pbx112.kpi_month ORDER BY presented")
        month, result.month_calls = months[-1]
        result.month, result.months = month.strftime("%Y-%m"), len(months)
        server = await ServerCpu.of(connection)
        before = server.mine()
        result.kpi = await _timed(
            lambda: connection.fetch("SELECT * FROM pbx112.kpi_month WHERE month = $1", month), RUNS
        )
        result.kpi_cpu = (server.mine() - before) / RUNS
        result.kpi_unbounded = await _timed(lambda: connection.fetch(_UNBOUNDED, month), 3)
        callers = await connection.fetch(
            "SELECT caller, call_id FROM pbx112.call WHERE caller IS NOT NULL ORDER BY hashtext(call_id) LIMIT $1",
            NUMBERS,
        )
        for row in callers:
            result.by_number += await _timed(partial(connection.fetch, _BY_NUMBER, row["caller"]), 1)
            result.story += await _timed(partial(connection.fetch, _STORY, row["call_id"]), 1)
    finally:
        await connection.close()


async def chaining(dsn: str, traffic: Traffic, result: Result) -> None:
    """Whether a journal is sound, asked of the database. Raises :class:`RuntimeError` where it is not."""
    connection = await connect(dsn, "bench", statement_seconds=3600)
    try:
        chain, began = journal_id(traffic.seed, ALONE), time.perf_counter()
        broken = await connection.fetchval(
            "SELECT count(*) FROM pbx112.broken_link WHERE journal_id = $1", chain
        )
        seconds = time.perf_counter() - began
        entries = await connection.fetchval(
            "SELECT last_seq FROM pbx112.shipment WHERE journal_id = $1", chain
        )
    finally:
        await connection.close()
    if broken:
        raise RuntimeError(f"{broken} events of what was just loaded do not fit their chain")
    result.broken_link = entries / seconds


async def verifying(dsn: str, result: Result) -> None:
    """`pbx112 audit verify` over all journals. Raises :class:`RuntimeError` where one is not sound."""
    connection = await connect(dsn, "bench")
    try:
        server = await ServerCpu.of(connection)
        theirs, ours, began = server.ended(), _own_cpu(), time.perf_counter()
        verified = await verify(dsn)
        seconds = time.perf_counter() - began
        result.verify, result.verified = verified.events / seconds, verified.events
        result.verify_cpu = (server.ended() - theirs + _own_cpu() - ours) / verified.events
    finally:
        await connection.close()
    if verified.faults:
        raise RuntimeError(f"what was just loaded does not fit its chain: {verified.faults[0]}")


async def counting(dsn: str, result: Result) -> None:
    """How many rows there are, and how much room they take."""
    connection = await connect(dsn, "bench", statement_seconds=600)
    try:
        await connection.execute("ANALYZE")
        result.sizes = [Size(**dict(row)) for row in await connection.fetch(_SIZES)]
        for name in ("call", "leg", "event"):
            rows = await connection.fetchval(f"SELECT count(*) FROM pbx112.{name}")  # noqa: S608
            setattr(result, f"{name}s", rows)
    finally:
        await connection.close()


def _own_cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


async def _timed(ask: Callable[[], Awaitable[object]], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - began)
    return seconds
