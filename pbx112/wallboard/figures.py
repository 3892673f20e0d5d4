"""Today's figures against the yardsticks, as a fold over the events. Pure.

Today are the calls that arrived since midnight in the service's time zone. Shares are of all of them but those that
still wait for a human, as `within_15_pct` of the month's figures (`pbx112.kpi_month`). The yardsticks: NENA-STA-020.1
(90 % within 15 s, 95 % within 20 s), NFPA 1225 (90 % within 10 s), Polri 110 (10 s), the EU's KPIs for 112 (mean, mean
of the longest tenth, abandoned as a share of the calls).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

import msgspec

from pbx112.model import events as ev
from pbx112.model.events import Event, Instant, Outcome

MOST = 50_000
"""Calls of one day that are kept apart; whatever comes beyond is counted and no more."""

SAME_CLOCK = 5.0
"""Seconds by which the two clocks may differ and the monotonic one be believed."""

_ABANDONED = (Outcome.ABANDONED_RINGING, Outcome.ABANDONED_MENU, Outcome.ABANDONED_WAITING)
_UNSERVED = (Outcome.UNANSWERED, Outcome.FALLBACK_UNANSWERED, Outcome.SYSTEM_FAILURE)


class Today(msgspec.Struct, frozen=True):
    """The figures; shares from 0 to 1, times in seconds, None where there is nothing to say yet."""

    calls: int
    accepted: int
    within_10: float | None
    within_15: float | None
    within_20: float | None
    mean: float | None
    longest_tenth: float | None
    abandoned: int
    unserved: int
    fallback: int
    false: int
    """Marked as prank or ghost."""


@dataclass(slots=True)
class _Call:
    arrived: Instant
    fallback: bool
    accepted: bool = False
    outcome: Outcome | None = None
    false: bool = False


@dataclass(slots=True)
class _Day:
    calls: dict[str, _Call] = field(default_factory=dict)
    arrived: int = 0
    times: list[float] = field(default_factory=list)
    """Seconds from arrival until a human accepted, the shortest first."""


class Figures:
    """Of the day in `zone` that the newest event lies in."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._date: date | None = None
        self._day = _Day()

    def heed(self, subject: str, event: Event, at: Instant) -> None:
        """Something happened."""
        match event:
            case ev.CallArrived(via=via):
                self.turn(at.utc_us)
                self._day.arrived += 1
                if len(self._day.calls) < MOST:
                    self._day.calls[subject] = _Call(event.came(at), via == "fallback")
            case ev.LegAccepted():
                self._accepted(subject, at)
            case ev.CallEnded(outcome=outcome):
                if (call := self._day.calls.get(subject)) is not None:
                    call.outcome = outcome
            case ev.HandedToFallback():
                if (call := self._day.calls.get(subject)) is not None:
                    call.fallback = True
            case ev.CallMarked(disposition=mark) if mark:
                if (call := self._day.calls.get(subject)) is not None:
                    call.false = mark in (ev.Disposition.PRANK, ev.Disposition.GHOST)
            case _:
                pass

    def turn(self, utc_us: int) -> None:
        """It is this moment: at midnight a new day begins."""
        now = datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(self._zone).date()
        if self._date is None or now > self._date:
            self._date, self._day = now, _Day()

    def today(self) -> Today:
        """How it stands."""
        day, times = self._day, self._day.times
        calls = day.calls.values()
        tenth = times[len(times) - -(-len(times) // 10) :]
        decided = sum(call.accepted or call.outcome is not None for call in calls)
        return Today(
            calls=day.arrived,
            accepted=len(times),
            within_10=_within(times, 10, decided),
            within_15=_within(times, 15, decided),
            within_20=_within(times, 20, decided),
            mean=sum(times) / len(times) if times else None,
            longest_tenth=sum(tenth) / len(tenth) if tenth else None,
            abandoned=sum(call.outcome in _ABANDONED for call in calls),
            unserved=sum(call.outcome in _UNSERVED for call in calls),
            fallback=sum(call.fallback for call in calls),
            false=sum(call.false for call in calls),
        )

    def _accepted(self, subject: str, at: Instant) -> None:
        call = self._day.calls.get(subject)
        if call is not None and not call.accepted:
            call.accepted = True
            insort(self._day.times, seconds(call.arrived, at))


def seconds(since: Instant, until: Instant) -> float:
    """From one moment to another, by the clock that nobody sets, where it is the same one."""
    steady = (until.mono_ns - since.mono_ns) / 1e9
    wall = (until.utc_us - since.utc_us) / 1e6
    return max(0.0, steady if abs(steady - wall) < SAME_CLOCK else wall)


def _within(times: list[float], limit: float, of: int) -> float | None:
    return bisect_right(times, limit) / of if of else None
