"""What has been placed over each trunk within the past hour: for the limit that guards against a bill that a fault
or a fraud runs up. A restart does not reset it: the journal holds every attempt."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import structlog

from pbx112.journal import Entry, Journal, JournalError, Reader
from pbx112.model.events import CallBackPlaced, CallEvent, Instant, LegEnded, LegOffered, LineTestPlaced
from pbx112.model.state import SECOND, Call
from pbx112.model.story import TRUNK_HOUR_FULL

from .record import read

log = structlog.get_logger()

HOUR = 3600 * SECOND

BLOCK = 2000
"""Entries of the journal that are read at once."""


class TrunkHours:
    """The moments (monotonic nanoseconds) at which calls were placed over each trunk, an hour back."""

    def __init__(self) -> None:
        self._placed: defaultdict[str, deque[int]] = defaultdict(deque)
        self._told: set[str] = set()

    def place(self, trunk: str, at: int) -> None:
        """A call is placed now."""
        self._placed[trunk].append(at)
        self._told.discard(trunk)

    def within_hour(self, now: int) -> Mapping[str, int]:
        """How many were placed over each trunk in the hour before `now`."""
        for moments in self._placed.values():
            while moments and moments[0] <= now - HOUR:
                moments.popleft()
        return {trunk: len(moments) for trunk, moments in self._placed.items()}

    def heed(self, call: Call | None, events: Sequence[CallEvent]) -> None:
        """Raise the alarm, once until the trunk is used again, where its hour is full."""
        offered = {leg.number: leg.target.trunk for leg in call.legs} if call else {}
        for event in events:
            if isinstance(event, LegOffered):
                offered[event.leg] = event.target.trunk
            elif isinstance(event, LegEnded) and event.detail == TRUNK_HOUR_FULL:
                trunk = offered.get(event.leg) or ""
                if trunk not in self._told:
                    self._told.add(trunk)
                    log.error(
                        "a trunk has had as many calls within the hour as it may; its lines are passed over. If that "
                        "was no fraud and no fault, raise max_per_hour in agencies.yaml",
                        action="trunk_hour_full",
                        trunk=trunk,
                    )

    async def recover(self, journal: Journal, now: Instant) -> None:
        """Add what the journal tells of the past hour up to `now`."""
        before: defaultdict[str, list[int]] = defaultdict(list)
        upto: int | None = None
        try:
            while upto != 0:
                found, upto = await journal.ask(partial(placed_before, upto=upto, now=now))
                for trunk, moment in found:
                    before[trunk].append(moment)
        except JournalError as error:
            log.error(
                "journal: how full the trunks' hours are is unknown", action="recover", error=str(error)
            )
        for trunk, moments in before.items():
            self._placed[trunk].extendleft(sorted(moments, reverse=True))


def placed_within_hour(reader: Reader, now: Instant) -> Counter[str]:
    """How many calls were placed over each trunk in the hour before `now`, as the journal tells."""
    placed: Counter[str] = Counter()
    upto: int | None = None
    while upto != 0:
        found, upto = placed_before(reader, upto, now)
        placed.update(trunk for trunk, _ in found)
    return placed


def placed_before(reader: Reader, upto: int | None, now: Instant) -> tuple[list[tuple[str, int]], int]:
    """One block of the journal, up to entry `upto` (None: its end): trunk and monotonic moment of each call placed in
    the hour before `now`, and where the block before it ends (0: no further one matters).

    Both clocks must say that it was within the hour: the monotonic one of an earlier boot says nothing.
    """
    last = reader.head()[0] if upto is None else upto
    base = reader.base()[0]
    first = max(base, last - BLOCK)
    entries = reader.after(first, BLOCK, last)
    recent = [entry for entry in entries if entry.utc_us > now.utc_us - HOUR // 1000]
    found = [(trunk, at) for trunk, at in _placed(recent, now) if now.mono_ns - HOUR < at <= now.mono_ns]
    return found, first if recent and first > base else 0


def _placed(entries: Iterable[Entry], now: Instant) -> Iterable[tuple[str, int]]:
    kinds = (LegOffered.__name__, LineTestPlaced.__name__, CallBackPlaced.__name__)
    for at, event in read((entry for entry in entries if entry.kind in kinds), now):
        if isinstance(event, LegOffered) and event.placed and event.target.trunk is not None:
            yield event.target.trunk, at.mono_ns
        elif isinstance(event, LineTestPlaced | CallBackPlaced) and event.trunk:
            yield event.trunk, at.mono_ns
