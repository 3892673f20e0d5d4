"""Calls that the dialplan handled alone, taken over from Asterisk's own file into the journal, once each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from pbx112.ari import AriError
from pbx112.cdr.fallback import FallbackRecords, Position
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.journal import Draft, Journal

from .channels import all_channels
from .live import now
from .record import draft
from .switch import Switch

log = structlog.get_logger()

MARK = "fallback"
"""The journal keeps the position in the file under this name, in one write with the calls taken over."""

LOOK_EVERY = 1.0
"""Seconds between two looks into the file."""

DOUBT_EVERY = 60
"""Looks between two questions whether calls that the file leaves open still exist."""


UNSEEN_AFTER = 30.0
"""Seconds after its end at which a call of which the daemon knows nothing has come and gone unseen: what Asterisk
still had to tell of it has arrived by then, or never will."""


class Takeover:
    """Watches the file at `path`."""

    def __init__(self, path: Path, journal: Journal, switch: Switch) -> None:
        self._path = path
        self._journal = journal
        self._switch = switch

    async def run(self) -> None:
        """Take over until cancelled. Raises :class:`OSError` where the file is there and cannot be read."""
        await (
            self._switch.recovered.wait()
        )  # or what it did with a call of ours would find nobody to belong to
        kept = await self._journal.get_mark(MARK)
        if kept:
            position = msgspec.json.decode(kept, type=Position)
        else:
            # A journal that has just begun knows nobody: who came and went before had a daemon, and stands in the
            # journal of before, which may yet be sent (`pbx112 salvage`).
            position = Position(since_us=now().utc_us)
            await self._adopt((), position)
        records = FallbackRecords(self._path, position)
        looks = 0
        while True:
            calls = await asyncio.to_thread(records.take, self._switch.plan)
            records.forget(self._switch.knows)
            calls = (*calls, *records.unseen(self._switch.plan, now().utc_us - int(UNSEEN_AFTER * 1e6)))
            if looks % DOUBT_EVERY == DOUBT_EVERY - 1:
                calls = (*calls, *await self._given_up(records))
            if calls or records.position != position:
                await self._adopt(calls, records.position)
            position = records.position
            looks += 1
            await asyncio.sleep(LOOK_EVERY)

    async def _adopt(self, calls: Sequence[FallbackCall], position: Position) -> None:
        """Journal the calls, each only as far as the journal does not have it already."""
        drafts: list[Draft] = []
        known = await self._journal.of_subjects([call.call_id for call in calls])
        for call in calls:
            ours = known[call.call_id] or self._switch.knows(
                call.call_id
            )  # what we know may not be written yet
            history = self._switch.take_back(call) if ours else call.events
            plan = call.plan or self._switch.plan.hash
            for at, event in history:
                self._switch.heed(call.call_id, event, at)
            drafts += [draft(call.call_id, event, at, plan) for at, event in history]
            if history:
                log.warning("the fallback handled a call", action="fallback_call", call_id=call.call_id)
        await self._journal.append(drafts, {MARK: msgspec.json.encode(position).decode()})

    async def _given_up(self, records: FallbackRecords) -> list[FallbackCall]:
        """Calls that the file leaves open although Asterisk has their channel no more."""
        plan = self._switch.plan
        left_open = [call.call_id for call in records.unfinished(plan)]
        if not left_open or not self._switch.ari.connected:
            return []
        try:
            alive = {channel.id for channel in (await all_channels(self._switch.ari, left_open)).channels}
        except AriError:
            return []
        # Who left while we asked has left its end in the file.
        ended = await asyncio.to_thread(records.take, plan)
        left_open = [call.call_id for call in records.unfinished(plan) if call.call_id in left_open]
        gone = (records.close(call_id, now(), plan) for call_id in left_open if call_id not in alive)
        return [*ended, *(call for call in gone if call is not None)]
