"""The thread that writes: everything that waits, in one transaction, and tries again while the disk refuses.

It never waits for a disk's confirmation (:mod:`pbx112.journal.syncer` does), so that a call never does either.
"""

from __future__ import annotations

import queue
import sqlite3
import struct
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pbx112.journal.chain import Draft, Entry, link
from pbx112.journal.errors import JournalDamaged, JournalError
from pbx112.journal.store import connect, create_if_missing, is_damage, set_aside

_AT_ONCE = 5_000  # drafts in one transaction
_PRUNE_AT_ONCE = 200  # entries; a few milliseconds in which nothing else is written
_RETRY_FIRST, _RETRY_MOST = 0.05, 2.0  # seconds

GapMaker = Callable[[int, str], Draft]
"""Makes the draft that says how many drafts were lost and why, in the vocabulary of the journal's user."""


class Batch(NamedTuple):
    """What one call of `append` handed over: written whole or not at all."""

    drafts: Sequence[Draft]
    marks: Mapping[str, str]


class Prune(NamedTuple):
    """A wish to delete the oldest entries: up to `upto`, older than `before_us`; answers through `done`."""

    upto: int
    before_us: int
    done: Callable[[int | JournalError], None]


class Replace(NamedTuple):
    """A reader found the file that has this id damaged."""

    journal_id: str
    reason: str


class Stop(NamedTuple):
    """The last item: the thread ends."""


class Reports(NamedTuple):
    """What the writer tells, from its own thread."""

    written: Callable[[int, str, int], None]
    """So many batches more are written; the journal's id; its last entry's number."""
    trouble: Callable[[str], None]
    """The disk refuses; it is tried again until `written` comes."""
    replaced: Callable[[str], None]
    """A damaged file was set aside and a new one begun."""


Item = Batch | Prune | Replace | Stop


class Writer(threading.Thread):
    """Owns the only connection that writes entries. `journal_id` and `head` change in its thread alone."""

    def __init__(
        self, path: Path, closing: Collection[str], late: Collection[str], gap: GapMaker, reports: Reports
    ) -> None:
        super().__init__(name="journal-writer", daemon=True)
        self.queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.head = 0
        self.journal_id = ""
        self.unwritten = 0
        """Drafts that had to be given up at the end."""
        self._path = path
        self._closing = frozenset(closing)
        self._late = frozenset(late)
        self._gap = gap
        self._reports = reports
        self._connection: sqlite3.Connection | None = None
        self._hash = b""
        self._open_subjects: set[str] = set()
        self._carried: dict[str, str] = {}
        self._deadline: float | None = None

    def open(self) -> None:
        """Open the file, or begin it. Raises :class:`JournalError` and :class:`sqlite3.Error`."""
        self._drop_connection()
        create_if_missing(self._path)
        connection = self._connection = connect(self._path)
        try:
            meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
            base = int(meta["base_seq"]), bytes(meta["base_hash"])
            journal_id = str(uuid.UUID(meta["journal_id"].decode()))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise JournalDamaged(f"{self._path}: its id or its beginning cannot be read: {error!r}") from None
        last = connection.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        self.head, self._hash = last or base
        self._open_subjects = {row[0] for row in connection.execute("SELECT subject FROM open_subject")}
        self.journal_id = journal_id

    def stop(self, deadline: float) -> None:
        """Write what waits, then end; what cannot be written by `deadline` (monotonic seconds) is given up."""
        self._deadline = deadline
        self.queue.put(Stop())

    def run(self) -> None:
        """Serve the queue until told to stop."""
        item: Item | None = None
        while True:
            item = self.queue.get() if item is None else item
            match item:
                case Batch():
                    work, item = self._gather(item)
                    self._persist(work)
                    continue
                case Prune():
                    item.done(self._prune(item))
                case Replace() if item.journal_id == self.journal_id:
                    self._persist([], item.reason)
                case Replace():
                    pass  # it was replaced since
                case Stop():
                    return
            item = None

    def _gather(self, first: Batch) -> tuple[list[Batch], Item | None]:
        """`first` and the batches that wait behind it, and what follows them."""
        work, size = [first], len(first.drafts)
        with suppress(queue.Empty):
            while size < _AT_ONCE:
                item = self.queue.get_nowait()
                if not isinstance(item, Batch):
                    return work, item
                work.append(item)
                size += len(item.drafts)
        return work, None

    def _persist(self, work: list[Batch], damage: str | None = None) -> None:
        """Write `work`, however long the disk refuses; with `damage`, set the file aside first."""
        wait = _RETRY_FIRST
        notice = ""
        while True:
            try:
                if damage is not None:
                    notice = self._set_aside(damage)
                    damage = None
                if self._connection is None:
                    self.open()
                if notice:
                    self._write([Batch([self._gap(0, notice)], self._carried)])
                    self._reports.replaced(notice)
                    notice = ""
                if work:
                    self._write(work)
                self._reports.written(len(work), self.journal_id, self.head)
                return
            except Exception as error:
                if damage is None and (isinstance(error, JournalDamaged) or is_damage(error)):
                    damage = str(error)
                else:
                    self._drop_connection()
                self._reports.trouble(str(error))
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.unwritten += sum(len(batch.drafts) for batch in work)
                return
            time.sleep(wait)
            wait = min(wait * 2, _RETRY_MOST)

    def _set_aside(self, reason: str) -> str:
        """Rename the damaged file; only then close it, so that SQLite leaves it as it is. Its marks, if they can
        still be read, go over into the new one."""
        with suppress(sqlite3.Error):
            self._connection = self._connection or connect(self._path, read_only=True)
            self._carried = dict(self._connection.execute("SELECT name, value FROM mark"))
        aside = set_aside(self._path)
        self._drop_connection()
        kept = f"it is kept as {aside.name}" if aside else "it is gone"
        return f"{self._path} was damaged ({reason}); {kept}, a new journal is begun"

    def _write(self, work: list[Batch]) -> None:
        """One transaction. Only when it stands does this object's memory follow."""
        connection = self._connection
        assert connection is not None
        seq, previous = self.head, self._hash
        entries: list[Entry] = []
        for batch in work:
            for draft in batch.drafts:
                seq += 1
                try:
                    entry = Entry(seq, *draft, link(previous, seq, draft))
                except (ValueError, TypeError, AttributeError, struct.error) as error:
                    gap = self._gap(1, f"a draft cannot be written down: {type(error).__name__}")
                    entry = Entry(seq, *gap, link(previous, seq, gap))
                entries.append(entry)
                previous = entry.hash
        marks = {name: value for batch in work for name, value in batch.marks.items()}
        opened, closed = self._opened_and_closed(entries)
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("INSERT INTO entry VALUES (?,?,?,?,?,?,?,?)", entries)
            if opened:
                connection.executemany("INSERT OR IGNORE INTO open_subject VALUES (?,?)", opened.items())
            if closed:
                connection.executemany(
                    "DELETE FROM open_subject WHERE subject = ?", [(name,) for name in closed]
                )
            if marks:
                connection.executemany("INSERT OR REPLACE INTO mark VALUES (?,?)", marks.items())
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise
        self.head, self._hash = seq, previous
        self._open_subjects.update(opened)
        self._open_subjects -= closed

    def _opened_and_closed(self, entries: list[Entry]) -> tuple[dict[str, int], set[str]]:
        opened: dict[str, int] = {}
        closed: set[str] = set()
        for entry in entries:
            name = entry.subject
            if not name or name in closed:
                continue
            if entry.kind in self._closing:
                closed.add(name)
            elif entry.kind in self._late:
                pass  # it begins nothing, also where the end was pruned or stands in a journal of before
            elif name not in self._open_subjects and name not in opened and not self._was_closed(name):
                opened[name] = entry.seq
        return opened, closed

    def _was_closed(self, subject: str) -> bool:
        """Whether a closing entry of `subject` stands already: something is told after the end."""
        assert self._connection is not None
        kinds = self._connection.execute("SELECT kind FROM entry WHERE subject = ?", (subject,))
        return any(kind in self._closing for (kind,) in kinds)

    def _prune(self, wish: Prune) -> int | JournalError:
        """Delete one small batch; returns how many entries went."""
        try:
            if self._connection is None:
                self.open()
            return self._prune_batch(wish)
        except (sqlite3.Error, OSError) as error:
            return JournalError(f"{self._path}: {error}")
        except JournalError as error:
            return error

    def _prune_batch(self, wish: Prune) -> int:
        connection = self._connection
        assert connection is not None
        oldest = connection.execute("SELECT min(first_seq) FROM open_subject").fetchone()[0]
        upto = wish.upto if oldest is None else min(wish.upto, oldest - 1)
        going: list[tuple[int, bytes]] = []
        rows = connection.execute(
            "SELECT seq, utc_us, hash FROM entry ORDER BY seq LIMIT ?", (_PRUNE_AT_ONCE,)
        )
        for seq, utc_us, entry_hash in rows.fetchall():
            if seq > upto or utc_us >= wish.before_us:
                break
            going.append((seq, entry_hash))
        if not going:
            return 0
        base_seq, base_hash = going[-1]
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM entry WHERE seq <= ?", (base_seq,))
            connection.executemany(
                "UPDATE meta SET value = ? WHERE name = ?",
                [(str(base_seq).encode(), "base_seq"), (base_hash, "base_hash")],
            )
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise
        return len(going)

    def end(self) -> None:
        """Close the file once the thread has ended; the last connection empties the log into the file."""
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
