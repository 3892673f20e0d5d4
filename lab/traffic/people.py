"""What citizens, call takers and agencies do, drawn from a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from pbx112.model.events import Disposition, Target
from pbx112.plan.types import CALL_TAKERS, Plan
from pbx112.simulate.people import Attempt

KINDS = {
    Disposition.NORMAL: 0.22,
    Disposition.PRANK: 0.37,
    Disposition.GHOST: 0.24,
    Disposition.INFORMASI: 0.12,
    Disposition.UJI_COBA: 0.015,
    Disposition.SALAH_WILAYAH: 0.035,
}
"""Shares of what calls are. Published: pranks 23 % (DKI 2024) to 84 % (Sidoarjo 2022-24), prank and ghost 39 %
(Semarang 2025)."""

INCIDENTS = {
    "kecelakaan": 30,
    "masalah_kesehatan": 26,
    "kebakaran": 10,
    "gangguan_keamanan": 12,
    "gangguan_listrik": 6,
    "banjir": 5,
    "tanah_longsor": 4,
    "darurat_lain": 4,
    "kecelakaan_wisata": 2,
    "bencana_alam": 1,
}

ANSWERS = {
    "satpol_pp": 0.84,
    "damkar": 0.88,
    "rsud": 0.86,
    "polres": 0.87,
    "bpbd": 0.78,
    "dinkes": 0.62,
    "pln": 0.70,
    "pupr": 0.52,
    "dinsos": 0.55,
    "dishub": 0.58,
}
"""How often a line on duty is picked up by a human, by agency; others: 0.6."""

STORMS = frozenset({"tanah_longsor", "banjir", "bencana_alam"})
"""What takes telephone lines with it."""

NUISANCE = frozenset({Disposition.PRANK, Disposition.GHOST})
CITIZENS = 60_000
PRANKSTERS = 900
PREFIXES = ("0811", "0812", "0813", "0821", "0822", "0852", "0853", "0857", "0859", "0877", "0878", "0896")
SOURCES = ("telkomsel", "telkomsel", "telkomsel", "indosat", "xl")


@dataclass(frozen=True, slots=True)
class Citizen:
    """One call's caller. Seconds: `patience` until it hangs up unserved, `talk` of the whole talk; `key` is what it
    presses in the menu, `key_after` when; `speaks` whether anything is heard of it; `described` whether the trunk says
    more of it; `storm`: lines are down."""

    number: str
    source: str
    kind: Disposition
    incident: str
    patience: float
    talk: float
    key: str
    key_after: float
    speaks: bool
    described: bool
    storm: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """What the operator does in a talk: (seconds from the join on, keys) in order; `hands_over`: puts the receiver down
    so long after an agency has come; `late`: says afterwards what it was, so many seconds later; `ends`: puts the
    receiver down before the caller does; `breaks`: the line breaks instead."""

    codes: tuple[tuple[float, str], ...]
    hands_over: float | None
    late: float | None
    ends: bool
    breaks: bool


class People:
    """Everybody, for one office with this plan."""

    def __init__(self, chance: Random, plan: Plan) -> None:
        self._chance = chance
        self._digits = {i.menu: i.key for i in plan.incidents.values() if i.menu}
        self._keys = {incident: digit for digit, incident in self._digits.items()}
        self._codes = {i.key: i.code or i.menu or "" for i in plan.incidents.values()}
        self._plan = plan
        self._zipf = [1 / (rank + 1.5) ** 1.05 for rank in range(PRANKSTERS)]
        self._weights = _running(self._zipf)
        self._kinds = tuple(KINDS)
        self._kind_weights = _running(list(KINDS.values()))
        self._incidents = tuple(INCIDENTS)
        self._incident_weights = _running([float(w) for w in INCIDENTS.values()])

    def citizen(self, burst: str) -> Citizen:
        """Who calls, in a `burst` of calls for an incident or out of the blue."""
        chance = self._chance
        kind = (
            Disposition.NORMAL
            if burst and chance.random() < 0.9
            else chance.choices(self._kinds, cum_weights=self._kind_weights)[0]
        )
        incident = ""
        if kind is Disposition.NORMAL:
            incident = burst or chance.choices(self._incidents, cum_weights=self._incident_weights)[0]
        key = self._keys.get(incident) or ("" if chance.random() < 0.5 else chance.choice("0123456789"))
        if kind in NUISANCE and chance.random() < 0.6:
            key = ""
        return Citizen(
            number=self._number(kind),
            source=chance.choice(SOURCES),
            kind=kind,
            incident=incident,
            patience=self._patience(kind) * (3.0 if burst in STORMS else 1.0),
            talk=self._talk(kind),
            key=key,
            key_after=chance.uniform(1.0, 14.0),
            speaks=kind is not Disposition.GHOST or chance.random() < 0.1,
            described=chance.random() < 0.2,
            storm=burst in STORMS,
        )

    def _number(self, kind: Disposition) -> str:
        """As the trunk writes it: withheld, a handset without a SIM, a telephone box, or a mobile."""
        chance = self._chance
        if kind in NUISANCE and chance.random() < 0.75:
            who = chance.choices(range(PRANKSTERS), cum_weights=self._weights)[0]
            return _mobile(who * 7919 + 17)
        draw = chance.random()
        if draw < 0.03:
            return "anonymous"
        if draw < 0.05:
            return f"911{chance.randrange(10**9):09d}"
        if draw < 0.07:
            return f"0739{61000 + chance.randrange(600)}"
        number = _mobile(10**6 + int(CITIZENS * chance.random() ** 1.6))
        return f"+62{number[1:]}" if draw > 0.5 else number

    def _patience(self, kind: Disposition) -> float:
        chance = self._chance
        if kind in NUISANCE:
            return chance.expovariate(1 / 5.0) if chance.random() < 0.15 else chance.expovariate(1 / 45.0) + 4
        return chance.expovariate(1 / 8.0) if chance.random() < 0.05 else chance.expovariate(1 / 240.0) + 15

    def _talk(self, kind: Disposition) -> float:
        middle, spread = {
            Disposition.NORMAL: (120.0, 0.6),
            Disposition.PRANK: (14.0, 0.8),
            Disposition.GHOST: (16.0, 0.5),
            Disposition.INFORMASI: (65.0, 0.5),
            Disposition.UJI_COBA: (20.0, 0.4),
            Disposition.SALAH_WILAYAH: (50.0, 0.4),
        }[kind]
        return min(3500.0, self._chance.lognormvariate(math.log(middle), spread))

    def intent(self, citizen: Citizen, owner: str) -> Intent:
        """What whoever took the call does with it."""
        chance = self._chance
        talk, codes = citizen.talk, list[tuple[float, str]]()
        hands_over = None
        if owner == CALL_TAKERS and citizen.kind is Disposition.NORMAL:
            after = min(talk * 0.7, chance.uniform(18, 55))
            codes.append((after, self._call_in(citizen.incident)))
            if codes[-1][1].startswith(("*", "#3")) and chance.random() < 0.3:
                hands_over = chance.uniform(8, 30)
        elif citizen.kind is Disposition.SALAH_WILAYAH and owner == CALL_TAKERS and chance.random() < 0.5:
            codes.append((min(talk * 0.6, 20.0), chance.choice(("*31", "*32", "*33"))))
        if not citizen.speaks and chance.random() < 0.3:
            codes.append((min(talk * 0.5, 6.0), "#5"))
        marks = owner == CALL_TAKERS and chance.random() < 0.74
        if marks:
            digit = list(Disposition).index(self._seen(citizen.kind)) + 1
            codes.append((talk * chance.uniform(0.82, 0.97), f"#6{digit}"))
        late = (
            chance.uniform(4, 110) if owner == CALL_TAKERS and not marks and chance.random() < 0.35 else None
        )
        ends = chance.random() < (0.4 if marks else 0.02) or (owner != CALL_TAKERS and chance.random() < 0.5)
        return Intent(tuple(codes), hands_over, late, ends, chance.random() < 0.004)

    def seen(self, kind: Disposition) -> Disposition:
        """What staff say that it was."""
        return self._seen(kind)

    def _seen(self, kind: Disposition) -> Disposition:
        return kind if self._chance.random() < 0.97 else self._chance.choice(list(Disposition))

    def _call_in(self, incident: str) -> str:
        known = self._plan.incidents.get(incident)
        if known is None:
            return "#61"
        draw, code = self._chance.random(), self._codes[incident]
        agency = self._plan.agencies[known.primary].code
        if draw < 0.3 and code:
            return f"#3{code}"
        if draw < 0.65:
            return f"*{agency}"
        if draw < 0.8:
            return f"**{agency}"
        return f"#4{code}" if code else "#61"

    def pick_up(self) -> float:
        """Seconds until a call taker who is free picks up."""
        return min(40.0, self._chance.lognormvariate(math.log(4.5), 0.55))

    def rung(self, target: Target, local: datetime, *, busy: bool, there: bool, storm: bool) -> Attempt:
        """What a line does; `busy`: it is in another call; `there`: of a call taker, whether anybody sits there;
        `storm`: few lines work."""
        chance = self._chance
        rings = chance.uniform(0.1, 0.9) if target.kind == "extension" else chance.uniform(1.5, 6.0)
        if busy:
            return Attempt("ends", chance.uniform(0.1, 0.6), None, cause=17, sip=486)
        if target.owner == CALL_TAKERS:
            if not there or chance.random() < 0.015:
                return Attempt("rings", says_ringing=rings)
            return Attempt("answers", self.pick_up(), rings)
        works = ANSWERS.get(target.owner, 0.6) * (1.0 if 6 <= local.hour < 22 else 0.8)
        if storm:
            works *= 0.12
        if target.name == "Kantor" and not (local.weekday() < 5 and 8 <= local.hour < 16):
            works = 0.02
        if target.owner == "pln" and target.name == "Pengawas Gangguan" and local.month in (2, 3):
            return Attempt(
                "ends", 0.8, None, cause=1, sip=404
            )  # the number was given up, and nobody told 112
        if chance.random() < works:
            after = min(55.0, rings + chance.lognormvariate(math.log(7.0), 0.6))
            presses = ((chance.uniform(2.0, 7.0), "1"),) if target.accept == "press_1" else ()
            return Attempt("answers", after, rings, presses)
        draw = chance.random()
        if target.kind == "mobile":
            if draw < 0.22:  # the voicemail
                return Attempt("answers", rings + chance.uniform(8, 20), rings, (), chance.uniform(6, 9))
            if draw < 0.44:
                return Attempt("ends", chance.uniform(1, 4), None, cause=20)
            if draw < 0.56:
                return Attempt("ends", chance.uniform(1, 5), None, cause=17, sip=486)
            if draw < 0.64:
                return Attempt("ends", chance.uniform(3, 15), rings, cause=21, sip=603)
        elif draw < 0.12:
            return Attempt("unreachable")
        elif draw < 0.2:
            return Attempt("ends", chance.uniform(0.1, 0.6), None, cause=17, sip=486)
        return Attempt("rings", says_ringing=rings)


def _mobile(who: int) -> str:
    """The number of the citizen `who`; always the same."""
    mixed = who * 2654435761 % 2**32
    return f"{PREFIXES[mixed % len(PREFIXES)]}{mixed % 9_000_000 + 1_000_000:07d}"


def _running(weights: Sequence[float]) -> list[float]:
    total, sums = 0.0, []
    for weight in weights:
        total += weight
        sums.append(total)
    return sums
