"""What an auditor reads of staff's work during a call."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import asyncpg
from msgspec import structs

from pbx112.cdr import Shipper
from pbx112.journal import Journal
from pbx112.model import events as ev
from tests.cdr.calls import DESK, FIRE, Timed, drafts, gap


def helped() -> list[Timed]:
    """1101 calls the fire brigade in (2.5 s), then bpbd, which has no line that answers; two marks."""
    return [
        (0.0, ev.CallArrived("in-1", "0812", None, False, "112")),
        (0.1, ev.StageEntered("call_takers", "first", 1, ((DESK,),))),
        (0.1, ev.LegOffered(1, "leg-1", DESK)),
        (1.0, ev.LegAccepted(1)),
        (3.0, ev.HelpSought(1, "damkar", 1, "asked", ((FIRE,),), consult=True)),
        (3.0, ev.LegOffered(2, "leg-2", FIRE, help=1)),
        (5.5, ev.CallerHeld(1)),
        (5.5, ev.LegAccepted(2)),
        (9.5, ev.CallerBack(1)),
        (10.0, ev.HelpSought(2, "bpbd", 1, "asked", ())),
        (10.0, ev.HelpEnded(2, "unreached")),
        (11.0, ev.CallMarked("1101", disposition="prank")),
        (12.0, ev.CallMarked("1101", disposition="normal", incident="kebakaran")),
        (20.0, ev.CallerLeft(16)),
        (20.0, ev.LegEnded(1, ev.LegResult.ACCEPTED)),
        (20.0, ev.LegEnded(2, ev.LegResult.ACCEPTED)),
        (20.0, ev.CallEnded(ev.Outcome.ANSWERED, "caller")),
    ]


async def shipped(dsn: str, folder: Path, *told: tuple[str, list[Timed]]) -> None:
    """These stories, in Postgres."""
    alarms: list[str] = []
    journal = await Journal.open(folder / "j.db", closing={"CallEnded"}, gap=gap, on_alarm=alarms.append)
    shipper = Shipper(journal, dsn, "kaur", alarms.append)
    task = asyncio.create_task(shipper.run())
    for call_id, story in told:
        journal.append(drafts(call_id, story))
    assert await shipper.flush(10), alarms
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await journal.close()


async def test_helps_and_marks_can_be_read(dsn: str, tmp_path: Path) -> None:
    await shipped(dsn, tmp_path, ("c1", helped()))
    reader = await asyncpg.connect(dsn)
    try:
        helps = await reader.fetch(
            "SELECT help, owner, by_line, consult, leg, line, seconds_to_accept, talk_seconds"
            " FROM pbx112.help ORDER BY help"
        )
        marks = await reader.fetch("SELECT line, disposition, incident FROM pbx112.mark ORDER BY seq")
        call = await reader.fetchrow("SELECT talk_seconds, incident FROM pbx112.call")
    finally:
        await reader.close()
    assert [tuple(row) for row in helps] == [
        (1, "damkar", "1101", True, 2, "2101", Decimal("2.500"), Decimal("14.500")),
        (2, "bpbd", "1101", False, None, None, None, None),
    ]
    assert [tuple(row) for row in marks] == [("1101", "prank", None), ("1101", "normal", "kebakaran")]
    assert call is not None
    assert tuple(call) == (Decimal("15.000"), "kebakaran"), "4 of 19 seconds the caller heard music"


def nuisance(digit: str | None) -> list[Timed]:
    """A call of a number with four pranks; `digit` is the answer to the question, None: not asked."""
    number = "+6281234567890"
    answer: list[Timed] = (
        [] if digit is None else [(0.0, ev.EmergencyAsked((), 4.0)), (5.0, ev.EmergencyAnswered(digit))]
    )
    return [
        (0.0, ev.CallArrived("in-1", number, number, True, "112", nuisance=4)),
        *answer,
        (6.0, ev.CallerLeft(16)),
        (6.0, ev.CallEnded(ev.Outcome.ABANDONED_WAITING, "caller")),
    ]


async def test_a_nuisance_that_waited_for_a_daemon_arrived_as_its_call_says(dsn: str, tmp_path: Path) -> None:
    late = (0.0, 0.5, 0.813, 1.1, 2.3, 4.027, 599.9999991, 4711.0, -3.0)
    arrived, *rest = nuisance(None)
    stories: list[tuple[str, list[Timed]]] = [
        (f"c{index}", [(0.0, structs.replace(arrived[1], late=seconds)), *rest])
        for index, seconds in enumerate(late)
    ]
    await shipped(dsn, tmp_path, *stories)
    reader = await asyncpg.connect(dsn)
    try:
        query = "SELECT count(*) FROM pbx112.nuisance JOIN pbx112.call USING (call_id, arrived_at)"
        assert await reader.fetchval(query) == len(late)
    finally:
        await reader.close()


async def test_which_calls_went_behind_the_others_and_what_was_lifted(dsn: str, tmp_path: Path) -> None:
    stories = (("c1", nuisance(None)), ("c2", nuisance("")), ("c3", nuisance("1")), ("c4", helped()))
    await shipped(dsn, tmp_path, *stories, ("", [(9.0, ev.NuisanceLifted("9001", "+6281234567890"))]))
    reader = await asyncpg.connect(dsn)
    try:
        rows = await reader.fetch("SELECT call_id, marks, asked, digit FROM pbx112.nuisance ORDER BY call_id")
        lifted = await reader.fetchval("SELECT body FROM pbx112.events WHERE kind = 'NuisanceLifted'")
        answer = await reader.fetchval(
            "SELECT body ->> 'digit' FROM pbx112.events WHERE kind = 'EmergencyAnswered' AND call_id = 'c3'"
        )
    finally:
        await reader.close()
    assert [tuple(row) for row in rows] == [
        ("c1", 4, False, None),
        ("c2", 4, True, None),
        ("c3", 4, True, "1"),
    ]
    assert "9001" in lifted and "81234567" not in lifted, "the number is masked"
    assert answer == "1"
