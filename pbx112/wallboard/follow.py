"""Reads the daemon's journal as it grows, from another process, and the plan that the daemon uses.

Blocking: to be called in a thread, by one at a time.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

import structlog

from pbx112.cdr.record import Fact, facts
from pbx112.journal import Entry, JournalError, Reader
from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.types import Plan

log = structlog.get_logger()

BLOCK = 2_000
"""Entries read at once: a day may have more than there is memory for."""

DESK_HOURS = 13
"""What stands at the desk is said again every 12 hours: so far back is read at least."""


class Told(NamedTuple):
    """An event and what it is about."""

    subject: str
    fact: Fact


class News(NamedTuple):
    """What was found. `anew`: it begins with all that matters so far, and what was known before is to be forgotten;
    then `began` are whole stories of calls that began before it. `more`: that is not all yet, ask again."""

    anew: bool
    began: dict[str, list[Fact]]
    told: list[Told]
    more: bool


class Journal:
    """The journal at `path`, also while it is replaced, or is not there yet."""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        self._path = path
        self.zone = zone
        self._reader: Reader | None = None
        self._file: tuple[int, int] | None = None
        self._seq = 0

    def news(self) -> News:
        """What has come since it was last asked, so much of it at once. Raises :class:`JournalError`,
        :class:`OSError`; then it begins anew."""
        try:
            there = self._path.stat()
            if self._reader is None or (there.st_dev, there.st_ino) != self._file:
                self.close()
                self._reader = Reader(self._path)
                self._file = (there.st_dev, there.st_ino)
                return self._first(self._reader)
            return self._next(self._reader)
        except (JournalError, OSError):
            self.close()
            raise

    def close(self) -> None:
        """Let the file go."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _first(self, reader: Reader) -> News:
        """All of today, what stands at the desk, and the calls that go on."""
        head, base = reader.head()[0], reader.base()[0]
        since = _midnight(self.zone)
        first = head
        while first > base:
            start = max(base, first - BLOCK)
            block = reader.after(start, BLOCK, first)
            if not block or block[0].utc_us < since:
                first = next((entry.seq - 1 for entry in block if entry.utc_us >= since), first)
                break
            first = start
        began = {
            subject: [fact for fact in facts(story) if fact.seq <= first]
            for subject, story in reader.of_subjects(reader.open_subjects()).items()
        }
        self._seq = first
        return self._next(reader)._replace(anew=True, began=began)

    def _next(self, reader: Reader) -> News:
        entries = reader.after(self._seq, BLOCK)
        if entries:
            self._seq = entries[-1].seq
        return News(False, {}, _told(entries), len(entries) == BLOCK)


def _told(entries: list[Entry]) -> list[Told]:
    subjects = {entry.seq: entry.subject for entry in entries}
    return [Told(subjects[fact.seq], fact) for fact in facts(entries)]


def _midnight(zone: tzinfo) -> int:
    """Where to begin to read: UTC in microseconds."""
    now = datetime.now(UTC).astimezone(zone)
    begin = min(now.replace(hour=0, minute=0, second=0, microsecond=0), now - timedelta(hours=DESK_HOURS))
    return int(begin.timestamp() * 1e6)


class RunningPlan:
    """The plan that the daemon uses: the copy that it keeps beside its journal, else the file itself."""

    def __init__(self, journal: Path, agencies: Path) -> None:
        self._files = (journal.with_name("agencies.last-good.yaml"), agencies)
        self._seen: tuple[Path, int] | None = None
        self._bad: set[tuple[Path, int]] = set()
        """As they are now, of no use: each told once."""
        self.plan: Plan | None = None

    def look(self) -> bool:
        """Read it again where it has changed; whether it is known. Never raises."""
        for file in self._files:
            with suppress(OSError):
                stamp = (file, file.stat().st_mtime_ns)
                if stamp == self._seen:
                    return True
                if stamp in self._bad:
                    continue
                self._bad = {bad for bad in self._bad if bad[0] != file}
                try:
                    self.plan = load_plan(file).plan
                except PlanError as error:
                    log.warning("a plan cannot be read", action="plan", file=str(file), error=str(error))
                    self._bad.add(stamp)
                    continue
                self._seen = stamp
                return True
        return self.plan is not None
