"""Recorded calls, read for what their people did: how long a caller stayed and pressed what, how each line behaved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from pbx112.cdr.values import moment
from pbx112.model import events as ev
from pbx112.model.events import CallEvent, Instant, LegResult
from pbx112.model.state import SECOND

from .people import Attempt, Caller

History = Sequence[tuple[Instant, CallEvent]]

CUT_SHORT = frozenset({LegResult.ANSWERED_ELSEWHERE, LegResult.CALLER_GONE, LegResult.WITHDRAWN})
"""Results that say nothing of the line but that it had not answered yet."""

FOR_EVER = 4 * 3600.0
"""Seconds that a caller is taken to wait whom somebody answered: nobody knows how long it would have stayed."""

NEW_LINE = 10.0
"""Seconds after which a line of which the record knows nothing is taken to answer, unless told otherwise."""

KEY = (3.0, "1")
"""When, after picking up, a human presses 1 who was not asked to in the record, but is now."""

_CAUSE = {
    LegResult.BUSY: (17, 486),
    LegResult.DECLINED: (21, 603),
    LegResult.UNAVAILABLE: (20, None),
    LegResult.MISCONFIGURED: (1, 404),
    LegResult.NO_ANSWER: (19, 480),
}


@dataclass(frozen=True, slots=True)
class Ring:
    """One recorded attempt: what the line did, and, where it was cut short, after how many seconds."""

    at_us: int
    does: Attempt
    cut_after: float | None = None


@dataclass(slots=True)
class Recorded:
    """One recorded call. `waited` is how long it took until a human accepted, None where none did."""

    call_id: str
    arrived: Instant
    number: str
    caller: Caller
    plan: str
    outcome: str
    waited: float | None
    owner: str = ""
    line: str = ""
    rings: dict[str, list[Ring]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    """The incident that each key meant which the caller pressed in the menu."""

    @property
    def arrived_at(self) -> datetime:
        """UTC."""
        return moment(self.arrived.utc_us)


def read_call(call_id: str, history: History, plan: str) -> Recorded | None:
    """What one call's events tell of its people; None where it has no end, or the dialplan alone had it (then no
    decision of ours is in it)."""
    begun, arrival = history[0] if history else (None, None)
    if begun is None or not isinstance(arrival, ev.CallArrived):
        return None
    if arrival.via == "fallback" or any(isinstance(event, ev.HandedToFallback) for _, event in history):
        return None
    offers: dict[int, tuple[Instant, ev.LegOffered]] = {}
    answered: dict[int, Instant] = {}
    accepted: dict[int, Instant] = {}
    rings: defaultdict[str, list[Ring]] = defaultdict(list)
    menus: list[tuple[Instant, tuple[float, str] | None]] = []
    chosen: dict[str, str] = {}
    left: Instant | None = None
    end: tuple[Instant, ev.CallEnded] | None = None
    for at, event in history:
        match event:
            case ev.LegOffered(leg=leg) if event.placed:
                offers[leg] = (at, event)
            case ev.LegAnswered(leg=leg):
                answered[leg] = at
            case ev.LegAccepted(leg=leg):
                accepted[leg] = at
                answered.setdefault(leg, at)
            case ev.LegEnded(leg=leg) if leg in offers:
                offered_at, offer = offers[leg]
                ring = _ring(offered_at, offer, answered.get(leg), accepted.get(leg), at, event)
                rings[offer.target.number].append(ring)
            case ev.MenuOffered():
                menus.append((at, None))
            case ev.MenuChosen(digit=digit, incident=incident) if digit and menus:
                menus[-1] = (menus[-1][0], (_seconds(menus[-1][0], at), digit))
                chosen[digit] = incident
            case ev.CallerLeft():
                left = left or at
            case ev.CallEnded():
                end = (at, event)
            case _:
                pass
    if end is None:
        return None
    first = min(accepted.items(), key=lambda one: one[1].mono_ns, default=None)
    stayed = _seconds(begun, left or end[0])
    talked = _seconds(first[1], left or end[0]) if first else 0.0
    caller = Caller(
        number=arrival.caller_raw,
        patience=FOR_EVER if first or left is None else stayed,
        talks=max(0.1, talked),
        keys=tuple(key for _, key in menus) or (None,),
    )
    target = offers[first[0]][1].target if first else None
    return Recorded(
        call_id,
        begun,
        arrival.caller_raw,
        caller,
        plan,
        end[1].outcome.value,
        _seconds(begun, first[1]) if first else None,
        target.owner if target else "",
        target.number if target else "",
        dict(rings),
        chosen,
    )


def _ring(
    offered_at: Instant,
    offer: ev.LegOffered,
    answered: Instant | None,
    accepted: Instant | None,
    ended: Instant,
    how: ev.LegEnded,
) -> Ring:
    lasted = _seconds(offered_at, ended)
    if answered is not None:
        presses: tuple[tuple[float, str], ...] = ()
        if accepted is not None:
            asked = offer.target.accept == "press_1"
            presses = ((max(0.0, _seconds(answered, accepted)), "1") if asked else KEY,)
        talks = None if accepted is not None else _seconds(answered, ended)
        if how.cause is None:
            talks = None  # we ended it
        return Ring(
            offered_at.utc_us, Attempt("answers", _seconds(offered_at, answered), 0.1, presses, talks)
        )
    if how.result in CUT_SHORT:
        return Ring(offered_at.utc_us, Attempt("rings", says_ringing=0.1), lasted)
    if how.result is LegResult.NO_ANSWER and how.cause is None:
        return Ring(offered_at.utc_us, Attempt("rings", says_ringing=0.1))
    cause, sip = _CAUSE.get(how.result, (127, None))
    if how.detail == "unreachable":
        return Ring(offered_at.utc_us, Attempt("unreachable"))
    return Ring(
        offered_at.utc_us, Attempt("ends", lasted, None, cause=how.cause or cause, sip=how.sip or sip)
    )


class RecordedPeople:
    """Lines behave as they did in the same call; else as they did nearest in time; else as `new_line` says (seconds
    until a line that nobody knows answers, None: it does not)."""

    def __init__(self, calls: Iterable[Recorded], new_line: float | None) -> None:
        self._calls: dict[str, Recorded] = {}
        self._known: defaultdict[str, list[Ring]] = defaultdict(list)
        self._turn: Counter[tuple[str, str]] = Counter()
        self._new_line = new_line
        self.unknown: Counter[str] = Counter()
        """Lines of which the record knows nothing, and how often they were rung."""
        for call in calls:
            self._calls[call.call_id] = call
            for number, rings in call.rings.items():
                self._known[number] += rings
        for rings in self._known.values():
            rings.sort(key=lambda ring: ring.at_us)

    def again(self) -> None:
        """From the beginning, for another plan."""
        self._turn.clear()
        self.unknown.clear()

    def rung(self, call_id: str, number: str, dial: str) -> Attempt:
        """What the line does."""
        call = self._calls[call_id]
        own = call.rings.get(number, [])
        turn = self._turn[(call_id, number)]
        self._turn[(call_id, number)] += 1
        if turn < len(own) and own[turn].cut_after is None:
            return own[turn].does
        silent = own[turn].cut_after or 0.0 if turn < len(own) else 0.0
        near = self._nearest(number, call.arrived.utc_us, silent)
        if near is not None:
            return near
        if silent:  # it rang so long in this very call, and more is not known: as others on the average
            return Attempt("rings", says_ringing=0.1)
        self.unknown[number] += 1
        if self._new_line is None:
            return Attempt("rings", says_ringing=0.1)
        return Attempt("answers", self._new_line, 0.1, (KEY,))

    def _nearest(self, number: str, at_us: int, longer_than: float) -> Attempt | None:
        whole = [
            ring
            for ring in self._known.get(number, ())
            if ring.cut_after is None and (ring.does.does != "answers" or ring.does.after > longer_than)
        ]
        return min(whole, key=lambda ring: abs(ring.at_us - at_us)).does if whole else None

    def transfers(self, channel: str, named: Sequence[str]) -> tuple[float, str] | None:
        """None of those who are told of."""
        return None

    def at_work(self, codes: Sequence[str]) -> Iterable[tuple[float, str]]:
        """What was pressed does not change who is reached first."""
        return ()

    def fallback(self, call_id: str) -> tuple[float, float] | None:
        """The dialplan has no part in a rehearsal."""
        return None

    def medians(self) -> Mapping[str, float]:
        """Seconds in which each line answered, where it did."""
        answered = {
            number: [ring.does.after for ring in rings if ring.does.does == "answers"]
            for number, rings in self._known.items()
        }
        return {number: median(seconds) for number, seconds in answered.items() if seconds}


def _seconds(since: Instant, at: Instant) -> float:
    return max(0.0, (at.mono_ns - since.mono_ns) / SECOND)
