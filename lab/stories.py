"""The stories of the demo: who is rung by which plan, what the phones do, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lab.callers import Caller
from lab.phones import BUSY, DECLINES, HUMAN, SILENT, VOICEMAIL, Answers, Behaviour

HEAD = """\
version: 1
service: {name: Layanan 112 Kabupaten Kaur, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}
trunks:
  gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", max_calls: 4, max_minutes: 60, allow: ["+628"]}
default_agency: satpol_pp
recording: {enabled: true, keep_days: 90}
agencies:
  satpol_pp: {name: Satuan Polisi Pamong Praja, code: "12", lines: [{extension: "2121", ring_for: 4}]}
"""

DESK = """\
version: 1
service: {name: Layanan 112 Kabupaten Kaur, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}
default_agency: satpol_pp
call_takers: {lines: [{extension: "1101"}], then: satpol_pp}
agencies:
  satpol_pp: {name: Satuan Polisi Pamong Praja, code: "12", lines: [{extension: "2121", ring_for: 4}]}
  damkar: {name: Dinas Pemadam Kebakaran, code: "13", lines: [{extension: "2101", ring_for: 4}]}
incidents:
  kebakaran: {name: Kebakaran, menu: "1", primary: damkar, support: [satpol_pp]}
"""
"""The plan of the scene in which a call taker works with the keys of a desk phone."""

PIKET_A, PIKET_B = "+6281200000001", "+6281200000002"


@dataclass(frozen=True)
class Story:
    """One call. `lines` are those of the fire brigade in the plan; `tried` is what must come of each line that is
    rung, in order, and `outcome` of the call.

    `without`: what is stopped before the call and comes back after it.
    """

    title: str
    tells: str
    lines: str
    phones: Mapping[str, Behaviour]
    tried: tuple[tuple[str, str], ...]
    outcome: str = "answered"
    ring: Literal["in_order", "all"] = "in_order"
    caller: Caller = field(default_factory=lambda: Caller(talk=1.0))
    without: Literal["", "pbx112", "Postgres"] = ""

    def plan(self) -> str:
        """Its `agencies.yaml`."""
        plan = HEAD.replace("default_agency: satpol_pp", "default_agency: damkar")
        lines = "".join(f"      - {{{line.strip()}}}\n" for line in self.lines.strip().splitlines())
        return (
            f'{plan}  damkar:\n    name: Dinas Pemadam Kebakaran\n    code: "13"\n    ring: {self.ring}\n'
            f"    then: satpol_pp\n    lines:\n{lines}"
        )


SOON = Answers(after=0.8)

STORIES = (
    Story(
        "The first extension answers",
        "A house burns. The fire brigade's first desk phone is picked up.",
        'extension: "2101", ring_for: 4',
        {"2101": SOON},
        (("2101", "accepted"),),
    ),
    Story(
        "First line busy, second answers",
        "The first desk phone is in use; the next one rings at once.",
        'extension: "2101", ring_for: 4\nextension: "2102", ring_for: 4',
        {"2101": BUSY, "2102": SOON},
        (("2101", "busy"), ("2102", "accepted")),
    ),
    Story(
        "Nobody at the desk: the mobile rings, a human presses 1",
        "The desk phone rings unheard. The officer on duty takes the call on a mobile, and presses 1.",
        f'extension: "2101", ring_for: 2\nmobile: "{PIKET_A}", trunk: gsm, ring_for: 5, accept: press_1',
        {"2101": SILENT, PIKET_A: HUMAN},
        (("2101", "no_answer"), (PIKET_A, "accepted")),
    ),
    Story(
        "The mobile's voicemail does not count",
        "A voicemail picks up and nobody presses 1: the caller goes on ringing, the next line answers.",
        f'mobile: "{PIKET_A}", trunk: gsm, ring_for: 5, accept: press_1, accept_for: 3\n'
        'extension: "2102", ring_for: 4',
        {PIKET_A: VOICEMAIL, "2102": SOON},
        ((PIKET_A, "answered_not_accepted"), ("2102", "accepted")),
    ),
    Story(
        "All lines ring together, one wins",
        "Three phones ring; the others stop and show no missed call: it was answered elsewhere.",
        'extension: "2101", ring_for: 4\nextension: "2102", ring_for: 4\nextension: "2103", ring_for: 4',
        {"2101": SILENT, "2102": SOON, "2103": SILENT},
        (("2101", "answered_elsewhere"), ("2102", "accepted"), ("2103", "answered_elsewhere")),
        ring="all",
    ),
    Story(
        "The caller hangs up while it rings",
        "The phone stops ringing with the caller, and the call counts as abandoned.",
        'extension: "2101", ring_for: 4',
        {"2101": SILENT},
        (("2101", "caller_gone"),),
        outcome="abandoned_ringing",
        caller=Caller(patience=1.0),
    ),
    Story(
        "A phone that is not registered",
        "The first phone is unplugged: Asterisk knows no address for it. The second rings without delay.",
        'extension: "2199", ring_for: 4\nextension: "2102", ring_for: 4',
        {"2102": SOON},
        (("2199", "unavailable"), ("2102", "accepted")),
    ),
    Story(
        "Every line of an agency fails, the next agency answers",
        "The fire brigade is busy, declines and does not hear; the plan's `then` leads to the Satpol PP.",
        'extension: "2101", ring_for: 4\nextension: "2102", ring_for: 4\nextension: "2103", ring_for: 2',
        {"2101": BUSY, "2102": DECLINES, "2103": SILENT, "2121": SOON},
        (("2101", "busy"), ("2102", "declined"), ("2103", "no_answer"), ("2121", "accepted")),
    ),
    Story(
        "Without the daemon",
        "pbx112 is stopped. The dialplan alone rings the same lines; the record follows from Asterisk's notes.",
        'extension: "2101", ring_for: 4\nextension: "2102", ring_for: 4',
        {"2101": BUSY, "2102": SOON},
        (("2101", "busy"), ("2102", "accepted")),
        outcome="fallback_answered",
        without="pbx112",
    ),
    Story(
        "Without the database",
        "Postgres is stopped. The call notices nothing; its record arrives when the database is back.",
        'extension: "2101", ring_for: 4',
        {"2101": SOON},
        (("2101", "accepted"),),
        without="Postgres",
    ),
)
