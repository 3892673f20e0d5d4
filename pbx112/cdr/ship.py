"""The journal's way into Postgres: in order, in batches, exactly once, and never on a call's path.

What has arrived is told by Postgres alone: one transaction adds the events, the records of the calls that end
among them, and moves `pbx112.shipment` on. Whether a commit whose answer was lost took place is read there.
Only entries that the disk has confirmed are shipped, so Postgres never knows what a power cut made undone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import asyncpg
import msgspec

from pbx112.cdr.derived import Derived
from pbx112.cdr.send import move_on, rows_of, send, told_in
from pbx112.cdr.store import Connection, arrivals_of, connect
from pbx112.cdr.trouble import explain
from pbx112.journal import Entry, Journal, JournalError, Over, genesis
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Plan

_BATCH = 2_000  # entries in one transaction
_REST = 0.08  # seconds between transactions at low load, so that each carries more than one event
_RETRY_FIRST, _RETRY_MOST = 0.1, 3.0  # seconds
_HOUSEKEEPING = 3600.0  # seconds
_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)


class _Estranged(Exception):
    """The journal and Postgres do not tell the same story; nothing may be shipped."""


class _Unmade(Exception):
    """A fault of ours: no record can be made of what was told."""


class Shipper:
    """Ships `journal` to the database at `dsn` under the name `node`.

    `on_alarm` is called when shipping is in trouble, once for each remedy, and once when it is well again.
    Entries older than `keep_days` that have arrived are pruned from the journal. Time zone and agencies of the `plan`
    in force, and how long it keeps records, are stated to the database.
    """

    def __init__(
        self,
        journal: Journal,
        dsn: str,
        node: str,
        on_alarm: Callable[[str], None],
        *,
        keep_days: float = 35.0,
        plan: Callable[[], Plan] | None = None,
    ) -> None:
        self._journal = journal
        self._dsn = dsn
        self._node = node
        self._alarm = on_alarm
        self._keep_days = keep_days
        self._plan = plan
        self._stated = ""
        self._chain = ""
        self._shipped = 0
        self._careful_until = 0
        self._told: set[str] = set()
        self.trouble: str | None = None
        """Why records do not arrive in Postgres, in words; None while they do."""

    @property
    def shipped(self) -> int:
        """Number of the last entry of the present journal known to have arrived."""
        return self._shipped

    async def run(self) -> None:
        """Ship until cancelled. Comes back by itself from whatever Postgres or the network do."""
        wait = _RETRY_FIRST
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except _Estranged as error:
                self._in_trouble(str(error))
                wait = 30.0
            except (
                Exception
            ) as error:  # whatever it is: a new connection, and the cursor read anew, is the cure
                told, remedy = explain(error)
                self._in_trouble(told, remedy)
            if time.monotonic() - began > 10.0:
                wait = _RETRY_FIRST
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
            wait = min(wait * 2, _RETRY_MOST)

    async def flush(self, seconds: float) -> bool:
        """Wait until all that was appended so far has arrived, at most `seconds`; whether it has."""
        deadline = time.monotonic() + seconds
        while True:
            journal = self._journal
            if (
                journal.waiting == 0
                and self._chain == journal.journal_id
                and self._shipped == journal.written
            ):
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)

    async def _session(self) -> None:
        """One connection's life."""
        connection = await connect(self._dsn, f"ship {self._node}")
        try:
            await self._find_place(connection)
            keeping = time.monotonic()
            await connection.execute("SELECT pbx112.ensure_partitions()")
            self._stated = ""  # the last connection may have died of it, or Postgres refused it
            await self._state_office(connection)
            while True:
                await self._journal.synced_beyond(self._chain, self._shipped)
                if self._journal.journal_id != self._chain:
                    await self._find_place(connection)
                    continue
                await self._state_office(connection)
                full = await self._ship_batch(connection)
                self.trouble = None
                if self._told:
                    self._told.clear()
                    self._alarm(Over("records: they arrive in Postgres again"))
                if time.monotonic() - keeping > _HOUSEKEEPING:
                    keeping = time.monotonic()
                    await self._keep_house(connection)
                if not full:
                    await asyncio.sleep(_REST)
        finally:
            connection.terminate()

    async def _find_place(self, connection: Connection) -> None:
        """Learn from Postgres how far this journal has arrived, and check that it is the same journal."""
        await self._journal.synced_beyond("", 0)  # until the disk has let the journal be opened
        chain = self._journal.journal_id
        base_seq, base_hash = await self._journal.ask(lambda reader: reader.base())
        row = await connection.fetchrow(
            "INSERT INTO pbx112.shipment (journal_id, node, base_seq, base_hash, last_seq, head) "
            "VALUES ($1, $2, $3, $4, 0, $5) "
            "ON CONFLICT (journal_id) DO UPDATE SET shipped_at = pbx112.shipment.shipped_at RETURNING last_seq, head",
            chain,
            self._node,
            base_seq,
            base_hash,
            genesis(chain),
        )
        assert row is not None
        shipped, head = int(row["last_seq"]), bytes(row["head"])
        ours = await self._journal.ask(lambda reader: reader.hash_at(shipped))
        if shipped < base_seq:
            self._alarm(
                f"records: entries {shipped + 1} to {base_seq} of journal {chain} are missing in Postgres and were "
                "pruned from the journal; was an old backup restored? What follows is shipped"
            )
            await move_on(connection, chain, shipped, base_seq, base_hash)
            shipped = base_seq
        elif ours is None:
            raise _Estranged(
                f"Postgres holds entries of journal {chain} up to {shipped}, the journal ends before; was an old copy "
                f"of {self._journal.path} put back? Move that file aside and restart: a new journal begins"
            )
        elif ours != head:
            raise _Estranged(
                f"entry {shipped} of journal {chain} is not the one in Postgres; keep {self._journal.path} for the "
                "auditor, move it aside and restart: a new journal begins"
            )
        self._chain, self._shipped = chain, shipped

    async def _ship_batch(self, connection: Connection) -> bool:
        """Ship what the disk has confirmed, at most a batch; whether the batch was full."""
        careful = self._shipped < self._careful_until
        limit = 1 if careful else _BATCH
        entries = await self._journal.read(self._shipped, limit, self._journal.synced)
        if not entries or self._journal.journal_id != self._chain:
            return False
        try:
            rows = await self._records_of(connection, entries)
            await self._send(connection, entries, rows)
        except (*_REFUSED, _Unmade) as error:
            if not careful:
                self._careful_until = entries[
                    -1
                ].seq  # one by one: only the culprit shall go without its view
                return True
            ours = isinstance(error, _Unmade)
            why = (
                "no record can be made of it; `pbx112 rebuild` after an upgrade"
                if ours
                else "Postgres refuses its view"
            )
            self._alarm(f"records: entry {entries[0].seq} is kept, but {why}: {error}")
            await self._send(connection, entries, Derived(), plain=not ours)
        return len(entries) == limit

    async def _send(
        self, connection: Connection, entries: Sequence[Entry], rows: Derived, *, plain: bool = False
    ) -> None:
        refused = await send(connection, self._chain, self._node, self._shipped, entries, rows, plain=plain)
        self._shipped = entries[-1].seq
        if refused:
            self._alarm(
                f"records: {len(refused)} calls stand already under the same id; events are kept"
                " (has another machine's Asterisk the same systemname in asterisk.conf?)"
            )

    async def _records_of(self, connection: Connection, entries: Sequence[Entry]) -> Derived:
        """The rows that become final with `entries`."""
        told = told_in(entries)
        if not told:
            return Derived()
        stories = await self._journal.of_subjects(told)
        pruned = [call_id for call_id, story in stories.items() if story and story[0].kind != "CallArrived"]
        arrivals = await arrivals_of(connection, pruned) if pruned else {}
        try:
            return rows_of(stories, entries, journal_id=self._chain, node=self._node, arrivals=arrivals)
        except Exception as error:  # one call's; all others shall have their records
            raise _Unmade(f"a fault of pbx112 itself ({type(error).__name__}: {error})") from error

    async def _state_office(self, connection: Connection) -> None:
        """Once for each plan and connection: Postgres adds only what is new. The records wait for nothing of this."""
        plan = self._plan() if self._plan is not None else None
        if plan is None or plan.hash == self._stated:
            return
        self._stated = plan.hash
        try:
            await connection.execute(
                "SELECT pbx112.state_office($1, $2, $3::jsonb)",
                plan.service.timezone.key,
                plan.hash,
                owners_of(plan),
            )
            await connection.execute(
                "SELECT pbx112.state_retention($1, $2, $3, $4)",
                plan.hash,
                plan.retention.personal_months,
                plan.recording.keep_days,
                plan.retention.access_months,
            )
        except asyncpg.PostgresError as error:
            self._alarm(f"records: what the plan says of the office is not known in Postgres ({error})")

    async def _keep_house(self, connection: Connection) -> None:
        await connection.execute("SELECT pbx112.ensure_partitions()")
        before = time.time() - self._keep_days * 86_400
        with suppress(JournalError, TimeoutError):  # the journal raises its own alarms; next hour will do
            async with asyncio.timeout(60):
                await self._journal.prune(self._shipped, int(before * 1_000_000))

    def _in_trouble(self, why: str, remedy: str = "") -> None:
        """Tell each remedy once: a cut connection may come first, and what is really wrong after it."""
        words = f"{why}; {remedy}" if remedy else why
        self.trouble = words
        if remedy not in self._told:
            self._alarm(f"records: not arriving in Postgres ({words}); they wait in the journal")
        self._told.add(remedy)


def owners_of(plan: Plan) -> str:
    """Whom a call can turn to, as `pbx112.state_office` takes it."""
    owners = [
        {"key": agency.key, "name": agency.name, "kind": agency.kind} for agency in plan.agencies.values()
    ]
    if plan.call_takers is not None:
        owners.append({"key": CALL_TAKERS, "name": plan.service.name, "kind": CALL_TAKERS})
    if plan.supervisors is not None:
        owners.append({"key": SUPERVISORS, "name": plan.service.name, "kind": SUPERVISORS})
    return msgspec.json.encode(owners).decode()
