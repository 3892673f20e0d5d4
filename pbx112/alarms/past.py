"""What has happened within the past hour, as a fold over the journal's events. Pure, and bounded.

An event counts from when it was seen, not from when it happened: what the dialplan did alone is told when the daemon
is back, which may be much later.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from pbx112.model import events as ev
from pbx112.model.events import Event, Instant, LegResult, Outcome
from pbx112.wallboard.figures import seconds

HOUR, TEN_MINUTES = 3_600_000_000, 600_000_000
"""Microseconds."""
MOST = 20_000
"""Calls, and happenings of each kind, that are kept."""

UNSERVED = (Outcome.UNANSWERED, Outcome.FALLBACK_UNANSWERED, Outcome.SYSTEM_FAILURE)
FAILED = (
    LegResult.NO_ANSWER,
    LegResult.DECLINED,
    LegResult.BUSY,
    LegResult.UNAVAILABLE,
    LegResult.MISCONFIGURED,
    LegResult.ANSWERED_NOT_ACCEPTED,
)
PRANKS = (ev.Disposition.PRANK, ev.Disposition.GHOST)


@dataclass(slots=True)
class _Call:
    arrived: Instant
    accepted: bool = False
    owners: dict[int, str] = field(default_factory=dict)
    """Whose line each leg rings."""


class Past:
    """The fold. Moments are UTC in microseconds."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Call] = OrderedDict()
        self._waits: deque[tuple[int, float]] = deque(maxlen=MOST)
        self._legs: deque[tuple[int, tuple[str, bool]]] = deque(maxlen=MOST)
        self._unserved: deque[int] = deque(maxlen=MOST)
        self._fallback: deque[int] = deque(maxlen=MOST)
        self._pranks: deque[int] = deque(maxlen=MOST)

    def heed(self, subject: str, event: Event, at: Instant, seen_us: int) -> None:
        """Something happened, and is seen now."""
        call = self._open.get(subject)
        match event:
            case ev.CallArrived(via=via):
                self._open[subject] = _Call(event.came(at))
                if len(self._open) > MOST:
                    self._open.popitem(last=False)
                if via == "fallback":
                    self._fallback.append(seen_us)
            case ev.HandedToFallback():
                self._fallback.append(seen_us)
            case ev.LegOffered(leg=leg, target=target) if call:
                call.owners[leg] = target.owner
            case ev.LegAccepted(leg=leg) if call:
                if not call.accepted:
                    self._waits.append((seen_us, seconds(call.arrived, at)))
                call.accepted = True
                if leg in call.owners:
                    self._legs.append((seen_us, (call.owners[leg], True)))
            case ev.LegEnded(leg=leg, result=result) if call:
                owner = call.owners.pop(leg, None)
                if owner and result in FAILED:
                    self._legs.append((seen_us, (owner, False)))
            case ev.CallEnded(outcome=outcome):
                self._open.pop(subject, None)
                if outcome in UNSERVED:
                    self._unserved.append(seen_us)
            case ev.CallMarked(disposition=mark) if mark in PRANKS:
                self._pranks.append(seen_us)
            case _:
                pass

    def waits(self, now_us: int) -> list[float]:
        """Seconds from arrival until a human accepted, of the past hour's calls."""
        return [waited for seen, waited in self._waits if seen > now_us - HOUR]

    def silent(self, now_us: int) -> dict[str, int]:
        """How many attempts each owner has let fail within the past hour without accepting a single one."""
        legs = [leg for seen, leg in self._legs if seen > now_us - HOUR]
        accepted = {owner for owner, accepts in legs if accepts}
        return Counter(owner for owner, accepts in legs if not accepts and owner not in accepted)

    def unserved(self, now_us: int) -> int:
        """Calls that reached nobody, of the past ten minutes."""
        return _since(self._unserved, now_us)

    def fallback(self, now_us: int) -> int:
        """Calls that the dialplan handled alone, or was given, within the past ten minutes."""
        return _since(self._fallback, now_us)

    def pranks(self, now_us: int) -> int:
        """Marks as prank or ghost of the past ten minutes."""
        return _since(self._pranks, now_us)


def _since(moments: deque[int], now_us: int) -> int:
    return sum(seen > now_us - TEN_MINUTES for seen in moments)
