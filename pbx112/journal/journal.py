"""The journal as the event loop sees it.

A call must go on when the disk does not: what is appended counts as done when it is written, at once when the
disk refuses, and after a bound when the disk does not answer. What could not be written waits, in order, in
bounded memory; when that is full the newest is lost, and a gap entry says how much.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from pbx112.journal.alarm import Over
from pbx112.journal.backlog import Backlog, Limits
from pbx112.journal.chain import Draft, Entry
from pbx112.journal.errors import JournalDamaged, JournalError
from pbx112.journal.lock import Lock
from pbx112.journal.reader import Reader
from pbx112.journal.store import is_damage
from pbx112.journal.syncer import Syncer
from pbx112.journal.writer import Batch, GapMaker, Prune, Replace, Reports, Writer

T = TypeVar("T")


class Journal:
    """An append-only, hash-chained log. Made by :meth:`open`, used from one event loop."""

    def __init__(
        self,
        path: Path,
        closing: Collection[str],
        gap: GapMaker,
        on_alarm: Callable[[str], None],
        limits: Limits,
        late: Collection[str] = (),
    ) -> None:
        self.path = path
        self._limits = limits
        self._alarm = on_alarm
        self._gap = gap
        self._loop = asyncio.get_running_loop()
        self._journal_id = ""
        self._written = 0
        self._synced = 0
        self._backlog = Backlog(limits, on_alarm)
        self._closed = False
        self._growth: set[asyncio.Future[None]] = set()
        self._reader: Reader | None = None
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._syncer = Syncer(
            path,
            synced=lambda journal, seq: self._post(self._on_synced, journal, seq),
            trouble=lambda why: self._post(self._on_sync_trouble, why),
            vanished=lambda journal: self._writer.queue.put(Replace(journal, "the file was removed")),
        )
        self._writer = Writer(
            path,
            closing,
            late,
            gap,
            Reports(
                written=self._tell_written,
                trouble=lambda why: self._post(self._on_trouble, why),
                replaced=lambda why: self._post(self._alarm, f"journal: {why}"),
            ),
        )
        self._lock: Lock
        self._sync_failed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        closing: Collection[str],
        gap: GapMaker,
        on_alarm: Callable[[str], None],
        limits: Limits | None = None,
        lock: Lock | None = None,
        late: Collection[str] = (),
    ) -> Self:
        """Open the journal at `path`, or begin it, and start its threads.

        `closing` are the kinds of entry that close a subject, `late` those that may come long after that, and never
        open one; `gap` makes the draft which says that so many drafts were lost, and why. A damaged file is set aside
        and a new journal begun; a disk that refuses is an alarm, no error. `on_alarm` is called in the event loop, once
        when trouble begins and once (:class:`Over`) when it ends.
        `lock` is taken where it is not given; from here on it is the journal's.

        Raises :class:`JournalLocked` where another process writes it, :class:`JournalError` where the folder
        cannot be written or the file is something else.
        """
        journal = cls(path, closing, gap, on_alarm, limits or Limits(), late)
        await asyncio.to_thread(journal._start, lock)
        await journal.append([])
        return journal

    def _start(self, lock: Lock | None) -> None:
        self._lock = lock or Lock.acquire(self.path)
        try:
            self._writer.open()
        except JournalDamaged as error:
            self._writer.queue.put(Replace("", str(error)))
        except (sqlite3.Error, OSError) as error:
            if is_damage(error):
                self._writer.queue.put(Replace(self._writer.journal_id, str(error)))
        except JournalError:
            self._lock.release()
            raise
        self._writer.start()
        self._syncer.start()

    # What stands

    @property
    def journal_id(self) -> str:
        """The name of this chain, made when the file was begun; "" while the disk has not let us open it.

        It changes when a damaged file is replaced.
        """
        return self._journal_id

    @property
    def written(self) -> int:
        """Number of the last entry written."""
        return self._written

    @property
    def synced(self) -> int:
        """Number of the last entry that the disk has confirmed."""
        return self._synced

    @property
    def waiting(self) -> int:
        """How many batches are appended and not written yet."""
        return len(self._backlog)

    @property
    def degraded(self) -> str | None:
        """Why events wait in memory instead of being written, None when all is well."""
        return self._backlog.trouble

    async def synced_beyond(self, journal_id: str, seq: int) -> None:
        """Wait until an entry after `seq` is confirmed by the disk, or another chain than `journal_id` runs."""
        while self._journal_id == journal_id and self._synced <= seq:
            growth = self._loop.create_future()
            self._growth.add(growth)
            try:
                await growth
            finally:
                self._growth.discard(growth)

    # Writing

    def append(self, drafts: Sequence[Draft], marks: Mapping[str, str] | None = None) -> asyncio.Future[None]:
        """Write `drafts` and `marks`, together or not at all; the order of calls is the order in the journal.

        The future is done when they are written (synced by 50 ms later), or as soon as it is known that the
        disk refuses; it never fails. Raises :class:`JournalError` after :meth:`close`.
        """
        if self._closed:
            raise JournalError(f"{self.path} is closed")
        admitted, done = self._backlog.admit(len(drafts))
        if admitted:
            self._writer.queue.put(Batch(drafts, _clean(marks) if marks else {}))
        return done

    def set_mark(self, name: str, value: str) -> asyncio.Future[None]:
        """Store `value` under `name`, in the order of appends."""
        return self.append([], {name: value})

    async def prune(self, upto: int, before_us: int) -> int:
        """Delete entries from the oldest on: none after `upto`, none as young as `before_us` (UTC, microseconds),
        none of a subject still open nor younger than that. Returns how many went.

        Done in small batches between the writing; what remains can still be verified.
        Raises :class:`JournalError` where the disk refuses.
        """
        total = 0
        while not self._closed:
            answer: asyncio.Future[int | JournalError] = self._loop.create_future()

            def tell(result: int | JournalError, answer: asyncio.Future[int | JournalError] = answer) -> None:
                self._post(lambda: None if answer.done() else answer.set_result(result))

            self._writer.queue.put(Prune(upto, before_us, tell))
            gone = await answer
            if isinstance(gone, JournalError):
                raise gone
            if gone == 0:
                break
            total += gone
        return total

    async def close(self) -> None:
        """Write and sync what waits, within `limits.close` seconds, and end the threads."""
        if self._closed:
            return
        self._closed = True
        self._writer.stop(time.monotonic() + self._limits.close)
        await asyncio.to_thread(self._writer.join, self._limits.close + 3.0)
        await self._loop.run_in_executor(self._reading, self._end_reading)
        self._reading.shutdown(wait=False)
        self._syncer.stop()
        await asyncio.to_thread(self._syncer.join, 3.0)
        if not self._writer.is_alive():
            await asyncio.to_thread(self._writer.end)
        await asyncio.sleep(0)  # what the threads posted last
        unwritten = self._backlog.drafts if self._writer.is_alive() else self._writer.unwritten
        if lost := unwritten + self._backlog.lost:
            self._alarm(f"journal: closed with {lost} events that the disk did not take; they are lost")
        self._backlog.end()
        self._lock.release()

    def beat(self) -> None:
        """Show whoever waits for the lock that this process does its work."""
        self._lock.beat()

    # Reading

    async def read(self, after_seq: int, limit: int, upto: int | None = None) -> list[Entry]:
        """At most `limit` entries that follow `after_seq`, in order; none beyond `upto`."""
        return await self.ask(lambda reader: reader.after(after_seq, limit, upto))

    async def of_subject(self, subject: str) -> list[Entry]:
        """All entries of `subject`, in order."""
        return (await self.of_subjects([subject]))[subject]

    async def of_subjects(self, subjects: Sequence[str]) -> dict[str, list[Entry]]:
        """All entries of each of `subjects`, in order."""
        return await self.ask(lambda reader: reader.of_subjects(subjects))

    async def open_subjects(self) -> list[str]:
        """The subjects that have begun and have no closing entry, oldest first: what a restart takes up."""
        return await self.ask(lambda reader: reader.open_subjects())

    async def get_mark(self, name: str) -> str | None:
        """The value last stored under `name`."""
        return await self.ask(lambda reader: reader.mark(name))

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """What `question` reads, in the journal's reading thread.

        Raises :class:`JournalError` where the file cannot be read. A file found damaged is replaced by a new one.
        """
        return await self._loop.run_in_executor(self._reading, self._answer, question, self._journal_id)

    def _answer(self, question: Callable[[Reader], T], journal_id: str) -> T:
        if self._reader is not None and self._reader.journal_id != journal_id:
            self._end_reading()
        try:
            if self._reader is None:
                self._reader = Reader(self.path)
            return question(self._reader)
        except JournalDamaged as error:
            self._end_reading()
            self._writer.queue.put(Replace(journal_id, str(error)))
            raise

    def _end_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    # What the threads tell

    def _post(self, callback: Callable[..., object], *values: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(callback, *values)

    def _tell_written(self, batches: int, journal_id: str, head: int) -> None:
        self._syncer.written(journal_id, head)
        self._post(self._on_written, batches, journal_id, head)

    def _on_written(self, batches: int, journal_id: str, head: int) -> None:
        if journal_id != self._journal_id:
            self._journal_id, self._synced = journal_id, 0
            self._wake()
        self._written = head
        self._backlog.written(batches)
        if not self._closed and (lost := self._backlog.take_lost()):
            self.append([self._gap(lost, self._backlog.trouble or "the disk was too slow")])
            self._alarm(f"journal: {lost} events were lost; a gap entry says so")
        self._backlog.well()

    def _on_synced(self, journal_id: str, seq: int) -> None:
        if self._sync_failed:
            self._sync_failed = False
            self._alarm(Over("journal: synced to disk again"))
        if journal_id == self._journal_id and seq > self._synced:
            self._synced = seq
            self._wake()

    def _on_sync_trouble(self, why: str) -> None:
        if not self._sync_failed:
            self._sync_failed = True
            self._alarm(f"journal: {why}")

    def _on_trouble(self, why: str) -> None:
        if not self._closed:
            self._backlog.refused(why)

    def _wake(self) -> None:
        for growth in self._growth:
            if not growth.done():
                growth.set_result(None)


def _clean(marks: Mapping[str, str]) -> dict[str, str]:
    """Texts that any database takes."""
    return {
        name.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for name, value in marks.items()
    }
