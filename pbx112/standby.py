"""One daemon serves, another may wait: whoever holds the journal's lock serves.

The one who waits takes over when the kernel releases the lock (the other ended), and ends the other when its
heart has stood still: a process that hangs holds its callers, and must not wake up and act beside us.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from pbx112.journal import JournalLocked, Lock, holder, read_beat
from pbx112.notify import notify

log = structlog.get_logger()

LOOK_EVERY = 0.1
"""Seconds between two tries for the lock."""

BEAT_EVERY = 0.25
"""Seconds between two heartbeats of the one who serves."""

STANDS_STILL = 15
"""Looks in a row that saw the same heartbeat before the one who serves is ended: 1.5 s of our own time, in which a
machine that was itself asleep does not count."""

HUNG = 5.0
"""Seconds without a heartbeat after which a daemon counts as hung for those who look on."""


async def our_turn(journal: Path) -> Lock:
    """Wait until this process may serve; at once where no other does.

    Raises :class:`pbx112.journal.JournalError` where the journal's folder cannot be used.
    """
    told = False
    last, looks = read_beat(journal), 0
    while True:
        try:
            lock = Lock.acquire(journal)
        except JournalLocked as error:
            if not told:
                log.info("standby: waits until the other ends", action="standby", why=str(error))
                notify("READY=1", f"STATUS=standby: process {last.process} serves")
                told = True
        else:
            if told:
                log.warning("standby: takes over", action="takeover", after=last.process)
            return lock
        notify("WATCHDOG=1")
        seen = read_beat(journal)
        last, looks = seen, looks + 1 if seen == last else 0
        if looks == STANDS_STILL:
            looks = 0
            _end(journal, seen.process)
        await asyncio.sleep(LOOK_EVERY)


@asynccontextmanager
async def beating(lock: Lock) -> AsyncIterator[None]:
    """While the journal is being opened or closed, that the loop turns is all there is to show: a disk that is
    slow to do so is as slow for whoever waits."""
    beats = asyncio.create_task(_beat(lock))
    try:
        yield
    finally:
        beats.cancel()


async def _beat(lock: Lock) -> None:
    while True:
        lock.beat()
        notify("WATCHDOG=1")
        await asyncio.sleep(BEAT_EVERY)


def _end(journal: Path, process: int) -> None:
    """End a daemon that hangs. What it journalled is the journal's; what it had in Asterisk we take up."""
    try:
        handle = os.pidfd_open(process)  # from here on the number cannot come to mean another process
    except OSError:
        return
    try:
        if holder(journal) == process:
            log.error("the daemon that serves hangs; it is ended", action="fence", process=process)
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError as error:
        log.error(
            f"the daemon that serves hangs and cannot be ended; end it: kill -9 {process}",
            action="fence",
            process=process,
            error=str(error),
        )
    finally:
        os.close(handle)
