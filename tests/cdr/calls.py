"""Calls as the switch would journal them, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from pbx112.journal import Draft, Entry
from pbx112.model import events as ev

PLAN = "0123456789abcdef"
BEGAN_US = 1_784_800_000_000_000  # 2026-07-23T09:46:40Z
BEGAN_NS = 5_000_000_000_000

DESK = ev.Target("call_takers", "1101", "extension", "PJSIP/1101", "Meja 1", 15.0, "pickup", 10.0)
FIRE = ev.Target("damkar", "2101", "extension", "PJSIP/2101", "Piket", 15.0, "pickup", 10.0)
MOBILE = ev.Target(
    "damkar",
    "+6281200000001",
    "mobile",
    "PJSIP/+6281200000001@gsm",
    "Piket A",
    25.0,
    "press_1",
    10.0,
    trunk="gsm",
)

Timed = tuple[float, ev.Event]
"""Seconds after the call's arrival, and what happened."""


def gap(lost: int, reason: str) -> Draft:
    return Draft("", BEGAN_US, BEGAN_NS, PLAN, "JournalGap", ev.encode(ev.JournalGap(lost, reason)))


def draft(call_id: str, after: float, event: ev.Event) -> Draft:
    utc, mono = BEGAN_US + round(after * 1e6), BEGAN_NS + round(after * 1e9)
    return Draft(call_id, utc, mono, PLAN, type(event).__name__, ev.encode(event))


def drafts(call_id: str, story: Sequence[Timed]) -> list[Draft]:
    return [draft(call_id, after, event) for after, event in story]


def entries(call_id: str, story: Sequence[Timed], first_seq: int = 1) -> list[Entry]:
    return [Entry(seq, *item, b"") for seq, item in enumerate(drafts(call_id, story), first_seq)]


def answered(caller: str = "+6281311112222") -> list[Timed]:
    """The desk is busy, the fire brigade's mobile accepts; 4.5 s until a human, 60 s of talk, one recording."""
    return [
        (0.0, ev.CallArrived("in-1", caller, caller, True, "112", source="telco", record=True)),
        (0.1, ev.StageEntered("call_takers", "first", 1, ((DESK,),))),
        (0.1, ev.LegOffered(1, "leg-1", DESK)),
        (0.6, ev.LegEnded(1, ev.LegResult.BUSY, cause=17, sip=486)),
        (0.7, ev.StageEntered("damkar", "then", 1, ((MOBILE,),))),
        (0.7, ev.LegOffered(2, "leg-2", MOBILE)),
        (1.0, ev.LegRinging(2)),
        (3.0, ev.LegAnswered(2)),
        (4.5, ev.LegAccepted(2)),
        (4.5, ev.CallerAnswered()),
        (4.6, ev.RecordingStarted("talk-1")),
        (64.5, ev.CallerLeft(16)),
        (64.6, ev.LegEnded(2, ev.LegResult.ACCEPTED, cause=16)),
        (64.6, ev.CallEnded(ev.Outcome.ANSWERED, "caller")),
        (65.0, ev.RecordingFinished("talk-1", 59.9)),
    ]


def abandoned() -> list[Timed]:
    """The caller hangs up while the desk rings."""
    return [
        (0.0, ev.CallArrived("in-2", "anonymous", None, False, "112")),
        (0.1, ev.StageEntered("call_takers", "first", 1, ((DESK,),))),
        (0.1, ev.LegOffered(1, "leg-1", DESK)),
        (2.0, ev.CallerLeft(16)),
        (2.1, ev.LegEnded(1, ev.LegResult.CALLER_GONE)),
        (2.1, ev.CallEnded(ev.Outcome.ABANDONED_RINGING, "caller")),
    ]
