"""The files of recordings: found and deleted by the name that the records have, and in their folder alone."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
"""What the switch calls a recording; nothing that leads out of the folder."""

FORMATS = ("wav", "WAV", "wav49", "gsm", "ulaw", "alaw", "sln", "sln16", "g722", "mp3", "opus", "ogg")
"""The endings under which Asterisk may have written it."""


class Deleted(NamedTuple):
    """Files deleted, and their bytes; both 0 where there was none."""

    files: int
    bytes: int


class Recordings:
    """The folder of recordings, open: what it is called later does not matter. Raises OSError where it cannot be."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._folder)

    def files(self, name: str) -> list[tuple[str, int]]:
        """The files of the recording `name`, each with its size; only ordinary files, never what a link leads to."""
        if not _NAME.fullmatch(name):
            return []
        found = []
        for ending in FORMATS:
            file = f"{name}.{ending}"
            try:
                there = os.stat(file, dir_fd=self._folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(there.st_mode):
                found.append((file, there.st_size))
        return found

    def sha256(self, file: str) -> str:
        """The checksum of one of :meth:`files`, computed now (hex). Raises OSError."""
        inner = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
        with os.fdopen(inner, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()

    def delete(self, name: str) -> Deleted:
        """Delete the recording's files. Raises OSError where one is there and cannot be deleted."""
        files = self.files(name)
        for file, _ in files:
            os.unlink(file, dir_fd=self._folder)
        return Deleted(len(files), sum(size for _, size in files))
