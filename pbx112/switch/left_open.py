"""Calls that the journal has open: taken up at the start, and later those whose end it lost."""

from __future__ import annotations

import asyncio

import structlog

from pbx112.ari import AriClient, AriError
from pbx112.journal import Journal, JournalError
from pbx112.model.events import CallEnded, Outcome
from pbx112.model.state import Call, fold

from .calls import Calls
from .live import LiveCall, Surroundings, now
from .reconcile import survey
from .record import told

log = structlog.get_logger()

EVERY = 600.0
"""Seconds between two looks for calls that the journal has open and nobody knows any more."""


class LeftOpen:
    """Folds what the journal says of calls that have not ended, and adds them to `calls`."""

    def __init__(
        self, around: Surroundings, ari: AriClient, app: str, journal: Journal, calls: Calls
    ) -> None:
        self._around = around
        self._ari = ari
        self._app = app
        self._journal = journal
        self._calls = calls
        self._doubted: frozenset[str] = frozenset()
        """Calls that the last look found. Two looks have to: their ends may be on their way."""

    async def recover(self) -> None:
        """All of them, before Asterisk is asked. A journal that cannot be read is no reason not to serve: callers whom
        Asterisk has are then new ones."""
        try:
            stories = await self._stories(await self._journal.open_subjects())
        except JournalError as error:
            log.error(
                "journal: cannot be read; calls of before are not taken up",
                action="recover",
                error=str(error),
            )
            return
        for call_id, call in stories.items():
            if call is None:
                log.error("journal: a call without its arrival is closed", action="recover", call_id=call_id)
                self._close(call_id)
            else:
                self._add(call_id, call)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except (AriError, JournalError) as error:
                log.warning("calls that were left open stay so", action="left_open", error=str(error))

    async def look(self) -> None:
        """Calls whose end the journal lost (a gap, a fault of ours) are taken up as after a restart, and end: else they
        would have no record, and nothing that came after them would leave the journal, until there is one."""
        before, self._doubted = self._doubted, frozenset()
        if not self._around.connected or self._journal.degraded or self._journal.waiting:
            return  # their ends may be among what waits
        left = frozenset(call for call in await self._journal.open_subjects() if call not in self._calls)
        self._doubted = left - before
        if not left & before:
            return
        stories = await self._stories(sorted(left & before))
        known = [call for call in stories.values() if call is not None]
        found = await survey(self._ari, self._app, known, self._around.plan)
        for call_id, call in stories.items():
            log.error("a call was left open; it is taken up again", action="left_open", call_id=call_id)
            if call is None:
                self._close(call_id)
            elif call_id not in self._calls:
                self._add(call_id, call).tell(found.resumed[call_id])

    async def _stories(self, call_ids: list[str]) -> dict[str, Call | None]:
        """Each of them as it stands; None where its beginning is lost."""
        known = await self._journal.of_subjects(call_ids)
        return {call_id: fold(call_id, told(entries, now())) for call_id, entries in known.items()}

    def _close(self, call_id: str) -> None:
        self._around.record(call_id, [CallEnded(Outcome.SYSTEM_FAILURE, "system")], now())

    def _add(self, call_id: str, call: Call) -> LiveCall:
        live = LiveCall(self._around, call_id, call)
        self._calls.add(live)
        return live
