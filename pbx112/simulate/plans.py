"""Plans of all shapes, drawn from a seed: for worlds in which any plan that an office may write has to hold."""

from __future__ import annotations

from datetime import time
from random import Random
from zoneinfo import ZoneInfo

from pbx112.plan.types import (
    MENU,
    Agency,
    AnswerMode,
    CallTakers,
    Duty,
    Incident,
    Line,
    Nuisance,
    Plan,
    Recording,
    RingMode,
    Service,
    Supervisors,
    Trunk,
)

EVERY_DAY = frozenset(range(1, 8))
SHIFTS = (
    Duty(EVERY_DAY, time(7), time(19)),
    Duty(EVERY_DAY, time(19), time(7)),
    Duty(frozenset({1, 2, 3, 4, 5}), time(8), time(16)),
)
KEYS = ("damkar", "satpol_pp", "bpbd", "rsud", "polres")
ZONE = ZoneInfo("Asia/Jakarta")


def draw(chance: Random, name: str) -> Plan:
    """A plan; `name` is its hash."""
    trunks = {
        key: Trunk(
            key=key,
            dial=f"PJSIP/{{number}}@{key}",
            caller_id="0739112",
            max_calls=chance.choice((1, 1, 2, 3, 6)),
            max_minutes=60,
            allow=("+628",),
            max_per_hour=chance.randint(2, 30) if chance.random() < 0.3 else 600,
        )
        for key in ("gsm", "voip")
    }
    keys = KEYS[: chance.randint(1, len(KEYS))]
    agencies: dict[str, Agency] = {}
    for place, key in enumerate(keys):
        then = chance.choice((None, *(other for other in keys if other != key)))
        lines = _lines(chance, 2000 + 100 * place, 0 if chance.random() < 0.1 else chance.randint(1, 4))
        ring: RingMode = "all" if chance.random() < 0.4 else "in_order"
        if agencies and chance.random() < 0.1:
            lines += agencies[keys[0]].lines[-1:]  # one telephone for two: the office is warned, and may
        agencies[key] = Agency(key, key.title(), str(10 + place), ring, lines, then)
    incidents = {}
    if chance.random() < 0.7:
        for digit in range(1, chance.randint(2, 5)):
            incident = f"kasus_{digit}"
            incidents[incident] = Incident(
                incident, f"Kasus {digit}", str(digit), chance.choice(keys), _support(chance, keys)
            )
    takers = None
    if chance.random() < 0.7:
        lines = tuple(_extension(chance, str(1101 + index)) for index in range(chance.randint(0, 4)))
        if chance.random() < 0.1:
            lines += agencies[keys[0]].lines[-1:]
        takers = CallTakers(
            chance.choice(("all", "in_order", "longest_idle")),
            lines,
            MENU if incidents and chance.random() < 0.6 else chance.choice(keys),
            wrap_up=chance.choice((0.0, 0.0, 20.0)),
            max_wait=chance.choice((0.0, 8.0, 30.0, 60.0)),
        )
    supervisors = Supervisors("all", (_extension(chance, "1201"),)) if chance.random() < 0.5 else None
    answer: AnswerMode = "on_arrival" if chance.random() < 0.3 else "on_pickup"
    return Plan(
        hash=name,
        service=Service(
            name="Layanan 112",
            number="112",
            language="id",
            timezone=ZONE,
            answer=answer,
            menu_wait=chance.choice((5.0, 8.0)),
            country="ID",
            max_calls=chance.randint(1, 8) if chance.random() < 0.3 else 500,
            max_wait=chance.choice((10.0, 60.0, 120.0)),
            max_hold=chance.choice((5.0, 30.0, 120.0)),
            silence=chance.choice((0.0, 4.0, 10.0)),
        ),
        trunks=trunks,
        call_takers=takers,
        agencies=agencies,
        incidents=incidents,
        default_agency=chance.choice(keys),
        recording=Recording(enabled=chance.random() < 0.8, keep_days=90),
        nuisance=Nuisance(0, 24, chance.random() < 0.7) if chance.random() < 0.5 else None,
        supervisors=supervisors,
    )


def _support(chance: Random, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(chance.sample(keys, chance.randint(0, len(keys))))


def _lines(chance: Random, first: int, count: int) -> tuple[Line, ...]:
    return tuple(
        _mobile(chance, f"+62812{first + index:08d}")
        if chance.random() < 0.4
        else _extension(chance, str(first + index))
        for index in range(count)
    )


def _duty(chance: Random) -> Duty | None:
    return chance.choice(SHIFTS) if chance.random() < 0.3 else None


def _extension(chance: Random, number: str) -> Line:
    ring_for = chance.choice((5.0, 10.0, 15.0, 20.0))
    duty = _duty(chance)
    return Line(
        number, "extension", f"PJSIP/{number}", number, ring_for, "pickup", 12.0, None, None, None, duty
    )


def _mobile(chance: Random, number: str) -> Line:
    trunk = chance.choice(("gsm", "gsm", "voip"))
    longest = chance.choice((30.0, 3600.0))
    return Line(
        number=number,
        kind="mobile",
        dial=f"PJSIP/{number}@{trunk}",
        name=number,
        ring_for=chance.choice((15.0, 25.0)),
        accept="press_1" if chance.random() < 0.8 else "pickup",
        accept_for=12.0,
        trunk=trunk,
        caller_id="0739112",
        max_talk=longest,
        duty=_duty(chance),
    )
