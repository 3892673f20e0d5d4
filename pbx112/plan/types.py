"""The plan: who is rung for what, in which order, for how long.

A `Plan` is what remains of `agencies.yaml` once every reference is resolved and every rule checked:
immutable, complete, and the only source of anything that is ever dialled.
All durations are seconds. Built by :mod:`pbx112.plan.load`; read by everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

RingMode = Literal["all", "in_order", "longest_idle"]
AnswerMode = Literal["on_pickup", "on_arrival"]
AcceptMode = Literal["pickup", "press_1"]
LineKind = Literal["extension", "mobile"]
AgencyKind = Literal["agency", "neighbour"]
NumberFormat = Literal["e164", "plain", "national"]

MENU: Literal["menu"] = "menu"
"""The word in `call_takers.then` that sends the caller to the spoken menu of incidents."""

CALL_TAKERS: Literal["call_takers"] = "call_takers"
"""The owner's key under which the call takers' lines stand beside the agencies'; no agency may use it."""


SUPERVISORS: Literal["supervisors"] = "supervisors"
"""The owner's key of the supervisors' lines; no agency may use it."""

MAX_CALLS = 500
"""Calls served at once unless the plan says otherwise: what was measured to run at once (`docs/performance.md`).
Below it nobody waits for the machine's sake."""

MAX_WAIT = 120.0
"""Seconds after which a caller who waits goes on all the same, unless the plan says otherwise."""

MAX_HOLD = 120.0
"""Seconds after which a caller who is held is brought back, unless the plan says otherwise."""
SILENCE = 10.0
"""Seconds of a talk in which nothing is heard of the caller, after which it is asked for a key, unless the plan says
otherwise."""

TAKERS_MAX_WAIT = 60.0
"""Seconds for which a caller waits for a call taker while all of them talk, unless the plan says otherwise."""

WRAP_UP = 0.0
"""Seconds after a call in which a call taker's line is tried last, unless the plan says otherwise."""

LONGEST_PAUSE = 1800.0
"""Seconds after which a call taker's pause ends by itself, unless the plan says otherwise."""

MAX_PER_HOUR = 300
"""Calls placed over a trunk within an hour unless the plan says otherwise."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Weekly hours in which a line is staffed, in the service's time zone.

    `days` holds ISO weekdays (Monday 1 … Sunday 7) on which a shift *begins*; a shift whose `end` is not
    after its `start` runs past midnight into the next day (`19:00-07:00`).
    """

    days: frozenset[int]
    start: time
    end: time

    def covers(self, moment: datetime) -> bool:
        """Whether `moment` (already in the service's time zone) lies within a shift."""
        day, clock = moment.isoweekday(), moment.time()
        if self.start < self.end:
            return day in self.days and self.start <= clock < self.end
        if day in self.days and clock >= self.start:
            return True
        yesterday = 7 if day == 1 else day - 1
        return yesterday in self.days and clock < self.end


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way out to the public network. `max_calls` caps simultaneous calls, `max_minutes` one call's length,
    `max_per_hour` the calls placed within any hour."""

    key: str
    dial: str
    caller_id: str | None
    max_calls: int
    max_minutes: int
    allow: tuple[str, ...]
    max_per_hour: int = MAX_PER_HOUR
    format: NumberFormat = "e164"


@dataclass(frozen=True, slots=True)
class Line:
    """One standby extension or mobile of an agency or of the call takers."""

    number: str
    """What people call it: `2101`, or `+6281200000001` (E.164)."""
    kind: LineKind
    dial: str
    """The whole Asterisk endpoint, complete and checked: `PJSIP/2101`, `PJSIP/+6281200000001@gsm`."""
    name: str
    ring_for: float
    accept: AcceptMode
    accept_for: float
    """How long a line that answered may take to press 1."""
    trunk: str | None
    caller_id: str | None
    max_talk: float | None
    """Length limit of one call on this line (its trunk's `max_minutes`), or None."""
    duty: Duty | None
    """None: around the clock."""


@dataclass(frozen=True, slots=True)
class CallTakers:
    """The people who answer 112 first; `then` is `menu` or an agency's key."""

    ring: RingMode
    lines: tuple[Line, ...]
    then: str
    wrap_up: float = WRAP_UP
    """Seconds after a call in which a line is tried last."""
    longest_pause: float = LONGEST_PAUSE
    """Seconds after which a pause ends by itself."""
    max_wait: float = TAKERS_MAX_WAIT
    """Seconds for which a caller waits while all of them talk; 0: nobody waits."""


@dataclass(frozen=True, slots=True)
class Supervisors:
    """Those whom call takers call in; never rung for a caller."""

    ring: RingMode
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Nuisance:
    """A number that was marked prank more than `marks` times within `within_hours` goes behind the others, and, with
    `question`, hears one first."""

    marks: int
    within_hours: int
    question: bool


@dataclass(frozen=True, slots=True)
class Verify:
    """All lines of the agencies are tested once in each window `when`, each at most so many times."""

    when: Duty
    tries: int


@dataclass(frozen=True, slots=True)
class Agency:
    """An OPD with its lines; `then` is the agency to try when all its lines have failed."""

    key: str
    name: str
    code: str
    ring: RingMode
    lines: tuple[Line, ...]
    then: str | None
    standby: tuple[Line, ...] = ()
    """Further mobiles, rung only while the agency has chosen one of them for the night."""
    kind: AgencyKind = "agency"
    """`neighbour`: the 112 of a neighbouring kabupaten, for calls from across the border."""

    def standby_lines(self) -> tuple[Line, ...]:
        """The mobiles of which the agency may choose the one that is tried first."""
        return (*(line for line in self.lines if line.kind == "mobile"), *self.standby)


@dataclass(frozen=True, slots=True)
class Incident:
    """A category of emergency with its SOP: who goes first, who supports. `menu` is the caller's key, `code` the
    operator's."""

    key: str
    name: str
    menu: str | None
    primary: str
    support: tuple[str, ...]
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What the service is called and how it greets."""

    name: str
    number: str
    language: str
    timezone: ZoneInfo
    answer: AnswerMode
    menu_wait: float
    """Seconds a caller has to choose after the menu has been spoken."""
    country: str
    """ISO 3166 region in which a number without `+` is read (`ID`)."""
    max_calls: int = MAX_CALLS
    """Calls that are served at once; the next caller waits."""
    max_wait: float = MAX_WAIT
    """Seconds after which a caller who waits goes on all the same."""
    max_hold: float = MAX_HOLD
    """Seconds after which a caller who is held is brought back."""
    silence: float = SILENCE
    """Seconds of a talk in which nothing is heard of the caller, after which it is asked for a key; 0: never."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether talks are recorded and how many days they are kept."""

    enabled: bool
    keep_days: int


@dataclass(frozen=True, slots=True)
class Retention:
    """Whole months for which records are kept."""

    personal_months: int = 24
    """Events, and callers' numbers."""
    access_months: int = 60
    """The log of who read the records."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated `agencies.yaml`. `hash` (first 16 hex digits of the file's SHA-256) names it in the records."""

    hash: str
    service: Service
    trunks: Mapping[str, Trunk]
    call_takers: CallTakers | None
    agencies: Mapping[str, Agency]
    incidents: Mapping[str, Incident]
    default_agency: str
    recording: Recording
    supervisors: Supervisors | None = None
    retention: Retention = Retention()
    nuisance: Nuisance | None = None
    verify: Verify | None = None

    def incident_on_key(self, digit: str) -> Incident | None:
        """The incident that the caller chooses with `digit` in the menu, or None."""
        return next((i for i in self.incidents.values() if i.menu == digit), None)

    def lines(self) -> tuple[tuple[str, Line], ...]:
        """Every line with the key of its owner (`call_takers`, `supervisors` or an agency), in the file's order."""
        takers: list[tuple[str, Line]] = []
        if self.call_takers:
            takers += [(CALL_TAKERS, line) for line in self.call_takers.lines]
        if self.supervisors:
            takers += [(SUPERVISORS, line) for line in self.supervisors.lines]
        return (*takers, *((a.key, line) for a in self.agencies.values() for line in a.lines))
