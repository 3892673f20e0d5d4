"""A month of 112 calls, journalled and shipped as the daemon would: small, and of every kind that the report tells."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

from pbx112.journal import Draft
from pbx112.model import events as ev
from tests.cdr import calls, shipped
from tests.cdr.calls import DESK, FIRE, MOBILE, Timed

FIRST = datetime(2026, 10, 31, 17, tzinfo=UTC)
"""The first moment of November 2026 in Jakarta."""

OWNERS = [
    {"key": "call_takers", "name": "Penerima panggilan", "kind": "call_takers"},
    {"key": "damkar", "name": "Dinas <b>Pemadam</b> Kebakaran & Penyelamatan", "kind": "agency"},
    {"key": "satpol_pp", "name": "Satuan Polisi Pamong Praja", "kind": "agency"},
]
POLICE = ev.Target("satpol_pp", "2121", "extension", "PJSIP/2121", "Pos Jaga", 15.0, "pickup", 10.0)
HOSTILE = '=HYPERLINK("http://evil.test";"<script>alert(1)</script>")'


def taken(caller: str, after: float, talk: float, disposition: str) -> list[Timed]:
    """The desk answers, and marks what it was."""
    end = after + talk
    return [
        (0.0, ev.CallArrived("in", caller, caller, True, "112", source="telco", record=True)),
        (0.1, ev.StageEntered("call_takers", "first", 1, ((DESK,),))),
        (0.1, ev.LegOffered(1, "leg-1", DESK)),
        (after, ev.LegAccepted(1)),
        (after, ev.RecordingStarted("talk")),
        (end - 0.5, ev.CallMarked("1101", disposition=disposition)),
        (end, ev.CallerLeft(16)),
        (end, ev.LegEnded(1, ev.LegResult.ACCEPTED, cause=16)),
        (end, ev.RecordingFinished("talk", talk)),
        (end, ev.CallEnded(ev.Outcome.ANSWERED, "caller")),
    ]


def passed_on(caller: str, long: float) -> list[Timed]:
    """Desk, fire brigade's extension and mobile do not answer; the caller leaves after so many seconds."""
    third = long / 3
    return [
        (0.0, ev.CallArrived("in", caller, caller, True, "112", source="telco")),
        (0.1, ev.StageEntered("call_takers", "first", 1, ((DESK,),))),
        (0.1, ev.LegOffered(1, "leg-1", DESK)),
        (third, ev.LegEnded(1, ev.LegResult.NO_ANSWER, cause=19)),
        (third, ev.StageEntered("damkar", "then", 1, ((FIRE,), (MOBILE,)))),
        (third, ev.LegOffered(2, "leg-2", FIRE)),
        (third + 0.4, ev.LegEnded(2, ev.LegResult.BUSY, cause=17, sip=486)),
        (third + 0.4, ev.LegOffered(3, "leg-3", MOBILE)),
        (2 * third, ev.LegAnswered(3)),
        (2 * third + 1, ev.LegEnded(3, ev.LegResult.ANSWERED_NOT_ACCEPTED)),
        (2 * third + 1, ev.StageEntered("satpol_pp", "then", 1, ((POLICE,),))),
        (2 * third + 1, ev.LegOffered(4, "leg-4", POLICE)),
        (long, ev.CallerLeft(16)),
        (long, ev.LegEnded(4, ev.LegResult.CALLER_GONE)),
        (long, ev.CallEnded(ev.Outcome.ABANDONED_RINGING, "caller")),
    ]


def stories(count: int = 150) -> Iterator[tuple[str, float, list[Timed]]]:
    """Calls by id, seconds after the month's first moment, and story; always the same."""
    chance = random.Random(112)
    places = sorted(chance.uniform(0, 30 * 86400 - 600) for _ in range(count))
    for number, at in enumerate(places):
        call_id, caller = f"1793450000.{number}", f"+62813{chance.randrange(40):08}"
        match number % 10:
            case 0:
                story = passed_on(caller, 20 + number / 2)
            case 1:
                story = calls.answered(caller)
            case 2:
                story = calls.abandoned()
            case _:
                said = chance.choice(["normal", "prank", "ghost", "informasi"])
                story = taken(caller, round(chance.expovariate(1 / 6) + 0.5, 1), chance.uniform(20, 90), said)
        yield call_id, at, story
    yield "1793450000.hostile", 30 * 86400 - 300, taken(HOSTILE, 3.0, 20.0, "normal")
    yield "1793450000.october", -3600.0, taken("+6281300000001", 3.0, 20.0, "normal")


_RECONCILED = """
WITH made AS (
    INSERT INTO pbx112.reconciliation (made_at, node, day, begins, ends, tolerance_seconds, asterisk_calls,
        recorded_calls, agreed, agreed_fallback, explained, differences, asterisk_alone, records_alone, desk_codes,
        other_channels, unreadable_lines)
    SELECT '2026-12-01 UTC', c.node, c.day, pbx112.begins(c.day), pbx112.begins(c.day + 1), 2,
        count(*), count(*) - (c.day = '2026-11-02')::integer, count(*) - 2 * (c.day = '2026-11-02')::integer, 0,
        (c.day = '2026-11-02')::integer, (c.day = '2026-11-02')::integer, (c.day = '2026-11-02')::integer, 0, 1, 300, 0
    FROM pbx112.calls c WHERE c.day IN ('2026-11-01', '2026-11-02', '2026-11-04') GROUP BY c.node, c.day
    RETURNING reconciliation_id, day, begins
)
INSERT INTO pbx112.reconciliation_call (reconciliation_id, call_id, class, is_difference, asterisk_began_at, arrived_at)
SELECT reconciliation_id, 'lab-1793550000.7', 'not_recorded', true, begins + interval '1 hour', NULL::timestamptz
FROM made WHERE day = '2026-11-02'
UNION ALL SELECT reconciliation_id, 'lab-1793550000.9', 'staff_talked_on', false, begins, begins
FROM made WHERE day = '2026-11-02'
"""
"""Asterisk's own count was compared for three days; on the second it had a call that the records do not have."""


def drafts(of: Sequence[tuple[str, float, list[Timed]]]) -> list[Draft]:
    """The journal's entries of these calls, in the order in which they happened."""
    base = FIRST.timestamp() - calls.BEGAN_US / 1e6
    made = [
        calls.draft(call_id, base + at + after, event) for call_id, at, story in of for after, event in story
    ]
    return sorted(made, key=lambda draft: draft.utc_us)


async def ship(dsn: str, folder: Path) -> None:
    """Through a journal into Postgres, with the office's time zone and agencies stated."""
    connection = await asyncpg.connect(dsn)
    owners = msgspec.json.encode(OWNERS).decode()
    await connection.execute("SELECT pbx112.state_office('Asia/Jakarta', $1, $2::jsonb)", calls.PLAN, owners)
    await connection.close()
    assert await shipped.ship(dsn, folder, drafts(list(stories()))) == []
    connection = await asyncpg.connect(dsn)
    await connection.execute(_RECONCILED)
    await connection.close()
