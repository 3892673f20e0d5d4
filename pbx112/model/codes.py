"""The codes that staff press on a desk phone during a call: one table, from the plan.

What a code does is :mod:`pbx112.model.commands`; the operator's card is printed from :func:`rows`. No code begins
another, so that a code works as soon as its last key is pressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Incident, Plan

from .events import Disposition


@dataclass(frozen=True, slots=True)
class CallIn:
    """Call `owner` in: an agency, the supervisors, or of the call takers the one with this `line`. `consult`: who comes
    is spoken to without the caller first."""

    owner: str
    consult: bool = False
    line: str = ""


@dataclass(frozen=True, slots=True)
class CallInAll:
    """Call in every agency that goes for this incident, all at once."""

    incident: str


@dataclass(frozen=True, slots=True)
class MarkIncident:
    """Say what has happened."""

    incident: str


@dataclass(frozen=True, slots=True)
class MarkDisposition:
    """Say what the call is."""

    disposition: Disposition


@dataclass(frozen=True, slots=True)
class Plainly:
    """What needs no more words: bring the caller and those who were spoken to `together`, go `back` to the caller and
    let the last one go, `drop` who was added last, `ask` the caller for a key, `end` the call."""

    what: Literal["together", "back", "drop", "ask", "end"]


Command = CallIn | CallInAll | MarkIncident | MarkDisposition | Plainly

ADD = "*"
CONSULT = "**"
TOGETHER, BACK, INCIDENT, HAPPENED, ASK, DISPOSITION, COLLEAGUE, END, SUPERVISOR, DROP = (
    *("#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8", "#9"),
    "#0",
)

DISPOSITIONS: Mapping[str, Disposition] = {
    str(number): disposition for number, disposition in enumerate(Disposition, start=1)
}
"""The digit after `#6` of each disposition."""


def codes(plan: Plan) -> Mapping[str, Command]:
    """Every code of this plan."""
    found: dict[str, Command] = {
        TOGETHER: Plainly("together"),
        BACK: Plainly("back"),
        ASK: Plainly("ask"),
        END: Plainly("end"),
        DROP: Plainly("drop"),
    }
    for agency in plan.agencies.values():
        found[ADD + agency.code] = CallIn(agency.key)
        found[CONSULT + agency.code] = CallIn(agency.key, consult=True)
    for incident in plan.incidents.values():
        if code := code_of(incident):
            found[INCIDENT + code] = CallInAll(incident.key)
            found[HAPPENED + code] = MarkIncident(incident.key)
    for digit, disposition in DISPOSITIONS.items():
        found[DISPOSITION + digit] = MarkDisposition(disposition)
    if plan.call_takers:
        lines = plan.call_takers.lines
        width = len(str(len(lines)))
        for number, line in enumerate(lines, start=1):
            found[f"{COLLEAGUE}{number:0{width}}"] = CallIn(CALL_TAKERS, line=line.number)
    if plan.supervisors:
        found[SUPERVISOR] = CallIn(SUPERVISORS)
    return found


def rows(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The table for the operator's card: keys, and in Indonesian what they do."""
    called = " ".join(f"{digit} {name.replace('_', ' ')}" for digit, name in DISPOSITIONS.items())
    found = [
        (f"{ADD}kode", "Tambah OPD; Anda dan warga tetap berbicara."),
        (f"{CONSULT}kode", "Bicara dulu dengan OPD; warga mendengar musik."),
        (TOGETHER, "Satukan semua."),
        (BACK, "Kembali ke warga; OPD terakhir dilepas."),
        (DROP, "Lepas pihak yang terakhir dipanggil."),
    ]
    if plan.incidents:
        found += [
            (f"{INCIDENT}kejadian", "Hubungi semua OPD kejadian itu."),
            (f"{HAPPENED}kejadian", "Catat kejadiannya saja."),
        ]
    found += [
        (ASK, "Minta warga menekan 5 (tidak dapat bicara)."),
        (f"{DISPOSITION}angka", f"Catat: {called}."),
    ]
    if plan.call_takers:
        found.append((f"{COLLEAGUE}urutan", "Panggil rekan penerima panggilan."))
    if plan.supervisors:
        found.append((SUPERVISOR, "Panggil pengawas."))
    number = plan.service.number
    found.append((END, "Akhiri panggilan warga."))
    if plan.call_takers:
        found += [
            (f"*{number}1 *{number}0", "Di luar panggilan: masuk, keluar."),
            (f"*{number}2", "Jeda (berakhir sendiri; *…1 mengakhiri)."),
            (f"*{number}3", "Catat panggilan terakhir."),
            (f"*{number}4", "Panggilan terputus: dengar, hubungi."),
            (f"*{number}5", "Berapa penelepon menunggu."),
        ]
    if plan.supervisors and plan.nuisance:
        found.append((f"*{number}7", "Di pengawas: cabut tanda iseng."))
    if plan.supervisors and plan.call_takers:
        found.append((f"*{number}8", "Di pengawas: dengarkan, berbisik ke petugas."))
    return (*found, (f"*{number}6", "Di OPD: ponsel siaga malam ini (PIN)."))


def code_of(incident: Incident) -> str:
    """The digits of an incident after `#3` and `#4`: its own, or its key in the caller's menu; empty without both."""
    return incident.code or incident.menu or ""
