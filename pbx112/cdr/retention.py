"""The end of retention: recordings deleted, months of events dropped, numbers made pseudonyms; each run recorded.

What is due is decided by the database (`sql/0024_retention.sql`), whose functions refuse what is not; this account
needs no right to change anything by itself. Holds are looked at there, too. The figures stay what they were: calls,
marks and answers remain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec

from pbx112.cdr.access import os_user
from pbx112.cdr.pseudonym import pseudonym, read_key
from pbx112.cdr.recordings import Recordings
from pbx112.cdr.store import Connection, connect
from pbx112.plan.types import Plan

_AT_ONCE = 500
_SECONDS = 1800.0
"""For one statement: dropping a month looks over its chain first."""
_PATIENCE = 5.0
"""Seconds for which a month waits for those who read the table. All who add to it wait behind, calls' records too."""
_READ = "somebody reads that table for long (a backup, `pbx112 audit verify`): the next run takes this month"


@dataclass(frozen=True, slots=True)
class Where:
    """What the retention works on, besides the database."""

    recordings: Path
    key: Path
    node: str


class _Due(NamedTuple):
    """A recording that is due; `node` is the machine that handled its call, None where that is not known."""

    call_id: str
    name: str
    arrived_at: datetime
    node: str | None


@dataclass(slots=True)
class Done:
    """What a run did, or would do: rows and files by month, and what was not done, and why."""

    run: int | None = None
    events: dict[date, int] = field(default_factory=dict)
    numbers: dict[date, int] = field(default_factory=dict)
    access: dict[date, int] = field(default_factory=dict)
    recordings: int = 0
    files: int = 0
    bytes: int = 0
    missing: int = 0
    """Recordings of which there was no file any more."""
    elsewhere: int = 0
    """Recordings whose files are not here, but on the machine that handled the call: due there."""
    held: dict[date, int] = field(default_factory=dict)
    """Months of events that holds keep, and how many calls hold each."""
    trouble: list[str] = field(default_factory=list)


async def retain(
    dsn: str,
    plan: Plan,
    where: Where,
    *,
    dry: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Done:
    """Carry out what is due by `plan`, or with `dry` only tell it. What fails is told in `trouble`; the rest is done.

    Raises asyncpg's errors and OSError where the database does not take part at all, and
    :class:`pbx112.cdr.pseudonym.PseudonymKeyError`.
    """
    connection = await connect(dsn, "retention", statement_seconds=_SECONDS)
    try:
        run = _Run(connection, plan, where, Done(), on_step)
        return await (run.tell() if dry else run.carry_out())
    finally:
        await connection.close()


@dataclass(slots=True)
class _Run:
    connection: Connection
    plan: Plan
    where: Where
    done: Done
    on_step: Callable[[str], None]

    async def tell(self) -> Done:
        """What would be done, without doing it. (Numbers of a month whose events still stand are not among it.)"""
        for month, held in await self._months("event", self.plan.retention.personal_months):
            (self.done.held if held else self.done.events)[month] = held
        for month, _ in await self._months("access_log", self.plan.retention.access_months):
            self.done.access[month] = 0
        for month, calls in await self._numbers():
            self.done.numbers[month] = calls
        self.done.recordings = len(await self._recordings())
        return self.done

    async def carry_out(self) -> Done:
        """Do it, in the order in which a break does least harm: what is most sensitive first."""
        retention = self.plan.retention
        self.done.run = await self.connection.fetchval(
            "SELECT pbx112.begin_retention($1, $2, $3, $4, $5, $6)",
            os_user(),
            self.where.node,
            self.plan.hash,
            retention.personal_months,
            self.plan.recording.keep_days,
            retention.access_months,
        )
        await self._delete_recordings()
        for month, held in await self._months("event", retention.personal_months):
            if held:
                self.done.held[month] = held
                await self._note("held", month, held, "events of this month are kept for held calls")
            elif (many := await self._do("drop_events", month)) is not None:
                self.done.events[month] = many
        await self._replace_numbers()
        for month, _ in await self._months("access_log", retention.access_months):
            if (many := await self._do("drop_access_log", month)) is not None:
                self.done.access[month] = many
        return self.done

    async def _months(self, table: str, months: int) -> list[tuple[date, int]]:
        rows = await self.connection.fetch("SELECT month, held FROM pbx112.months_due($1, $2)", table, months)
        return [(row["month"], row["held"]) for row in rows]

    async def _numbers(self) -> list[tuple[date, int]]:
        rows = await self.connection.fetch(
            "SELECT month, calls FROM pbx112.numbers_due($1)", self.plan.retention.personal_months
        )
        return [(row["month"], row["calls"]) for row in rows]

    async def _recordings(self) -> list[_Due]:
        rows = await self.connection.fetch(
            "SELECT call_id, name, arrived_at, node FROM pbx112.recordings_due($1)",
            self.plan.recording.keep_days,
        )
        return [_Due(*row) for row in rows]

    async def _do(self, function: str, month: date) -> int | None:
        """One function of the database, in a transaction of its own; None where it refuses."""
        self.on_step(f"{function} {month:%Y-%m}")
        try:
            async with self.connection.transaction():
                await self.connection.execute(f"SET LOCAL lock_timeout = {int(_PATIENCE * 1000)}")
                many = await self.connection.fetchval(
                    f"SELECT pbx112.{function}($1, $2)", self.done.run, month
                )
        except asyncpg.PostgresError as error:
            why = _READ if isinstance(error, asyncpg.LockNotAvailableError) else str(error)
            self.done.trouble.append(f"{month:%Y-%m}: {why}")
            await self._note("trouble", month, 0, why)
            return None
        return int(many)

    async def _note(self, what: str, month: date | None, many: int, detail: str) -> None:
        await self.connection.execute(
            "SELECT pbx112.note_step($1, $2, $3, $4, $5)", self.done.run, what, month, many, detail
        )

    async def _replace_numbers(self) -> None:
        due = await self._numbers()
        key = read_key(self.where.key, make=True) if due else None
        for month, _ in due:
            assert key is not None
            self.on_step(f"numbers {month:%Y-%m}")
            rows = await self.connection.fetch("SELECT pbx112.numbers_of($1, $2)", self.done.run, month)
            names = {row[0]: pseudonym(key, row[0]) for row in rows}
            try:
                self.done.numbers[month] = await self.connection.fetchval(
                    "SELECT pbx112.pseudonymise($1, $2, $3::jsonb)",
                    self.done.run,
                    month,
                    msgspec.json.encode(names).decode(),
                )
            except asyncpg.PostgresError as error:
                self.done.trouble.append(f"{month:%Y-%m}: {error}")

    async def _delete_recordings(self) -> None:
        due = await self._recordings()
        if not due:
            return
        try:
            folder = Recordings(self.where.recordings)
        except OSError as error:
            self.done.trouble.append(f"recordings cannot be deleted: {error}; see PBX112_RECORDINGS")
            return
        with folder:
            for start in range(0, len(due), _AT_ONCE):
                self.on_step(f"recordings {start} of {len(due)}")
                await self._delete_some(folder, due[start : start + _AT_ONCE])
        await self._note(
            "recordings", None, self.done.recordings, f"{self.done.files} files, {self.done.bytes} bytes"
        )

    async def _delete_some(self, folder: Recordings, due: list[_Due]) -> None:
        gone = []
        for call_id, name, arrived_at, node in due:
            try:
                deleted = await asyncio.to_thread(folder.delete, name)
            except OSError as error:
                self.done.trouble.append(f"recording {name}: {error}")
                continue
            if not deleted.files and node not in (None, self.where.node):
                self.done.elsewhere += 1
                continue
            self.done.missing += not deleted.files
            self.done.files += deleted.files
            self.done.bytes += deleted.bytes
            gone.append(
                {
                    "call_id": call_id,
                    "name": name,
                    "arrived_at": arrived_at,
                    "files": deleted.files,
                    "bytes": deleted.bytes,
                }
            )
        self.done.recordings += await self.connection.fetchval(
            "SELECT pbx112.note_deleted($1, $2::jsonb)", self.done.run, msgspec.json.encode(gone).decode()
        )
