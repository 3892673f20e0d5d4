"""Traffic into Postgres as the shipper brings it, only in larger portions; each office in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import asyncpg

from lab.traffic.chain import batches, journal_id
from lab.traffic.office import Office
from pbx112.cdr.send import send
from pbx112.cdr.ship import owners_of
from pbx112.cdr.store import Connection, connect
from pbx112.journal import genesis
from pbx112.plan.load import load_plan

PORTION = 20_000
"""Events in one transaction."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """`calls` calls in `days` days from `begins` on, at each of `offices` with the plan in `agencies`."""

    agencies: Path
    seed: int
    begins: date
    days: int
    calls: int
    offices: tuple[str, ...]

    def office(self, node: str) -> Office:
        """One of them, at its beginning."""
        calls = self.calls // len(self.offices)
        if node == self.offices[0]:
            calls += self.calls % len(self.offices)
        plan = load_plan(self.agencies).plan
        per_day = calls / self.days
        return Office(node, plan, seed=self.seed, begins=self.begins, calls=calls, per_day=per_day)


@dataclass(slots=True)
class Loaded:
    """What went in, how many seconds were waited for the database (the rest is making it up), and what CPU it took here
    to make it up and to send it."""

    events: int = 0
    calls: int = 0
    legs: int = 0
    database_seconds: float = 0.0
    making_cpu: float = 0.0
    sending_cpu: float = 0.0

    def __iadd__(self, other: Loaded) -> Loaded:
        self.events += other.events
        self.calls += other.calls
        self.legs += other.legs
        self.database_seconds += other.database_seconds
        self.making_cpu += other.making_cpu
        self.sending_cpu += other.sending_cpu
        return self


async def make_months(dsn: str, traffic: Traffic) -> None:
    """The partitions for it, and some beyond: when it ends is not known to the day."""
    connection = await asyncpg.connect(dsn)
    try:
        last = traffic.begins + timedelta(days=traffic.days * 1.2 + 62)
        await connection.execute("SELECT pbx112.make_partitions($1, $2)", traffic.begins - timedelta(2), last)
    finally:
        await connection.close()


async def load_office(
    dsn: str,
    traffic: Traffic,
    node: str,
    on_progress: Callable[[Loaded], None] = lambda _: None,
    *,
    portion: int = PORTION,
    chain: str = "",
    enough: Callable[[], bool] = lambda: False,
) -> Loaded:
    """All of one office's journal into the database at `dsn`, whose months are made, or as much of it as there is when
    somebody has `enough`. `on_progress` is told each portion. `chain` is the journal's id (default: made of the seed).

    Raises asyncpg's errors and OSError.
    """
    chain = chain or journal_id(traffic.seed, node)
    total, shipped = Loaded(), 0
    connection = await connect(dsn, f"traffic {node}", statement_seconds=300)
    try:
        await begin(connection, chain, node)
        plan = load_plan(traffic.agencies).plan
        await connection.execute(
            "SELECT pbx112.state_office($1, $2, $3::jsonb)",
            plan.service.timezone.key,
            plan.hash,
            owners_of(plan),
        )
        since = time.process_time()
        for batch in batches(traffic.office(node).drafts(), chain, node, portion):
            began, made = time.perf_counter(), time.process_time()
            await send(connection, chain, node, shipped, batch.entries, batch.rows)
            shipped = batch.entries[-1].seq
            waited, sent = time.perf_counter() - began, time.process_time()
            counts = len(batch.entries), len(batch.rows.calls), len(batch.rows.legs)
            step = Loaded(*counts, waited, made - since, sent - made)
            since = sent
            total += step
            on_progress(step)
            if enough():
                break
    finally:
        await connection.close()
    return total


async def begin(connection: Connection, chain: str, node: str) -> None:
    """A journal of which nothing has arrived."""
    await connection.execute(
        "INSERT INTO pbx112.shipment (journal_id, node, base_seq, base_hash, last_seq, head) "
        "VALUES ($1, $2, 0, $3, 0, $3)",
        chain,
        node,
        genesis(chain),
    )


def load(
    dsn: str,
    traffic: Traffic,
    on_progress: Callable[[Loaded], None],
    *,
    portion: int = PORTION,
    enough: Callable[[], bool] = lambda: False,
) -> Loaded:
    """All offices at once, each in its process, until somebody has `enough`. Raises :class:`RuntimeError` where one of
    them failed."""
    asyncio.run(make_months(dsn, traffic))
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[Loaded | None] = context.Queue()
    over = context.Event()
    workers = [
        context.Process(target=_work, args=(dsn, traffic, node, told, portion, over), daemon=True)
        for node in traffic.offices
    ]
    for worker in workers:
        worker.start()
    total, running = Loaded(), len(workers)
    while running:
        if enough():
            over.set()
        try:
            step = told.get(timeout=1)
        except queue.Empty:
            if any(worker.exitcode for worker in workers):
                break  # it was killed, and could not say that it is over
            continue
        if step is None:
            running -= 1
        else:
            total += step
            on_progress(step)
    for worker in workers:
        if running:
            worker.terminate()
        worker.join()
    if failed := [worker.exitcode for worker in workers if worker.exitcode]:
        raise RuntimeError(f"{len(failed)} of {len(workers)} loaders failed; they have said why")
    return total


def _work(
    dsn: str,
    traffic: Traffic,
    node: str,
    told: multiprocessing.Queue[Loaded | None],
    portion: int,
    over: Event,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it says when it is enough
    try:
        asyncio.run(load_office(dsn, traffic, node, told.put, portion=portion, enough=over.is_set))
    finally:
        told.put(None)
