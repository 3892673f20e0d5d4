"""What can still be read of a journal that was set aside as damaged, copied into a sound one.

The damaged file is evidence: it is never opened, a copy of it is. SQLite has no checksums of its own, so an entry
counts only when its hash follows from the one before it; what cannot be proven so is left out and named.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from pbx112.journal.chain import Entry, genesis
from pbx112.journal.errors import JournalDamaged
from pbx112.journal.reader import COLUMNS, recomputed
from pbx112.journal.store import begin, connect, is_damage

_AT_ONCE = 256  # entries; where one of them cannot be read, they are asked for in halves
_GIVE_UP = 20_000  # numbers in a row of which none can be read: several of SQLite's inner pages
_MOST = 2**62
_LONGEST = 2**40  # bytes; a header that says more is spoiled itself


@dataclass(frozen=True, slots=True)
class Stretch:
    """The entries from `first` to `last`."""

    first: int
    last: int


@dataclass(slots=True)
class Salvaged:
    """What :func:`salvage` found, in the order of the numbers."""

    journal_id: str
    base_seq: int
    sound: list[Stretch] = field(default_factory=list)
    """Proven, and now in the sound file."""
    lost: list[Stretch] = field(default_factory=list)
    """Not to be read, or not proven."""
    last_known: bool = True
    """Whether the file still tells its last number: else more may be lost behind it."""


def salvage(
    damaged: Path, sound: Path, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Salvaged:
    """Copy the proven entries of `damaged` into a new journal of the same id at `sound`, a file in an empty folder.

    `on_progress` is told how many entries of about how many were looked at. Raises :class:`JournalDamaged` where not
    even the journal's id can be read, OSError where a file cannot be read or written.
    """
    copy = sound.with_name("copy.db")
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
    if not copy.exists():
        raise FileNotFoundError(2, "No such file or directory", str(damaged))
    _fill_up(copy)
    try:
        with closing(connect(copy, read_only=True)) as source:
            journal_id, base_seq, base_hash = _beginning(source)
            found = Salvaged(journal_id, base_seq)
            with closing(begin(sound, journal_id, base_seq, base_hash)) as target:
                _copy(source, target, found, base_hash, on_progress)
    except sqlite3.Error as error:
        if is_damage(error):
            raise JournalDamaged(f"{damaged}: {error}") from None
        raise OSError(f"{damaged}: {error}") from None
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{copy}{suffix}").unlink(missing_ok=True)
    return found


def _fill_up(copy: Path) -> None:
    """SQLite refuses a file shorter than its header says (https://www.sqlite.org/fileformat.html, 1.3): give it empty
    pages for those that are missing, as holes that take no room."""
    with copy.open("r+b") as file:
        header = file.read(32)
        size = file.seek(0, os.SEEK_END)
        page, pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
        whole = (65536 if page == 1 else page) * pages
        if size < whole <= _LONGEST:
            file.truncate(whole)


def _beginning(source: sqlite3.Connection) -> tuple[str, int, bytes]:
    """Id, and number and hash before the first entry; where only the latter are spoiled, the chain's own beginning."""
    meta = dict(source.execute("SELECT name, value FROM meta").fetchall())
    try:
        journal_id = str(UUID(bytes(meta["journal_id"]).decode()))
    except (KeyError, ValueError, TypeError):
        raise JournalDamaged(
            "its id cannot be read: nobody can say to which chain its entries belong"
        ) from None
    with suppress(KeyError, ValueError, TypeError):
        base_seq, base_hash = int(meta["base_seq"]), bytes(meta["base_hash"])
        if len(base_hash) == 32 and 0 <= base_seq < _MOST:
            return journal_id, base_seq, base_hash
    return journal_id, 0, genesis(journal_id)


def _copy(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    found: Salvaged,
    previous: bytes,
    on_progress: Callable[[int, int], None],
) -> None:
    last = _last(source)
    found.last_known = last is not None
    seq = found.base_seq
    known: bytes | None = previous
    target.execute("BEGIN IMMEDIATE")
    for entry in _readable(source, seq, last):
        if entry.seq != seq + 1:
            _add(found.lost, seq + 1, entry.seq - 1)
            known = None  # the hash before it is not known
        if known is not None and recomputed(known, entry) == entry.hash:
            target.execute("INSERT INTO entry VALUES (?,?,?,?,?,?,?,?)", entry)
            _add(found.sound, entry.seq, entry.seq)
        else:
            _add(found.lost, entry.seq, entry.seq)
        seq, known = entry.seq, entry.hash
        if seq % 500 == 0:
            on_progress(seq - found.base_seq, (last or seq) - found.base_seq)
    target.execute("COMMIT")
    if last is not None and last - seq > _GIVE_UP:
        found.last_known = False  # the number itself may be spoiled
    elif last is not None and seq < last:
        _add(found.lost, seq + 1, last)


def _last(source: sqlite3.Connection) -> int | None:
    """The last entry's number, as the table or its index tells it."""
    for where in ("", "INDEXED BY entry_subject"):
        with suppress(sqlite3.Error):
            (last,) = source.execute(f"SELECT max(seq) FROM entry {where}").fetchone()  # noqa: S608 - ours alone
            return int(last or 0)
    return None


def _readable(source: sqlite3.Connection, after: int, last: int | None) -> Iterator[Entry]:
    """Every entry behind `after` that SQLite can still read and that is of the right shape."""
    nothing = 0
    while nothing < _GIVE_UP and (last is None or after < last):
        upto = after + _AT_ONCE if last is None else min(after + _AT_ONCE, last)
        entries = list(_halves(source, after + 1, upto))
        nothing = 0 if entries else nothing + _AT_ONCE
        yield from entries
        after = upto


def _halves(source: sqlite3.Connection, first: int, last: int) -> Iterator[Entry]:
    try:
        rows = source.execute(
            f"SELECT {COLUMNS} FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq",  # noqa: S608 - ours alone
            (first, last),
        ).fetchall()
    except (sqlite3.Error, UnicodeError):
        if first == last:
            return
        middle = (first + last) // 2
        yield from _halves(source, first, middle)
        yield from _halves(source, middle + 1, last)
        return
    expected = first
    for row in rows:
        entry = Entry._make(row)
        if isinstance(entry.hash, bytes) and len(entry.hash) == 32 and expected <= entry.seq <= last:
            yield entry
            expected = entry.seq + 1


def _add(stretches: list[Stretch], first: int, last: int) -> None:
    if stretches and stretches[-1].last == first - 1:
        stretches[-1] = Stretch(stretches[-1].first, last)
    else:
        stretches.append(Stretch(first, last))
