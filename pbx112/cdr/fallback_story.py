"""What the fallback's lines about one call come to: the same events that the daemon would have journalled.

A damaged line is left out; what remains still makes a call with one outcome, and each leg one result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal, get_args
from urllib.parse import unquote

import msgspec

from pbx112.model import events as ev
from pbx112.model.caller import read_caller
from pbx112.model.described import describe
from pbx112.model.events import CallEvent, Instant, LegResult, Outcome, Target
from pbx112.model.results import result_of
from pbx112.plan.types import AcceptMode, LineKind, Plan

_LINE = re.compile(
    r"([0-9]{1,10})\.([0-9]{6}),([A-Za-z0-9_.-]{1,150}),([a-z_]{1,20})((?:,[^,]{0,1000}){0,12})"
)
_BEGINS = re.compile(r"[0-9]{10}\.[0-9]{6},")
_LONGEST = 12_500
"""Characters; no line that holds a fact has more."""
_FIELDS = {
    "entered": 4,  # caller ID, number dialled, channel, plan: the exchange let a call in, for the daemon to take
    "left": 1,  # HANGUPCAUSE: that call's channel is gone
    "arrived": 4,  # the same four: the fallback has the call
    "described": 6,  # the texts of CallerDescribed, in that order
    "caller_answered": 0,
    "stage": 3,  # owner, why, round
    "offered": 12,  # leg, wave, owner, number, kind, dial, ring_for, accept, accept_for, trunk, caller_id, max_talk
    "answered": 1,  # leg
    "accepted": 1,  # leg
    "broke": 2,  # leg, HANGUPCAUSE of a line that had accepted and did not put the receiver down
    "leg_ended": 4,  # leg, DIALSTATUS (empty: the caller's side ended it), HANGUPCAUSE, SIP status
    "menu": 3,  # attempt, seconds to choose, digit=incident&…
    "chosen": 2,  # digit, incident
    "announcement": 0,
    "ended": 2,  # by (`staff`, `system`, empty: the caller), HANGUPCAUSE
}
_BY_STATUS = {
    "BUSY": LegResult.BUSY,
    "NOANSWER": LegResult.NO_ANSWER,
    "CHANUNAVAIL": LegResult.UNAVAILABLE,
    "CONGESTION": LegResult.UNAVAILABLE,
}

TIMER_EXPIRED = 102
"""Q.850: by this cause the dialplan says that a talk reached its limit."""

_LIMITS = {"TRUNK_FULL": "trunk_full", "TRUNK_HOUR_FULL": "trunk_hour_full"}
"""What the dialplan says of a line that it did not dial, and the leg's detail."""

_NOBODY = frozenset({Outcome.FALLBACK_UNANSWERED, Outcome.ABANDONED_MENU, Outcome.ABANDONED_RINGING})
"""Outcomes of a call that no human had accepted."""

ANSWERED_ELSEWHERE = 26
"""Asterisk's cause for a line that stops because another one has answered."""

At = tuple[Instant, CallEvent]


@dataclass(frozen=True, slots=True)
class Line:
    """One fact. `text` is the whole line, `at` its moment in microseconds since the epoch."""

    text: str
    at: int
    call: str
    fact: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FallbackCall:
    """A call that the dialplan handled, told in events; `plan` is the hash of the plan that decided.

    An event's `mono_ns` is its UTC time in nanoseconds: good for differences within this call.
    """

    call_id: str
    plan: str
    events: tuple[At, ...]

    def continuing(
        self, legs: int, shift_ns: int = 0, *, described: bool = False, accepted: bool = False
    ) -> tuple[At, ...]:
        """The events for a call whose beginning stands in the journal: without the arrival (and what the trunk said,
        where it is `described`), the legs counted on from the `legs` that it has, `mono_ns` moved by `shift_ns` onto
        the journal's monotonic clock. A call that a human had `accepted` before is answered, whatever came of it here.
        """
        return tuple(
            (Instant(at.utc_us, at.mono_ns + shift_ns), _continued(event, legs, accepted))
            for at, event in self.events
            if not (
                isinstance(event, ev.CallArrived) or (described and isinstance(event, ev.CallerDescribed))
            )
        )


def read_line(text: str) -> Line | None:
    """The fact that a line of the file holds, or None where it holds none. Behind one that broke off (a full disk, a
    power cut) the next one stands in the same line: that one is the fact, also where both together look like one."""
    text = text[-_LONGEST:]
    begins = list(_BEGINS.finditer(text))
    # Also a call's id may look like a line's beginning: it stands right behind one.
    ids = {
        after.start() for before, after in pairwise(begins) if "," not in text[before.end() : after.start()]
    }
    lines = (begin.start() for begin in reversed(begins) if begin.start() not in ids)
    return next(filter(None, (_whole(text[start:]) for start in (*lines, 0, *sorted(ids)))), None)


def _whole(text: str) -> Line | None:
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    seconds, micros, call, fact, rest = match.groups()
    fields = tuple(rest.split(",")[1:])
    if fact not in _FIELDS or len(fields) != _FIELDS[fact]:
        return None
    return Line(text, int(seconds) * 1_000_000 + int(micros), call, fact, fields)


def told(lines: Sequence[Line], plan: Plan) -> FallbackCall:
    """The story of a call whose last line is its end."""
    story = _Story(lines, plan)
    by, cause = lines[-1].fields
    if by not in ("staff", "system"):
        story.tell(ev.CallerLeft(_int(cause)))
    story.end("staff" if by == "staff" else "system" if by == "system" else "caller")
    return story.call()


def unfinished(lines: Sequence[Line], plan: Plan) -> FallbackCall:
    """The story as far as it got."""
    return _Story(lines, plan).call()


def closed(lines: Sequence[Line], plan: Plan, at: Instant) -> FallbackCall:
    """The story of a call that Asterisk never told the end of."""
    story = _Story(lines, plan)
    story.now = max(story.now, at.utc_us)
    story.end("system", Outcome.SYSTEM_FAILURE)
    return story.call()


def unseen(lines: Sequence[Line], plan: Plan) -> FallbackCall:
    """The story of a caller who came and went while there was no daemon to see it: no line was rung."""
    story = _Story(lines, plan)
    story.tell(ev.CallerLeft(_int(lines[-1].fields[0])))
    story.end("caller", Outcome.SYSTEM_FAILURE)
    return story.call()


@dataclass(slots=True)
class _Leg:
    number: int
    target: Target
    status: Literal["offered", "answered", "accepted", "ended"] = "offered"


class _Story:
    """One call's lines, read from the first to the last."""

    def __init__(self, lines: Sequence[Line], plan: Plan) -> None:
        self.events: list[At] = []
        if len(lines) > 1 and lines[1].fact == "arrived" and not _waited(lines[0], lines[1]):
            lines = lines[1:]
        self.now = lines[0].at
        self._call_id = lines[0].call
        self._plan_hash = next((line for line in lines if line.fact == "arrived"), lines[0]).fields[3]
        self._plan = plan
        self._legs: dict[str, _Leg] = {}
        # Told by another thread of Asterisk than the leg's end, and perhaps after it.
        self._broke = {line.fields[0]: _int(line.fields[1]) for line in lines if line.fact == "broke"}
        self._answered = False
        self._accepted = False
        self._place: Literal["ringing", "menu", "announcement"] = "ringing"
        for index, line in enumerate(lines):
            # Several threads of Asterisk write: a microsecond backwards is no step back in time.
            self.now = max(self.now, line.at)
            self._read(line, lines[index + 1 :])

    def call(self) -> FallbackCall:
        return FallbackCall(self._call_id, self._plan_hash, tuple(self.events))

    def tell(self, event: CallEvent) -> None:
        self.events.append((Instant(self.now, self.now * 1000), event))

    def end(self, by: Literal["caller", "staff", "system"], outcome: Outcome | None = None) -> None:
        """Close every leg, then the call."""
        for leg in self._live():
            if leg.status == "accepted":
                result = LegResult.ACCEPTED
            else:
                result = LegResult.CALLER_GONE if by == "caller" else LegResult.WITHDRAWN
            self._end_leg(leg, result)
        self.tell(ev.CallEnded(outcome or self._outcome(by), by))

    def _outcome(self, by: str) -> Outcome:
        if self._accepted:
            return Outcome.FALLBACK_ANSWERED
        if by != "caller" or self._place == "announcement":
            return Outcome.FALLBACK_UNANSWERED
        return Outcome.ABANDONED_MENU if self._place == "menu" else Outcome.ABANDONED_RINGING

    def _read(self, line: Line, later: Sequence[Line]) -> None:
        match line.fact, line.fields:
            case "entered" | "arrived", (caller, dialled, channel, _) if not self.events:
                self._arrived(unquote(caller), dialled, unquote(channel))
            case "described", said:
                if (described := describe([unquote(text) for text in said])) is not None:
                    self.tell(described)
            case "caller_answered", _:
                self._caller_answered()
            case "stage", (owner, why, round_):
                self._place = "ringing"
                self.tell(ev.StageEntered(owner, why, _int(round_) or 1, self._waves(later)))
            case "offered", (leg, *_):
                if leg not in self._legs and (target := self._target(line.fields)):
                    number = len(self._legs) + 1
                    self._legs[leg] = _Leg(number, target)
                    limited = any(
                        line.fact == "leg_ended" and line.fields[0] == leg and line.fields[1] in _LIMITS
                        for line in later
                    )
                    self.tell(ev.LegOffered(number, leg, target, placed=not limited))
            case "answered", (leg,):
                self._leg_answered(leg)
            case "accepted", (leg,):
                self._leg_accepted(leg)
            case "leg_ended", (leg, status, cause, sip):
                self._leg_gone(leg, status, _int(cause), _int(sip))
            case "menu", (attempt, wait, keys):
                self._place = "menu"
                self._caller_answered()
                pairs = (pair.partition("=") for pair in keys.split("&"))
                known = {digit: incident for digit, _, incident in pairs}
                self.tell(ev.MenuOffered(_int(attempt) or 1, (), known, float(_int(wait) or 0)))
            case "chosen", (digit, incident):
                self.tell(ev.MenuChosen(digit, incident))
            case "announcement", _:
                self._place = "announcement"
                self._caller_answered()
                self.tell(ev.AnnouncementStarted(("sound:pbx112/all_failed",)))
            case _:
                pass

    def _arrived(self, caller: str, dialled: str, channel: str) -> None:
        who = read_caller(caller, self._plan.service.country)
        source = channel.rpartition("-")[0].partition("/")[2]
        self.tell(
            ev.CallArrived(
                channel=self._call_id,
                caller_raw=who.raw,
                caller=who.e164,
                callable=who.callable,
                dialled=dialled,
                source=source[:80],
                via="fallback",
            )
        )

    def _caller_answered(self) -> None:
        if not self._answered:
            self._answered = True
            self.tell(ev.CallerAnswered())

    def _leg_answered(self, key: str) -> None:
        leg = self._legs.get(key)
        if leg is not None and leg.status == "offered":
            leg.status = "answered"
            self.tell(ev.LegAnswered(leg.number))

    def _leg_accepted(self, key: str) -> None:
        """A human has the call: every other line stops."""
        leg = self._legs.get(key)
        if leg is None or leg.status == "ended":
            return
        self._leg_answered(key)
        self._caller_answered()
        leg.status, self._accepted = "accepted", True
        self.tell(ev.LegAccepted(leg.number))
        for other in self._live():
            if other is not leg:
                self._end_leg(other, LegResult.ANSWERED_ELSEWHERE)

    def _leg_gone(self, key: str, status: str, cause: int | None, sip: int | None) -> None:
        leg = self._legs.get(key)
        if leg is None or leg.status == "ended":
            return
        if status in _LIMITS:
            self._end_leg(leg, LegResult.UNAVAILABLE, detail=_LIMITS[status])
            return
        if status and leg.status == "answered" and leg.target.accept == "pickup":
            # Put down again before Asterisk had joined it: it was taken all the same.
            self._leg_accepted(key)
        if leg.status == "accepted":
            detail = "max_talk" if cause == TIMER_EXPIRED else ""
            if key in self._broke:
                cause, detail = self._broke[key], "lost"
            self._end_leg(leg, LegResult.ACCEPTED, cause, detail=detail)
        elif not status:
            elsewhere = cause == ANSWERED_ELSEWHERE
            self._end_leg(leg, LegResult.ANSWERED_ELSEWHERE if elsewhere else LegResult.CALLER_GONE, cause)
        elif leg.status == "answered":
            self._end_leg(leg, LegResult.ANSWERED_NOT_ACCEPTED, cause)
        elif status == "NOANSWER":
            self._end_leg(leg, LegResult.NO_ANSWER, cause, sip)
        else:
            result = result_of(cause, sip)
            if result is LegResult.FAILED:
                result = _BY_STATUS.get(status, result)
            self._end_leg(leg, result, cause, sip)

    def _end_leg(
        self, leg: _Leg, result: LegResult, cause: int | None = None, sip: int | None = None, detail: str = ""
    ) -> None:
        leg.status = "ended"
        self.tell(ev.LegEnded(leg.number, result, cause, sip, detail))

    def _live(self) -> list[_Leg]:
        return [leg for leg in self._legs.values() if leg.status != "ended"]

    def _waves(self, later: Sequence[Line]) -> tuple[tuple[Target, ...], ...]:
        """The lines that were rung before the next stage began, those of one wave together. (What was left
        unrung because somebody answered is not in the file.)"""
        offered = []
        for line in later:
            if line.fact == "stage":
                break
            if line.fact == "offered" and (target := self._target(line.fields)):
                offered.append((line.fields[1], target))
        return tuple(tuple(t for _, t in wave) for _, wave in groupby(offered, key=lambda pair: pair[0]))

    def _target(self, fields: tuple[str, ...]) -> Target | None:
        """The line that was rung, as the dialplan knew it; its name is in the plan alone."""
        owner, number, kind, dial, ring_for, accept, accept_for, trunk, caller_id, max_talk = fields[2:]
        if kind not in get_args(LineKind) or accept not in get_args(AcceptMode):
            return None
        known = (line.name for of, line in self._plan.lines() if of == owner and line.number == number)
        longest = _int(max_talk)
        return Target(
            owner=owner,
            number=number,
            kind="mobile" if kind == "mobile" else "extension",
            dial=dial,
            name=next(known, number),
            ring_for=float(_int(ring_for) or 0),
            accept="press_1" if accept == "press_1" else "pickup",
            accept_for=float(_int(accept_for) or 0),
            trunk=trunk or None,
            caller_id=caller_id or None,
            max_talk=None if longest is None else float(longest),
        )


def _waited(entered: Line, arrived: Line) -> bool:
    """Whether the caller was let in first and the fallback had it then, having waited for a daemon that did not come:
    it came when it was let in. What is beyond all waiting is a clock that was set."""
    return 0 <= arrived.at - entered.at < ev.LATEST * 1_000_000


def _continued(event: CallEvent, legs: int, accepted: bool) -> CallEvent:
    if isinstance(event, ev.CallEnded) and accepted and event.outcome in _NOBODY:
        return msgspec.structs.replace(event, outcome=Outcome.ANSWERED)
    if isinstance(event, ev.LegOffered | ev.LegAnswered | ev.LegAccepted | ev.LegEnded):
        return msgspec.structs.replace(event, leg=event.leg + legs)
    return event


def _int(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
