"""Who may write a journal: one process at a time, seen from outside by its lock and its heartbeat.

`flock` is the lock (the kernel releases it when the process ends, however that happens); the file's content says
which process holds it, and when its heart last beat.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from pbx112.journal.errors import JournalError, JournalLocked

LARGEST_PID = 2**22
"""Linux has no larger ones (proc(5), pid_max)."""


class Beat(NamedTuple):
    """What the lock's file says: the process that holds it, and its last heartbeat (monotonic nanoseconds of this
    boot); zeros where it says nothing that can be read."""

    process: int
    mono_ns: int


class Lock:
    """The right to write the journal at `path`, held until :meth:`release`."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Take the lock. Creates the folder (mode 0700) where it is missing.

        Raises :class:`JournalLocked` where another process has it, :class:`JournalError` where the folder cannot
        be written.
        """
        file = lock_file(path)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}; the journal's folder must be writable") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise JournalLocked(
                f"{path} is in use by another pbx112 (process {holder(path) or 'unknown'})"
            ) from None
        lock = cls(handle)
        with suppress(OSError):
            os.ftruncate(handle, 0)
        lock.beat()
        return lock

    def beat(self) -> None:
        """Show that the process does its work. A full disk must not keep the service from starting or going on."""
        with suppress(OSError):
            os.pwrite(self._handle, f"{os.getpid():<10} {time.monotonic_ns():<20}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one write."""
        handle, self._handle = self._handle, -1
        os.close(handle)


def lock_file(path: Path) -> Path:
    """Where the lock of the journal at `path` is."""
    return path.with_name(f"{path.name}.lock")


def read_beat(path: Path) -> Beat:
    """What the lock of the journal at `path` says. Never raises."""
    try:
        words = lock_file(path).read_bytes()[:64].split()
        beat = Beat(int(words[0]), int(words[1]) if len(words) > 1 else 0)
        return beat if 0 < beat.process <= LARGEST_PID else Beat(0, 0)
    except (OSError, ValueError, IndexError):
        return Beat(0, 0)


def holder(path: Path) -> int | None:
    """The process that holds the lock of the journal at `path`, as the kernel says (proc(5), locks); None where
    nobody does. Looks without locking, so it disturbs nobody."""
    try:
        inode = lock_file(path).stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [
        int(words[4])
        for words in map(str.split, locks)
        if words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode)
    ]
    if len(found) > 1 and (said := read_beat(path).process) in found:
        return said  # another file system has a locked file of the same number
    return next(iter(found), None)
