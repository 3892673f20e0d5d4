"""From which numbers pranks come: a fold over arrivals, marks and what a supervisor lifted. Bounded in memory."""

from __future__ import annotations

from collections import OrderedDict

from pbx112.model import events as ev
from pbx112.model.events import Disposition, Event, Instant
from pbx112.plan.types import Nuisance

CALLS = 5_000
"""Calls whose number is known, so that a mark given after the call counts; the newest."""
NUMBERS = 2_000
"""Numbers with marks; of more, those whose last mark is the oldest are forgotten."""
MARKS = 100
"""Marked calls that are kept of one number, the newest."""
HOUR_US = 3_600_000_000


class Pranks:
    """Of each number (E.164; a withheld one has none) the calls that count as prank: what was said last of a call is
    what counts. Moments are UTC in microseconds."""

    def __init__(self) -> None:
        self._number_of: OrderedDict[str, str] = OrderedDict()
        self._marked: OrderedDict[str, dict[str, int]] = OrderedDict()

    def of(self, number: str, rule: Nuisance, utc_us: int) -> int:
        """How many calls of this number count, where these are more than the rule bears; else 0."""
        since = utc_us - rule.within_hours * HOUR_US
        count = sum(at > since for at in self._marked.get(number, {}).values())
        return count if count > rule.marks else 0

    def all(self, rule: Nuisance, utc_us: int) -> list[str]:
        """The numbers of which that is so, the one that was marked last first."""
        return [number for number in reversed(self._marked) if self.of(number, rule, utc_us)]

    def heed(self, subject: str, event: Event, at: Instant) -> None:
        """Something happened."""
        match event:
            case ev.CallArrived(caller=str() as number):
                self._number_of[subject] = number
                if len(self._number_of) > CALLS:
                    self._number_of.popitem(last=False)
            case ev.CallMarked(disposition=said) if said and (known := self._number_of.get(subject)):
                self._mark(known, subject, at.utc_us, prank=said == Disposition.PRANK)
            case ev.NuisanceLifted(number=number):
                self._marked.pop(number, None)
            case _:
                pass

    def _mark(self, number: str, call_id: str, utc_us: int, *, prank: bool) -> None:
        marks = self._marked.setdefault(number, {})
        if prank:
            marks.pop(call_id, None)
            marks[call_id] = utc_us
            self._marked.move_to_end(number)
        else:
            marks.pop(call_id, None)
        if not marks:
            del self._marked[number]
        elif len(marks) > MARKS:
            del marks[next(iter(marks))]
        if len(self._marked) > NUMBERS:
            self._marked.popitem(last=False)

    def joined(self, later: Pranks) -> Pranks:
        """What both know, `later` being what has been told since."""
        both = Pranks()
        both._number_of = OrderedDict(self._number_of | later._number_of)
        both._marked = OrderedDict(self._marked)
        for number, marks in later._marked.items():
            both._marked[number] = both._marked.get(number, {}) | marks
            both._marked.move_to_end(number)
        return both
