"""The journal's file: its tables, opening it, and setting a damaged one aside.

No code of this process may open the database file past SQLite while a connection is up: closing such a
descriptor would drop SQLite's own locks (a trait of POSIX locks). The `-wal` file carries no locks.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pbx112.journal.chain import genesis
from pbx112.journal.errors import JournalDamaged, JournalError

APPLICATION_ID = 0x70313132  # "p112": tells our files from other SQLite databases
FORMAT = 1
"""Of the file, in its header: 1 is what these tables say (0, too: files of before it was noted). It grows only where an
older version could not read the file any more; a new kind of entry is no new format."""
_TWICE = 0x10001
BUSY_SECONDS = 0.2

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, subject TEXT NOT NULL, utc_us INTEGER NOT NULL, mono_ns INTEGER NOT NULL,
    plan TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX entry_subject ON entry (subject);
CREATE TABLE open_subject (subject TEXT PRIMARY KEY, first_seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damage(error: Exception) -> bool:
    """Whether `error` says that the file's contents are broken, rather than that the disk is full or slow."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # Our statements are fixed: a table or column that one of them does not find was there once.
    return code in _DAMAGE or (code == sqlite3.SQLITE_ERROR and str(error).startswith(("no such ", "table ")))


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection that begins and ends its transactions only where told. Raises :class:`sqlite3.Error`."""
    mode = "ro" if read_only else "rw"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
    except BaseException:
        connection.close()
        raise
    return connection


def check_format(path: Path, mark: int) -> None:
    """Look at the mark of the format in the file's header, which says the format twice: a flipped bit is no version.

    Raises :class:`JournalDamaged` where it is no such mark, :class:`JournalError` where a newer version wrote the file.
    """
    written = mark & 0xFFFF
    if mark != written * _TWICE:
        raise JournalDamaged(f"{path}: the mark of its format in the header is spoiled")
    if written > FORMAT:
        raise JournalError(
            f"{path} was written by a newer pbx112 (format {written}; this version reads up to {FORMAT}): start that "
            f"version again, or move {path.name}* aside and restart: a new journal begins, and the newer version's "
            "`pbx112 salvage` sends what of the old one had not arrived"
        )


def create_if_missing(path: Path) -> None:
    """Begin a journal with a new id at `path` unless one is there (an empty file counts as none).

    Raises :class:`JournalDamaged`, :class:`JournalError` (a database of somebody else, or of a newer version),
    :class:`sqlite3.Error`.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        connection = connect(path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
                check_format(path, connection.execute("PRAGMA user_version").fetchone()[0])
                return
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            if {"meta", "entry"} <= tables:
                raise JournalDamaged(f"{path}: the mark of pbx112 in its header is spoiled")
            if tables:
                raise JournalError(f"{path} is a database, but no journal of pbx112; name another file")
            journal_id = str(uuid.uuid4())
            _lay_out(connection, journal_id, 0, genesis(journal_id))
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.Error as error:
        if is_damage(error):
            raise JournalDamaged(f"{path}: {error}") from None
        raise


def begin(path: Path, journal_id: str, base_seq: int, base_hash: bytes) -> sqlite3.Connection:
    """Begin a journal of that id behind entry `base_seq` at `path`, where no file is."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    connection = connect(path)
    connection.execute("BEGIN IMMEDIATE")
    _lay_out(connection, journal_id, base_seq, base_hash)
    connection.execute("COMMIT")
    return connection


def _lay_out(connection: sqlite3.Connection, journal_id: str, base_seq: int, base_hash: bytes) -> None:
    for statement in _SCHEMA.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT * _TWICE}")
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [("journal_id", journal_id.encode()), ("base_seq", str(base_seq).encode()), ("base_hash", base_hash)],
    )


def set_aside(path: Path) -> Path | None:
    """Rename the file with its log and index so that a new one can begin; nothing is deleted.

    Returns the new name, None where no file was there.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside if aside.exists() else None
