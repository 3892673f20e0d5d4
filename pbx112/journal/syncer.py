"""The thread that makes what is written durable, and moves the log's contents into the database file.

A group commit: whatever was written in the last 20 ms is synced by one `fdatasync` of the `-wal` file. Passive
checkpoints on a connection of its own never hold the writer up.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pbx112.journal.store import connect

_GATHER = 0.02  # seconds; with the disk's own time this stays within the 50 ms that the law allows
_CHECKPOINT_EVERY = 20_000  # entries, or
_CHECKPOINT_ROUNDS = 2_000  # syncs
_LOG_PAGES_MOST = 32_768  # 128 MB: from here on the log is emptied even if the writer must wait a moment


class Syncer(threading.Thread):
    """Told of every transaction by :meth:`written`, it reports how far the disk has confirmed.

    `synced` gets the journal's id and an entry's number, `trouble` what the disk says, `vanished` the id of a
    journal whose file was taken away under us.
    """

    def __init__(
        self,
        path: Path,
        synced: Callable[[str, int], None],
        trouble: Callable[[str], None],
        vanished: Callable[[str], None],
    ) -> None:
        super().__init__(name="journal-syncer", daemon=True)
        self._path = path
        self._synced = synced
        self._trouble = trouble
        self._vanished = vanished
        self._dirty = threading.Event()
        self._stopping = threading.Event()
        self._newest: tuple[str, int] = ("", 0)
        self._log: int | None = None
        self._log_of = ""
        self._connection: sqlite3.Connection | None = None
        self._checkpointed = 0
        self._rounds = 0

    def written(self, journal_id: str, seq: int) -> None:
        """Called by the writer's thread after each transaction; costs nothing."""
        self._newest = (journal_id, seq)
        self._dirty.set()

    def stop(self) -> None:
        """End. Closing the file, which follows, syncs whatever is left."""
        self._stopping.set()
        self._dirty.set()

    def run(self) -> None:
        """Sync and checkpoint until told to stop."""
        failed = False
        while not self._stopping.is_set():
            self._dirty.wait()
            # A short rest gathers what comes with it; after a failure a longer one spares the disk and the alarms.
            self._stopping.wait(1.0 if failed else _GATHER)
            self._dirty.clear()
            try:
                self._sync(*self._newest)
                failed = False
            except FileNotFoundError:
                self._let_go()  # the writer is opening the file anew and will write
                self._dirty.set()
            except (OSError, sqlite3.Error) as error:
                self._let_go()
                self._trouble(f"cannot be synced to disk: {error}")
                failed = True
                self._dirty.set()
        self._let_go()

    def _sync(self, journal_id: str, seq: int) -> None:
        if not journal_id:
            return
        if self._log is None or journal_id != self._log_of:
            self._let_go()
            if not self._path.exists():
                self._vanished(journal_id)
                return
            self._connection = connect(self._path)  # as long as it is up, nobody deletes the log
            self._log = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            self._log_of = journal_id
            self._checkpointed = seq
            self._sync_folder()
        os.fdatasync(self._log)
        self._synced(journal_id, seq)
        self._rounds += 1
        if os.fstat(self._log).st_nlink == 0:
            self._vanished(journal_id)
        elif seq - self._checkpointed >= _CHECKPOINT_EVERY or self._rounds >= _CHECKPOINT_ROUNDS:
            self._checkpoint()
            self._checkpointed, self._rounds = seq, 0

    def _sync_folder(self) -> None:
        """A new file's name is durable only when its folder is."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _checkpoint(self) -> None:
        assert self._connection is not None
        _, pages, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages > _LOG_PAGES_MOST and moved > 0:
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _let_go(self) -> None:
        if self._log is not None:
            with suppress(OSError):
                os.close(self._log)
            self._log = None
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
