"""Transfers, listening supervisors and calls across the border, as an auditor asks for them."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from pbx112.model import events as ev
from pbx112.model.events import Target

from .calls import Timed
from .test_desk_views import shipped

NUMBER = "+6281234567890"


def target(owner: str, number: str, *, neighbour: bool = False) -> Target:
    return Target(
        owner, number, "extension", f"PJSIP/{number}", number, 15, "pickup", 12, neighbour=neighbour
    )


def talk(*acts: Timed) -> list[Timed]:
    """A call taker talks; then what is told; then the caller hangs up."""
    return [
        (0.0, ev.CallArrived("in-1", NUMBER, NUMBER, True, "112")),
        (0.0, ev.StageEntered("call_takers", "first", 1, ((target("call_takers", "1101"),),))),
        (0.0, ev.LegOffered(1, "in-1-leg1", target("call_takers", "1101"))),
        (2.0, ev.LegAccepted(1)),
        *acts,
        (30.0, ev.CallerLeft(16)),
        (30.0, ev.CallEnded(ev.Outcome.ANSWERED, "caller")),
    ]


BLIND: list[Timed] = [
    (5.0, ev.CallTransferred(1, "31", "manna", channel="x")),
    (5.0, ev.LegEnded(1, ev.LegResult.ACCEPTED, detail="transferred")),
    (5.0, ev.StageEntered("manna", "transferred", 1, ())),
    (5.0, ev.LegOffered(2, "in-1-leg2", target("manna", "3101", neighbour=True))),
    (9.0, ev.LegAccepted(2)),
]
REFUSED: list[Timed] = [
    (5.0, ev.CallTransferred(1, "0900123456", "", channel="x")),
    (5.0, ev.LegEnded(1, ev.LegResult.ACCEPTED, detail="transferred")),
]
WHISPERED: list[Timed] = [
    (5.0, ev.ListenStarted("1201", "1101", 1, True, "spy-1")),
    (9.0, ev.ListenEnded("1201", "spy-1")),
    (12.0, ev.ListenStarted("1201", "1101", 1, False, "spy-2")),
]


async def test_each_stands_in_its_view(dsn: str, tmp_path: Path) -> None:
    stories = {"c1": talk(*BLIND), "c2": talk(*REFUSED), "c3": talk(*WHISPERED)}
    await shipped(dsn, tmp_path, *stories.items())
    reader = await asyncpg.connect(dsn)
    try:
        transfers = await reader.fetch(
            "SELECT call_id, owner, attended, result FROM pbx112.transfer ORDER BY call_id"
        )
        listening = await reader.fetch(
            "SELECT call_id, by_line, line, whisper, ended_at - started_at FROM pbx112.listening ORDER BY started_at"
        )
        beyond = await reader.fetch(
            "SELECT call_id, neighbour, accepted_at - sent_at FROM pbx112.across_border"
        )
        refused = await reader.fetchval(
            "SELECT body ->> 'to' FROM pbx112.events WHERE kind = 'CallTransferred' AND call_id = 'c2'"
        )
    finally:
        await reader.close()
    assert [tuple(row) for row in transfers] == [
        ("c1", "manna", False, "accepted"),
        ("c2", "", False, "refused"),
    ]
    assert [tuple(row)[:4] for row in listening] == [
        ("c3", "1201", "1101", True),
        ("c3", "1201", "1101", False),
    ]
    assert listening[0][4].total_seconds() == 4 and listening[1][4] is None
    assert [tuple(row)[:2] for row in beyond] == [("c1", "manna")]
    assert beyond[0][2].total_seconds() == 4
    assert "0900123" not in refused
