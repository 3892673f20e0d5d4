"""Who sits at the call takers' desks, and what they say of it by dialling."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random

from pbx112.model import events as ev
from pbx112.model.events import Instant
from pbx112.plan.types import Plan
from pbx112.switch.ledger import Ledger

HOUR_US = 3600 * 1_000_000
EVENING, MORNING = 22, 7
"""Local hours between which one call taker or none is there."""


class Desk:
    """The desks of one office. Looked at once an hour."""

    def __init__(self, chance: Random, plan: Plan, ledger: Ledger) -> None:
        self._chance = chance
        self._lines = [line.number for line in plan.call_takers.lines] if plan.call_takers else []
        self._mobiles = {agency.key: agency.standby_lines() for agency in plan.agencies.values()}
        self._out: set[str] = set()
        self._ledger = ledger

    def there(self, line: str) -> bool:
        """Whether anybody sits at this line's desk."""
        return line not in self._out

    def here(self) -> frozenset[str]:
        """The lines whose desks are taken."""
        return frozenset(self._lines) - self._out

    def anyone(self) -> bool:
        """Whether any desk is taken."""
        return len(self._out) < len(self._lines)

    def said(self, now: Instant, local: datetime) -> Iterator[ev.DeskEvent]:
        """What is dialled in this hour."""
        for event in (*self._shift(local), *self._pauses(now, local), *self._standby(now, local)):
            self._ledger.heed("", event, now)
            yield event
        if local.hour % 12 == 0:
            yield self._ledger.stated()

    def _shift(self, local: datetime) -> Iterator[ev.DeskEvent]:
        if local.hour == EVENING:
            last = 0 if self._chance.random() < 0.4 else 1
            for line in self._lines[last:]:
                self._out.add(line)
                yield ev.LineStateChanged(line, "logged_out")
        elif local.hour == MORNING:
            for line in self._lines:
                if line in self._out:
                    self._out.discard(line)
                    yield ev.LineStateChanged(line, "ready")

    def _pauses(self, now: Instant, local: datetime) -> Iterator[ev.DeskEvent]:
        if MORNING < local.hour < EVENING - 1 and self._chance.random() < 0.12:
            minutes = self._chance.randint(10, 30)
            until = now.utc_us + minutes * HOUR_US // 60
            yield ev.LineStateChanged(self._chance.choice(self._lines), "paused", until)

    def _standby(self, now: Instant, local: datetime) -> Iterator[ev.DeskEvent]:
        if local.hour != EVENING - 1 or self._chance.random() > 0.1:
            return
        agency, lines = self._chance.choice([one for one in self._mobiles.items() if one[1]])
        chosen = self._chance.choice(lines).number
        yield ev.StandbyChosen("2111", agency, chosen, now.utc_us + 12 * HOUR_US)
