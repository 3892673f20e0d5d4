"""Reading a journal: from the daemon's own thread, or from another process while the daemon writes."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pbx112.journal.chain import Entry, genesis, link
from pbx112.journal.errors import JournalDamaged, JournalError
from pbx112.journal.store import APPLICATION_ID, check_format, connect, is_damage

COLUMNS = "seq, subject, utc_us, mono_ns, plan, kind, body, hash"
_VARIABLES = 500  # subjects named in one statement; SQLite allows more, but plans stay small


class Reader:
    """One read-only connection. Not to be used by two threads at once.

    Every method raises :class:`JournalDamaged` where the file is broken at that place, and
    :class:`JournalError` where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = connect(path, read_only=True)
        except sqlite3.Error as error:
            raise self._explain(error) from None
        try:
            if self._rows("PRAGMA application_id", ())[0][0] != APPLICATION_ID:
                raise JournalError(f"{path} is no journal of pbx112")
            check_format(path, self._rows("PRAGMA user_version", ())[0][0])
            self.journal_id = self._read_id()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def base(self) -> tuple[int, bytes]:
        """Number and hash of the entry before the first one still here (pruning moves it on)."""
        try:
            return int(self._meta("base_seq")), self._meta("base_hash")
        except ValueError:
            raise JournalDamaged(f"{self.path}: its beginning cannot be read") from None

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last entry."""
        rows = self._rows("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1", ())
        return (int(rows[0][0]), bytes(rows[0][1])) if rows else self.base()

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of entry `seq`, or None where the journal has it no more, or not yet."""
        base_seq, base_hash = self.base()
        if seq == base_seq:
            return base_hash
        rows = self._rows("SELECT hash FROM entry WHERE seq = ?", (seq,))
        return bytes(rows[0][0]) if rows else None

    def after(self, seq: int, limit: int, upto: int | None = None) -> list[Entry]:
        """At most `limit` entries that follow `seq`, in order; none beyond `upto`."""
        last = 2**63 - 1 if upto is None else upto
        return self._entries("seq > ? AND seq <= ? ORDER BY seq LIMIT ?", (seq, last, limit))

    def of_subjects(self, subjects: Sequence[str]) -> dict[str, list[Entry]]:
        """The entries of each of `subjects`, in order; an unknown one has none."""
        found: dict[str, list[Entry]] = {subject: [] for subject in subjects}
        names = list(found)
        for start in range(0, len(names), _VARIABLES):
            part = names[start : start + _VARIABLES]
            holders = ",".join("?" * len(part))
            for entry in self._entries(f"subject IN ({holders}) ORDER BY seq", part):
                found[entry.subject].append(entry)
        return found

    def open_subjects(self) -> list[str]:
        """The subjects that have begun and not been closed, oldest first."""
        return [str(row[0]) for row in self._rows("SELECT subject FROM open_subject ORDER BY first_seq", ())]

    def mark(self, name: str) -> str | None:
        """The value last stored under `name`."""
        rows = self._rows("SELECT value FROM mark WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def _read_id(self) -> str:
        try:
            return self._meta("journal_id").decode()
        except ValueError:
            raise JournalDamaged(f"{self.path}: its id cannot be read") from None

    def _meta(self, name: str) -> bytes:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        if not rows:
            raise JournalDamaged(f"{self.path}: {name} is missing")
        return bytes(rows[0][0])

    def _entries(self, where: str, values: Sequence[object]) -> list[Entry]:
        rows = self._rows(f"SELECT {COLUMNS} FROM entry WHERE {where}", values)  # noqa: S608 - ours alone
        return [Entry._make(row) for row in rows]

    def _rows(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            with closing(self._connection.execute(statement, tuple(values))) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._explain(error) from None

    def _explain(self, error: sqlite3.Error) -> JournalError:
        return (JournalDamaged if is_damage(error) else JournalError)(f"{self.path}: {error}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What :func:`verify` found. `bad_seq` is the first entry that does not fit the chain, None if all do;
    `head` is the hash of the last entry that does."""

    journal_id: str
    first_seq: int
    last_seq: int
    head: bytes
    bad_seq: int | None = None
    why: str = ""

    @property
    def sound(self) -> bool:
        """Whether the whole chain holds."""
        return self.bad_seq is None


def verify(path: Path) -> Verdict:
    """Recompute the whole chain of the journal at `path`, also while a daemon writes it.

    Raises :class:`JournalError` where the file cannot be opened at all.
    """
    with Reader(path) as reader:
        while True:
            base = reader.base()
            verdict = _walk(reader, *base)
            if verdict.sound or reader.base() == base:
                return (
                    verdict  # else: old entries were pruned under our eyes; look again from the new beginning
                )


def _walk(reader: Reader, seq: int, head: bytes) -> Verdict:
    first = seq + 1
    bad, why = None, ""
    if seq == 0 and head != genesis(reader.journal_id):
        return Verdict(reader.journal_id, first, seq, head, first, "the journal's id was changed")
    try:
        for entry in _all(reader, seq):
            if entry.seq != seq + 1:
                bad, why = seq + 1, "missing"
                break
            if recomputed(head, entry) != entry.hash:
                bad, why = entry.seq, "contents or hash changed"
                break
            seq, head = entry.seq, entry.hash
    except JournalError as error:
        bad, why = seq + 1, str(error)
    return Verdict(reader.journal_id, first, seq, head, bad, why)


def _all(reader: Reader, after: int) -> Iterator[Entry]:
    while entries := reader.after(after, 200):
        yield from entries
        after = entries[-1].seq


def recomputed(previous: bytes, entry: Entry) -> bytes | None:
    """The hash that `entry` should have behind `previous`; None where its fields cannot be an entry's."""
    try:
        return link(previous, entry.seq, entry)
    except (ValueError, TypeError, AttributeError, struct.error):
        return None
