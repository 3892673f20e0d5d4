"""A 112 desk on paper: the pure model, driven by hand, with its clock in our hands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from pbx112.model import stimuli
from pbx112.model.asks import Request
from pbx112.model.decide import arrive, decide
from pbx112.model.events import CallEnded, CallEvent, Instant, LegEnded, LegOffered, Outcome
from pbx112.model.react import react
from pbx112.model.state import SECOND, Call, begin, due, evolve, fold
from pbx112.model.stimuli import Stimulus, World
from pbx112.plan.types import (
    Agency,
    AnswerMode,
    CallTakers,
    Duty,
    Incident,
    Line,
    Plan,
    Recording,
    RingMode,
    Service,
    Trunk,
)

NOON = int(datetime(2026, 11, 24, 5, 0, tzinfo=UTC).timestamp() * 1e6)
"""A Tuesday, 12:00 in Bengkulu."""

DAY = Duty(frozenset(range(1, 8)), time(7), time(19))
NIGHT = Duty(frozenset(range(1, 8)), time(19), time(7))


def extension(number: str, ring_for: float = 15.0, duty: Duty | None = None) -> Line:
    return Line(
        number, "extension", f"PJSIP/{number}", number, ring_for, "pickup", 12.0, None, None, None, duty
    )


def mobile(number: str, duty: Duty | None = None) -> Line:
    return Line(
        number,
        "mobile",
        f"PJSIP/{number}@gsm",
        number,
        25.0,
        "press_1",
        12.0,
        "gsm",
        "0739112",
        3600.0,
        duty,
    )


def agency(key: str, *lines: Line, ring: RingMode = "in_order", then: str | None = None) -> Agency:
    return Agency(key, key.title(), str(abs(hash(key)) % 90 + 10), ring, lines, then)


def plan(
    *agencies: Agency,
    call_takers: CallTakers | None = None,
    menu: dict[str, str] | None = None,
    default: str | None = None,
    answer: AnswerMode = "on_pickup",
    max_calls: int = 4,
    max_per_hour: int = 60,
    at_once: int = 500,
    max_wait: float = 120.0,
    silence: float = 0.0,
) -> Plan:
    """A plan; `menu` maps a digit to an agency, `at_once` is how many calls are served at once."""
    incidents = {
        f"kasus_{digit}": Incident(f"kasus_{digit}", f"Kasus {digit}", digit, owner, ())
        for digit, owner in (menu or {}).items()
    }
    return Plan(
        hash="0123456789abcdef",
        service=Service(
            "Layanan 112",
            "112",
            "id",
            ZoneInfo("Asia/Jakarta"),
            answer,
            8.0,
            "ID",
            at_once,
            max_wait,
            silence=silence,
        ),
        trunks={"gsm": Trunk("gsm", "PJSIP/{number}@gsm", "0739112", max_calls, 60, ("+628",), max_per_hour)},
        call_takers=call_takers,
        agencies={a.key: a for a in agencies},
        incidents=incidents,
        default_agency=default or agencies[0].key,
        recording=Recording(enabled=True, keep_days=90),
    )


class Desk:
    """One call on the given plan. Legs are named by the number of their line."""

    def __init__(self, on: Plan, utc_us: int = NOON, trunk_load: dict[str, int] | None = None) -> None:
        self.plan = on
        self.start_us = utc_us
        self.elapsed_ns = 0
        self.trunk_load = trunk_load or {}
        self.trunk_placed: dict[str, int] = {}
        self.idle_since: dict[str, int] = {}
        self.serving = 0
        self.ahead = 0
        self.talking: set[str] = set()
        self.engaged: set[str] = set()
        self.away: set[str] = set()
        self.seeking = 0
        self.before_takers = 0
        self.history: list[tuple[Instant, CallEvent]] = []
        self.requests: list[Request] = []
        self.call: Call | None = None

    @property
    def world(self) -> World:
        at = Instant(self.start_us + self.elapsed_ns // 1000, self.elapsed_ns)
        return World(
            at,
            self.trunk_load,
            self.idle_since,
            self.trunk_placed,
            serving=self.serving,
            ahead=self.ahead,
            away=self.away,
            talking=self.talking,
            engaged=self.engaged,
            seeking=self.seeking,
            before_takers=self.before_takers,
        )

    def arrives(self, number: str = "081234567890", nuisance: int = 0) -> None:
        e164 = "+62" + number[1:]
        arrived = stimuli.Arrived("c1", number, e164, True, "112", "PJSIP/intake", nuisance=nuisance)
        self._tell(arrive("c1", arrived, self.plan, self.world))

    def hears(self, stimulus: Stimulus) -> list[CallEvent]:
        assert self.call is not None
        events = decide(self.call, stimulus, self.plan, self.world)
        self._tell(events)
        return events

    def _tell(self, events: Sequence[CallEvent]) -> None:
        for event in events:
            at = self.world.now
            after = begin("c1", event, at) if self.call is None else evolve(self.call, event, at)
            assert after is not None
            self.requests += react(self.call or after, event)
            self.call = after
            self.history.append((at, event))
        assert fold("c1", self.history) == self.call, "the journal tells another story than the memory"

    def leg(self, number: str) -> int:
        """The live (else the last) leg to the line with this number."""
        assert self.call is not None
        legs = [leg for leg in self.call.legs if leg.target.number == number]
        assert legs, f"{number} was never rung"
        return next((leg.number for leg in legs if leg.live), legs[-1].number)

    def picks_up(self, number: str) -> None:
        self.hears(stimuli.PickedUp(self.leg(number)))

    def presses(self, number: str, digit: str) -> None:
        self.hears(stimuli.KeyPressed(digit, self.leg(number)))

    def caller_presses(self, digit: str) -> None:
        self.hears(stimuli.KeyPressed(digit))

    def refuses(self, number: str, cause: int, sip: int | None = None) -> None:
        self.hears(stimuli.HungUp(self.leg(number), cause, sip))

    def hangs_up(self, number: str) -> None:
        self.hears(stimuli.HungUp(self.leg(number), 16))

    def caller_hangs_up(self) -> None:
        self.hears(stimuli.CallerHungUp(16))

    def waits(self, seconds: float) -> None:
        """Time passes, and every deadline within it strikes at its moment."""
        end = self.elapsed_ns + int(seconds * SECOND)
        while self.call is not None and (moment := due(self.call)) is not None and moment <= end:
            self.elapsed_ns = max(self.elapsed_ns, moment)
            assert self.hears(stimuli.TimePassed()), "a deadline struck and nothing happened"
        self.elapsed_ns = end

    def passes(self, seconds: float) -> None:
        """Time passes and nobody looks at the clock."""
        self.elapsed_ns += int(seconds * SECOND)

    @property
    def ringing(self) -> list[str]:
        """The lines being rung now."""
        assert self.call is not None
        return [leg.target.number for leg in self.call.live_legs() if leg.status != "accepted"]

    @property
    def rung(self) -> list[str]:
        """Every line rung so far, in order."""
        return [event.target.number for _, event in self.history if isinstance(event, LegOffered)]

    @property
    def results(self) -> list[tuple[str, str]]:
        """Line and result of every ended leg, in the order of the ends."""
        assert self.call is not None
        return [
            (self.call.legs[event.leg - 1].target.number, event.result.value)
            for _, event in self.history
            if isinstance(event, LegEnded)
        ]

    @property
    def outcome(self) -> Outcome | None:
        ends = [event.outcome for _, event in self.history if isinstance(event, CallEnded)]
        assert len(ends) <= 1, "a call has one outcome"
        return ends[0] if ends else None

    def asked(self, kind: type[Request]) -> list[Request]:
        """The requests of a kind that went to Asterisk."""
        return [request for request in self.requests if isinstance(request, kind)]
