"""Takes over the calls that Asterisk's dialplan handled alone, from the file in which it notes them; and those that
came and went while there was no daemon to see it, since the file tells of every call that was let in.

The file is written by the dialplan that :mod:`pbx112.plan.dialplan` renders: one line for each fact, fields
separated by commas, whatever a caller sent URI-encoded:

    <seconds since the epoch>,<call>,<fact>,<the fact's fields…>

The facts and their fields are told where they are read, in :mod:`pbx112.cdr.fallback_story`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from pbx112.cdr.fallback_story import FallbackCall, Line, closed, read_line, told, unfinished, unseen
from pbx112.model.events import Instant
from pbx112.plan.types import Plan

CHUNK = 1024 * 1024
"""Bytes read at once."""

MAX_LINES = 5_000
"""Lines kept of one call; a call that goes on longer is damaged, and only its end still counts."""

_COMPRESSED = {".gz", ".xz", ".bz2", ".zst"}


class Position(msgspec.Struct, frozen=True):
    """How far the file has been read; to be kept (as JSON) together with the calls taken over.

    `head` tells which file it was, by its first line, so that a rotated file is found again under its new
    name; `open` are the lines of calls that had not ended yet; who came and went before `since_us` (UTC, microseconds)
    without the fallback is not ours to tell.
    """

    head: int = 0
    offset: int = 0
    open: tuple[str, ...] = ()
    since_us: int = 0


class FallbackRecords:
    """Reads the file from `position` on. Its methods touch the disk, briefly: call them in a thread."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        self._path = path
        position = position or Position()
        self._head, self._offset, self._since_us = position.head, position.offset, position.since_us
        self._open: dict[str, list[Line]] = {}
        self._entered: dict[str, list[Line]] = {}
        """Calls that were let in, until it is known that the daemon or the fallback has them."""
        self.damaged = 0
        """Lines that could not be understood, since this object was made."""
        self._collect(position.open)

    @property
    def position(self) -> Position:
        """What to keep, so that nothing is taken over twice and nothing is left out."""
        kept = (*self._entered.values(), *self._open.values())
        lines = tuple(line.text for lines in kept for line in lines)
        return Position(self._head, self._offset, lines, self._since_us)

    def take(self, plan: Plan) -> tuple[FallbackCall, ...]:
        """The calls that ended since the last time, in that order; at most a megabyte of them at once.

        `plan` lends the names of lines and the country of numbers. Raises :class:`OSError` where the file
        exists and cannot be read.
        """
        text = self._read()
        return tuple(told(lines, plan) for lines in self._collect(text))

    def unfinished(self, plan: Plan) -> tuple[FallbackCall, ...]:
        """The calls whose end is not in the file (yet), as far as they got."""
        kept = (*self._entered.values(), *self._open.values())
        return tuple(unfinished(lines, plan) for lines in kept if lines[-1].fact != "left")

    def forget(self, knows: Callable[[str], bool]) -> None:
        """Of the calls that were let in, those that the daemon `knows` are its own to tell."""
        self._entered = {call: lines for call, lines in self._entered.items() if not knows(call)}

    def unseen(self, plan: Plan, before_us: int) -> tuple[FallbackCall, ...]:
        """The calls that were let in, taken by nobody, and were gone before that moment (UTC, microseconds); each
        told once."""
        gone = [
            call
            for call, lines in self._entered.items()
            if lines[-1].fact == "left" and lines[-1].at < before_us
        ]
        return tuple(unseen(self._entered.pop(call), plan) for call in gone)

    def close(self, call_id: str, at: Instant, plan: Plan) -> FallbackCall | None:
        """End, as a failure of the system, a call whose channel is known to be gone although the file never
        said so; None where no such call is unfinished."""
        lines = self._open.pop(call_id, None) or self._entered.pop(call_id, None)
        return closed(lines, plan, at) if lines else None

    def _collect(self, texts: tuple[str, ...]) -> list[list[Line]]:
        """Add lines to their calls; the calls that are thereby complete."""
        complete = []
        for text in texts:
            line = read_line(text)
            self.damaged += line is None or line.text != text
            if line is None:
                continue
            if line.fact == "entered":
                self._entered.setdefault(line.call, [line])
            elif line.fact == "left":
                if line.at < self._since_us:
                    self._entered.pop(line.call, None)
                elif (entered := self._entered.get(line.call)) is not None:
                    entered[1:] = [line]
            elif line.fact == "arrived":
                entered = self._entered.pop(line.call, [])
                self._open.setdefault(line.call, [*entered[:1], line])
            elif (lines := self._open.get(line.call)) is not None:
                if line.fact == "ended":
                    complete.append([*self._open.pop(line.call), line])
                elif len(lines) < MAX_LINES:
                    lines.append(line)
        return complete

    # --- the file --------------------------------------------------------------------------------------------

    def _read(self) -> tuple[str, ...]:
        """The next whole lines, wherever rotation has put them."""
        files = self._files()
        at = next((index for index, file in enumerate(files) if self._is_mine(file)), None)
        if at is None:
            self._head = self._offset = 0
            files, at = [file for file in files if file == self._path], 0
        for file in files[at:]:
            if lines := self._read_on(file):
                return lines
            if file != self._path:
                self._head = self._offset = 0
        return ()

    def _files(self) -> list[Path]:
        """The file and those that it was before a rotation, the oldest first."""
        found = {}
        for file in self._path.parent.glob(f"{self._path.name}*"):
            try:
                if file.is_file() and file.suffix not in _COMPRESSED:
                    found[file] = file.stat().st_mtime_ns
            except FileNotFoundError:
                continue
        return sorted(found, key=lambda file: (file == self._path, found[file]))

    def _is_mine(self, file: Path) -> bool:
        """Whether `file` is the one that was read last."""
        try:
            return self._offset > 0 and file.stat().st_size >= self._offset and _head(file) == self._head
        except FileNotFoundError:
            return False

    def _read_on(self, file: Path) -> tuple[str, ...]:
        try:
            with file.open("rb") as stream:
                stream.seek(self._offset)
                chunk = stream.read(CHUNK)
        except FileNotFoundError:
            return ()
        end = chunk.rfind(b"\n") + 1
        if not end:
            if len(chunk) < CHUNK:
                return ()
            end = len(chunk)
        if not self._offset:
            self._head = _head(file)
        self._offset += end
        return tuple(chunk[:end].decode("utf-8", "replace").splitlines())


def _head(file: Path) -> int:
    """A number for the file's first line, which no other file begins with."""
    with file.open("rb") as stream:
        return zlib.crc32(stream.readline(1024))
