"""How much room the journal's disk has left: told before it is full, since only the disk bounds the journal while
Postgres is away."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

import structlog

log = structlog.get_logger()

LOW = 500_000_000
"""Bytes below which there is little room: about 130,000 calls (`docs/records.md` has the size of one)..."""

LOW_SHARE = 0.1
"""...or this share of the disk, on one so small that it would always be low."""

LOOK_EVERY = 10.0
"""Seconds."""


class Room(NamedTuple):
    """Bytes: of the journal, its write-ahead log and what was set aside beside it; and free on its disk."""

    journal: int
    free: int
    low: bool

    def __str__(self) -> str:
        return f"{self.journal / 1e6:,.1f} MB, {self.free / 1e6:,.0f} MB free on its disk"


def room_of(journal: Path) -> Room:
    """How it is now. Raises :class:`OSError` where the folder cannot be looked at."""
    used = sum(file.stat().st_size for file in journal.parent.glob(f"{journal.name}*") if file.is_file())
    disk = shutil.disk_usage(journal.parent)
    return Room(used, disk.free, disk.free < min(LOW, disk.total * LOW_SHARE))


class RoomWatch:
    """Says once when there is little room, and once when there is enough again."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self.low: Room | None = None
        """What was found where there is little room."""
        self.last: Room | None = None
        """What was found last."""

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            self.look(await asyncio.to_thread(room_of, self._journal))
            await asyncio.sleep(LOOK_EVERY)

    def look(self, room: Room) -> None:
        """Tell what has changed."""
        self.last = room
        if room.low and self.low is None:
            log.error(
                f"{self._journal}: {room}; make room there, or bring Postgres back (`pbx112 status` says what waits): "
                "when the disk is full, events wait in memory, and are lost with the process",
                action="disk_low",
            )
        elif not room.low and self.low is not None:
            log.info(f"{self._journal}: {room}: enough again", action="disk_low_over")
        self.low = room if room.low else None
