"""Whether the daemon does its work, told to whoever would replace it: the loop turns, the journal takes what is
written, Asterisk answers us.

What a restart cannot mend is not held against us: an Asterisk that is away answers nobody, and events that wait in
memory because the disk refuses would be lost with us.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

import structlog

from pbx112.ari import AriError, AriHttp, AriSettings
from pbx112.cdr.ship import Shipper
from pbx112.journal import Journal
from pbx112.notify import notify
from pbx112.room import RoomWatch
from pbx112.standby import BEAT_EVERY
from pbx112.switch.switch import Switch

log = structlog.get_logger()

ANSWER_WITHIN = 10.0
"""Seconds for which Asterisk may leave our own connection without an answer while it answers others."""

ASK_EVERY = 2.0
"""Seconds between two questions to Asterisk."""


SILENT = 1.5
"""Seconds without a heartbeat after which the journal counts as silent: what a standby bears as well."""


class Trouble(NamedTuple):
    """Something is amiss: `what` in one of few words, `why` for people. `fatal` where a restart is the cure."""

    what: str
    why: str
    fatal: bool = False


class Health:
    """Beats in the journal's lock and for systemd's watchdog, as long as all is well."""

    def __init__(
        self,
        journal: Journal,
        switch: Switch,
        settings: AriSettings,
        room: RoomWatch,
        shipper: Shipper | None = None,
    ) -> None:
        self._journal = journal
        self._room = room
        self._shipper = shipper
        self._switch = switch
        self._settings = settings
        self._served = asyncio.get_running_loop().time()
        self._beaten = self._served
        self._deaf = False

    async def beat(self) -> None:
        """The heart, until cancelled. It stands still where the loop does, or an append is not answered."""
        notify("READY=1")
        while True:
            await self._journal.append([])
            self._journal.beat()
            self._beaten = asyncio.get_running_loop().time()
            if not self._deaf:
                notify("WATCHDOG=1", f"STATUS={self._status()}")
            await asyncio.sleep(BEAT_EVERY)

    async def listen(self) -> None:
        """Ask Asterisk, over our own connection and beside it, until cancelled."""
        clock = asyncio.get_running_loop().time
        async with AriHttp(self._settings) as beside:
            while True:
                with suppress(AriError):
                    await self._switch.ari.asterisk_info()
                    self._served = clock()
                self._deaf = clock() - self._served > ANSWER_WITHIN and await _answers(beside)
                if self._deaf:
                    log.error(
                        "Asterisk answers others and not us; systemd's watchdog will restart us",
                        action="deaf",
                        trouble=self._switch.ari.trouble,
                    )
                await asyncio.sleep(ASK_EVERY)

    def troubles(self) -> list[Trouble]:
        """All that is amiss now; nothing where all is well."""
        found: list[Trouble] = []
        if asyncio.get_running_loop().time() - self._beaten > SILENT:
            found.append(Trouble("journal_silent", "the journal answers no append", fatal=True))
        if self._deaf:
            found.append(Trouble("asterisk_deaf", "Asterisk answers others and not us", fatal=True))
        if not self._switch.ari.connected:
            found.append(Trouble("asterisk_away", "Asterisk is away: " + self._switch.ari.trouble))
        if self._journal.degraded is not None:
            found.append(Trouble("journal_disk", "the journal's disk: " + self._journal.degraded))
        if self._room.low is not None:
            found.append(Trouble("journal_room", f"the journal: {self._room.low}"))
        if self._shipper is not None and self._shipper.trouble is not None:
            found.append(Trouble("records", "records do not arrive in Postgres: " + self._shipper.trouble))
        return found

    def _status(self) -> str:
        live = len(self._switch.live_calls())
        return "; ".join(
            [f"serves, {live} call{'' if live == 1 else 's'}", *(trouble.why for trouble in self.troubles())]
        )


async def _answers(ari: AriHttp) -> bool:
    try:
        await ari.asterisk_info()
    except AriError:
        return False
    return True
