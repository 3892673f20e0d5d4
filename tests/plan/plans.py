"""Small plans for stories of the 112 desk."""

from __future__ import annotations

from datetime import time
from typing import Literal
from zoneinfo import ZoneInfo

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

NEVER = Duty(frozenset(), time(0), time(0))
"""Hours in which nobody is on duty."""
ALWAYS = Duty(frozenset(range(1, 8)), time(0), time(0))


def extension(number: str, duty: Duty | None = None, ring_for: float = 1.0) -> Line:
    return Line(
        number,
        "extension",
        f"PJSIP/{number}",
        f"Line {number}",
        ring_for,
        "pickup",
        12.0,
        None,
        None,
        None,
        duty,
    )


def mobile(
    number: str,
    duty: Duty | None = None,
    accept_for: float = 2.0,
    max_talk: float | None = 3600.0,
    accept: Literal["pickup", "press_1"] = "press_1",
) -> Line:
    dial = f"PJSIP/{number}@gsm"
    return Line(number, "mobile", dial, "Piket", 3.0, accept, accept_for, "gsm", "0739112", max_talk, duty)


def agency(key: str, *lines: Line, ring: RingMode = "in_order", then: str | None = None) -> Agency:
    return Agency(key, key.upper(), "13", ring, lines, then)


def plan(
    *agencies: Agency,
    takers: tuple[Line, ...] = (),
    ring: RingMode = "in_order",
    then: str = "menu",
    menu: dict[str, str] | None = None,
    default: str = "",
    answer: AnswerMode = "on_pickup",
    max_calls: int = 4,
    max_per_hour: int = 300,
) -> Plan:
    """A plan of these agencies, the last one the default; `menu` gives the agency behind each key."""
    return Plan(
        hash="0123456789abcdef",
        service=Service("Layanan 112", "112", "id", ZoneInfo("Asia/Jakarta"), answer, 1.0, "ID"),
        trunks={"gsm": Trunk("gsm", "PJSIP/{number}@gsm", "0739112", max_calls, 60, ("+628",), max_per_hour)},
        call_takers=CallTakers(ring, takers, then) if takers else None,
        agencies={agency.key: agency for agency in agencies},
        incidents={
            f"incident_{digit}": Incident(f"incident_{digit}", f"Incident {digit}", digit, primary, ())
            for digit, primary in (menu or {}).items()
        },
        default_agency=default or agencies[-1].key,
        recording=Recording(enabled=False, keep_days=90),
    )
