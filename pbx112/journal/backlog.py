"""What is appended and not yet written: its bounds in time and in memory, and the alarms about it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from pbx112.journal.alarm import Over


class Limits(NamedTuple):
    """How long an append may take, how many drafts may wait unwritten, how long closing may try (seconds)."""

    answer: float = 0.25
    waiting: int = 100_000
    close: float = 5.0


class _Waiting(NamedTuple):
    drafts: int
    since: float
    done: asyncio.Future[None]
    refused: list[asyncio.Future[None]]
    """Of batches refused right after this one."""

    def finish(self) -> None:
        for future in (self.done, *self.refused):
            if not future.done():
                future.set_result(None)


class Backlog:
    """Batches in the order of their appending. Belongs to the event loop.

    While there is trouble every append counts as done at once. When memory is full the newest is refused, and
    goes on being refused until half of it is free, so that one gap entry stands for the whole loss.
    """

    def __init__(self, limits: Limits, on_alarm: Callable[[str], None]) -> None:
        self._limits = limits
        self._alarm = on_alarm
        self._loop = asyncio.get_running_loop()
        self._batches: deque[_Waiting] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self.drafts = 0
        """How many drafts wait."""
        self.lost = 0
        """How many were refused and are in no gap entry yet."""
        self.trouble: str | None = None
        """Why events wait in memory instead of being written, None when all is well."""

    def __len__(self) -> int:
        return len(self._batches)

    def admit(self, drafts: int) -> tuple[bool, asyncio.Future[None]]:
        """Whether a batch of so many drafts may wait to be written, and the future that tells its end."""
        done: asyncio.Future[None] = self._loop.create_future()
        if self.lost or self.drafts + drafts > self._limits.waiting:
            if not self.lost:
                why = self.trouble or "the disk is too slow"
                self._alarm(f"journal: memory is full, events are being lost ({why})")
            self.lost += drafts
            if self._batches and self.trouble is None:
                self._batches[-1].refused.append(done)  # done no earlier than what was appended before it
            else:
                done.set_result(None)
            return False, done
        if self.trouble is not None:
            done.set_result(None)
        elif self._watch is None:
            self._watch = self._loop.call_later(self._limits.answer, self._look, False)
        self._batches.append(_Waiting(drafts, self._loop.time(), done, []))
        self.drafts += drafts
        return True, done

    def written(self, batches: int) -> None:
        """The oldest so many batches are written."""
        for _ in range(batches):
            batch = self._batches.popleft()
            self.drafts -= batch.drafts
            batch.finish()

    def take_lost(self) -> int:
        """How many drafts a gap entry must own up to now, 0 while there is none or no room yet."""
        if self.drafts > self._limits.waiting // 2:
            return 0
        lost, self.lost = self.lost, 0
        return lost

    def well(self) -> None:
        """End the trouble, if nothing waits any more."""
        if self.trouble is not None and not self._batches:
            self.trouble = None
            self._alarm(Over("journal: all is written again"))

    def refused(self, why: str) -> None:
        """The disk refuses, or does not answer: nobody shall wait for it."""
        if self.trouble is not None:
            return
        self.trouble = why
        for batch in self._batches:
            batch.finish()
        self._alarm(f"journal: {why}; calls go on, events wait in memory")

    def end(self) -> None:
        """Let everybody go who still waits."""
        if self._watch is not None:
            self._watch.cancel()
        for batch in self._batches:
            batch.finish()

    def _look(self, again: bool) -> None:
        """Whether the oldest append waits too long. Looked at twice, in case the loop itself was late."""
        self._watch = None
        if not self._batches or self.trouble is not None:
            return
        rest = self._batches[0].since + self._limits.answer - self._loop.time()
        if rest > 0:
            self._watch = self._loop.call_later(rest, self._look, False)
        elif not again:
            self._watch = self._loop.call_later(0.005, self._look, True)
        else:
            self.refused(f"the disk has not answered for {self._limits.answer} s")
