"""Counters and times, as a fold over the stream of events: what happened, how often, and how long it took.

Names and units after Prometheus' conventions (https://prometheus.io/docs/practices/naming/). A label never holds what
a caller sent: owners, trunks and dispositions are the plan's and ours, anything else counts as `other`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from pbx112.model import events as ev
from pbx112.model.events import Event, Instant
from pbx112.model.state import Call, Ended
from pbx112.plan.types import Plan

log = structlog.get_logger()

OPEN = 5_000
"""Calls followed at once."""

ACCEPT_BUCKETS = (1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
"""Seconds. Among them the yardsticks: 10 (NFPA 1225, EU, Polri 110), 15 and 20 (NENA-STA-020.1)."""
TALK_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
"""Seconds."""
DIAL_RESULTS = frozenset({"answer", "busy", "noanswer", "cancel", "chanunavail", "congestion", "unknown"})
TRUNK_FULL = ("trunk_full", "trunk_hour_full")
MARKS = frozenset(ev.Disposition)


@dataclass(slots=True)
class _Leg:
    owner: str
    trunk: str
    offered_ns: int | None


@dataclass(slots=True)
class _Open:
    arrived_ns: int
    via: str
    accepted: bool = False
    accepted_ns: int | None = None
    """When a human first accepted, where we saw it."""
    legs: dict[int, _Leg] = field(default_factory=dict)


class Meter:
    """Heeds every event; what it counted stands in `registry`. `plan` tells the plan that decides: what may be counted
    by its owners and trunks begins at zero, since Prometheus sees no increase from nothing to one."""

    def __init__(self, registry: CollectorRegistry, plan: Callable[[], Plan]) -> None:
        self._plan = plan
        self._open: OrderedDict[str, _Open] = OrderedDict()

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"pbx112_{name}", says, labels, registry=registry)

        def times(name: str, says: str, buckets: Iterable[float], *labels: str) -> Histogram:
            return Histogram(f"pbx112_{name}", says, labels, buckets=tuple(buckets), registry=registry)

        self._arrived = counter("calls_arrived", "Calls that came, by who had them first.", "via")
        self._ended = counter("calls_ended", "Calls that ended, by outcome (docs/records.md).", "outcome")
        self._accept = times(
            "call_accept_seconds", "From arrival until the first human accepted.", ACCEPT_BUCKETS, "via"
        )
        self._abandoned = times(
            "call_abandoned_seconds", "From arrival until the caller gave up unserved.", ACCEPT_BUCKETS
        )
        self._talk = times(
            "call_talk_seconds", "From the first human's acceptance until the end.", TALK_BUCKETS
        )
        self._legs = counter("legs_ended", "Attempts to reach a line, by result.", "owner", "result")
        self._leg_accept = times(
            "leg_accept_seconds", "From ringing a line until its human accepted.", ACCEPT_BUCKETS, "owner"
        )
        self._trunk_full = counter(
            "trunk_refusals", "Lines passed over, a trunk's limit reached.", "trunk", "why"
        )
        self._helps = counter("helps_sought", "Agencies and colleagues called in during a talk.", "owner")
        self._queued = counter("calls_queued", "Callers who had to wait for their turn.")
        self._marks = counter("call_marks", "What staff said a call was.", "disposition")
        self._handed = counter("calls_handed_to_fallback", "Calls given to the fallback dialplan.")
        self._resumed = counter("calls_resumed", "Calls taken up again after a restart or reconnect.")
        self._unrecorded = counter("recordings_failed", "Talks, or parts of them, without a recording.")
        self._backs = counter("call_backs_ended", "Calls back to abandoned callers, by result.", "result")
        self._pins = counter("pins_refused", "Wrong PINs given at desk phones.")
        for outcome in ev.Outcome:
            self._ended.labels(outcome)
        for via in ("daemon", "fallback"):
            self._arrived.labels(via)
            self._accept.labels(via)
        for mark in MARKS:
            self._marks.labels(mark)

    def _expect(self, plan: Plan) -> None:
        for owner in {owner for owner, _ in plan.lines()}:
            self._leg_accept.labels(owner)
            self._helps.labels(owner)
            for result in ev.LegResult:
                self._legs.labels(owner, result)
        for trunk in plan.trunks:
            for why in TRUNK_FULL:
                self._trunk_full.labels(trunk, why)

    def take_up(self, calls: Iterable[Call]) -> None:
        """Calls that had begun before we started: their times count from their arrival."""
        for call in calls:
            if isinstance(call.situation, Ended) or call.call_id in self._open:
                continue
            known = _Open(call.arrived.mono_ns, call.arrival.via, call.accepted)
            known.legs = {
                leg.number: _Leg(leg.target.owner, leg.target.trunk or "", None) for leg in call.legs
            }
            self._open[call.call_id] = known

    def heed(self, subject: str, event: Event, at: Instant) -> None:
        """Something happened. Never raises: nothing on a call's path depends on a number."""
        try:
            self._heed(subject, event, at)
        except Exception:
            log.exception("an event could not be counted", action="metrics", kind=type(event).__name__)

    def _heed(self, subject: str, event: Event, at: Instant) -> None:
        match event:
            case ev.CallArrived(via=via):
                self._arrived.labels(via).inc()
                self._open[subject] = _Open(event.came(at).mono_ns, via)
                if len(self._open) > OPEN:
                    self._open.popitem(last=False)
            case ev.LegOffered(leg=leg, target=target):
                if (call := self._open.get(subject)) is not None:
                    call.legs[leg] = _Leg(target.owner, target.trunk or "", at.mono_ns)
            case ev.LegAccepted(leg=leg):
                self._accepted(subject, leg, at)
            case ev.LegEnded(leg=leg):
                self._leg_ended(subject, leg, event)
            case ev.CallEnded(outcome=outcome):
                self._over(subject, outcome, at)
            case ev.HelpSought(owner=owner):
                self._helps.labels(owner).inc()
            case ev.CallQueued():
                self._queued.inc()
            case ev.CallMarked(disposition=mark) if mark:
                self._marks.labels(mark if mark in MARKS else "other").inc()
            case ev.HandedToFallback():
                self._handed.inc()
            case ev.CallResumed():
                self._resumed.inc()
            case ev.RecordingFailed():
                self._unrecorded.inc()
            case ev.CallBackEnded(result=result):
                self._backs.labels(result if result in DIAL_RESULTS else "other").inc()
            case ev.PinRefused():
                self._pins.inc()
            case ev.PlanLoaded():
                self._expect(self._plan())
            case _:
                pass

    def _accepted(self, subject: str, number: int, at: Instant) -> None:
        call = self._open.get(subject)
        if call is None:
            return
        if not call.accepted:
            call.accepted, call.accepted_ns = True, at.mono_ns
            self._accept.labels(call.via).observe(_seconds(call.arrived_ns, at))
        leg = call.legs.get(number)
        if leg is not None and leg.offered_ns is not None:
            self._leg_accept.labels(leg.owner).observe(_seconds(leg.offered_ns, at))

    def _leg_ended(self, subject: str, number: int, event: ev.LegEnded) -> None:
        call = self._open.get(subject)
        leg = call.legs.pop(number, None) if call else None
        owner = leg.owner if leg else "unknown"
        self._legs.labels(owner, event.result).inc()
        if leg is not None and event.detail in TRUNK_FULL:
            self._trunk_full.labels(leg.trunk, event.detail).inc()

    def _over(self, subject: str, outcome: ev.Outcome, at: Instant) -> None:
        self._ended.labels(outcome).inc()
        call = self._open.pop(subject, None)
        if call is None:
            return
        if call.accepted_ns is not None:
            self._talk.observe(_seconds(call.accepted_ns, at))
        elif outcome.startswith("abandoned_"):
            self._abandoned.observe(_seconds(call.arrived_ns, at))


def _seconds(since_ns: int, at: Instant) -> float:
    return max(0.0, (at.mono_ns - since_ns) / 1e9)
