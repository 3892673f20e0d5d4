"""The figures: each definition decides every call, and the parts add up, whatever was recorded."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from msgspec import structs

from pbx112.cdr import rebuild
from pbx112.model import events as ev
from pbx112.plan.load import parse_plan
from tests.cdr import arbitrary
from tests.cdr.calls import DESK, FIRE, Timed, abandoned, answered, drafts, gap
from tests.cdr.shipped import ship

Row = dict[str, Any]
JAKARTA = ZoneInfo("Asia/Jakarta")
SINCE, UNTIL = datetime(2026, 9, 28, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC)

SUMS = {
    "presented": "answered abandoned unanswered failed",
    "abandoned": "abandoned_ringing abandoned_menu abandoned_waiting",
    "answered": "within_20 after_20",
    "offers": "offers_accepted offers_unanswered offers_stopped",
    "nuisance": "marked_ghost marked_prank",
    "not_served": "abandoned unanswered failed",
    "to_record": "recorded recordings_missing",
}
WHOLES = (
    "marked_normal marked_ghost marked_prank marked_informasi marked_uji_coba marked_salah_wilayah marked_other"
    " unmarked",
    "without_number first_calls repeat_calls",
    "by_daemon by_fallback",
)


async def rows(db: asyncpg.Connection, query: str, *values: object) -> list[Row]:
    return [dict(row) for row in await db.fetch(query, *values)]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_parts_add_up_and_every_call_is_counted_once(
    dsn: str, db: asyncpg.Connection, tmp_path: Path, seed: int
) -> None:
    """Arbitrary calls over five months of the office; each figure is counted a second time from the rows, in Python."""
    chance = random.Random(seed)
    assert await ship(dsn, tmp_path, arbitrary.calls(chance, 600, SINCE, UNTIL)) == []
    months = {row["month"]: row for row in await rows(db, "SELECT * FROM pbx112.kpi_month")}
    assert list(months) == [date(2026, month, 1) for month in (9, 10, 11, 12)]
    calls = await rows(db, "SELECT * FROM pbx112.calls_unmasked")
    assert sum(month["presented"] for month in months.values()) == len(calls) > 500
    for month, told in months.items():
        for whole, parts in SUMS.items():
            assert told[whole] == sum(told[part] for part in parts.split()), (month, whole)
        for parts in WHOLES:
            assert told["presented"] == sum(told[part] for part in parts.split()), (month, parts)
        assert told["called_back_reached"] <= told["called_back"] <= told["not_served"]
        assert told["within_10"] <= told["within_15"] <= told["within_20"]
        assert _counted([call for call in calls if _month(call["arrived_at"]) == month]) == {
            key: told[key] for key in _counted([])
        }
        await _views_agree(db, month, told)
    assert (await rebuild(dsn, write=False)).different == []


def _month(at: datetime) -> date:
    return at.astimezone(JAKARTA).date().replace(day=1)


def _counted(calls: list[Row]) -> Row:
    """The figures once more, in other words."""
    served = sorted(
        call["ring_seconds"] for call in calls if call["outcome"] in ("answered", "fallback_answered")
    )
    numbers = Counter(call["caller"] for call in calls if call["caller"] is not None)
    slowest = served[len(served) - ceil(len(served) / 10) :]

    def share(part: float) -> Decimal | None:
        return served[ceil(part * len(served)) - 1] if served else None

    def mean(values: list[Decimal]) -> Decimal | None:
        whole = sum(values, Decimal())
        return (whole / len(values)).quantize(Decimal("0.001"), ROUND_HALF_UP) if values else None

    return {
        "answered": len(served),
        "within_15": sum(seconds <= 15 for seconds in served),
        "answer_mean": mean(served),
        "answer_p50": share(0.5),
        "answer_p90": share(0.9),
        "answer_p95": share(0.95),
        "answer_longest_tenth": mean(slowest),
        "answer_longest": served[-1] if served else None,
        "waited": sum(call["wait_seconds"] > 0 for call in calls),
        "escalations": sum(call["escalations"] for call in calls),
        "offers": sum(call["legs"] for call in calls),
        "marked_prank": sum(call["disposition"] == "prank" for call in calls),
        "unmarked": sum(call["disposition"] is None for call in calls),
        "repeat_callers": sum(many > 1 for many in numbers.values()),
        "repeat_calls": sum(many - 1 for many in numbers.values()),
        "called_back": sum(c["called_back"] > 0 and c["class"] != "answered" for c in calls),
        "by_fallback": sum(call["via"] == "fallback" for call in calls),
        "recordings_missing": sum(
            c["record"] and c["class"] == "answered" and not c["recorded"] for c in calls
        ),
    }


async def _views_agree(db: asyncpg.Connection, month: date, told: Row) -> None:
    """Load, outcomes, agencies: other cuts of the same calls."""
    for view, column, whole in (
        ("load_hour", "presented", "presented"),
        ("load_hour", "answered", "answered"),
        ("kpi_day", "presented", "presented"),
        ("kpi_day", "within_15", "within_15"),
        ("kpi_hour", "failed", "failed"),
        ("outcome_month", "calls", "presented"),
        ("disposition_month", "calls", "presented"),
        ("answer_time_month", "calls", "answered"),
        ("leg_result_month", "offers", "offers"),
        ("line_month", "offers", "offers"),
        ("line_month", "accepted + unanswered + stopped", "offers"),
        ("line_month", "unanswered", "offers_unanswered"),
    ):
        found = await db.fetchval(
            f"SELECT coalesce(sum({column}), 0) FROM pbx112.{view} WHERE month = $1", month
        )
        assert found == told[whole], view
    asked = await rows(
        db,
        "SELECT (SELECT sum(asked) FROM pbx112.agency_month WHERE month = $1) AS by_agency,"
        " (SELECT sum(asked) FROM pbx112.agency_hour WHERE month = $1) AS by_hour,"
        " (SELECT count(*) FROM pbx112.agency_answers WHERE month = $1) AS times,"
        " (SELECT count(*) FROM pbx112.repeat_caller WHERE month = $1) AS repeat_callers,"
        " (SELECT count(*) FROM pbx112.abandoned WHERE month = $1) AS not_served,"
        " (SELECT count(*) FROM pbx112.longest_wait WHERE month = $1) AS longest",
        month,
    )
    assert asked[0]["by_agency"] == asked[0]["by_hour"] == asked[0]["times"]
    assert (asked[0]["repeat_callers"], asked[0]["not_served"]) == (
        told["repeat_callers"],
        told["not_served"],
    )
    assert asked[0]["longest"] == min(10, told["presented"])


async def test_months_are_the_offices_and_follow_its_plan(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    """23:30 UTC on 31 October is November in Jakarta, and still October in Reykjavik."""
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    shift = round(late.timestamp() * 1e6) - drafts("x", abandoned())[0].utc_us
    moved = [draft._replace(utc_us=draft.utc_us + shift) for draft in drafts("c1", abandoned())]
    text = (Path(__file__).parents[2] / "agencies.yaml").read_text()
    plan = parse_plan(text, "agencies.yaml").plan
    assert await ship(dsn, tmp_path, moved, plan) == []
    assert await db.fetchval("SELECT month FROM pbx112.kpi_month") == date(2026, 11, 1)
    assert await db.fetchval("SELECT day::text || ' ' || hour FROM pbx112.load_hour") == "2026-11-01 6"
    agencies = await rows(db, "SELECT * FROM pbx112.agencies")
    kinds = {row["key"]: row["kind"] for row in agencies}
    assert {key: agency.kind for key, agency in plan.agencies.items()}.items() <= kinds.items()
    assert {row["name"] for row in agencies if row["key"] == "damkar"} == {plan.agencies["damkar"].name}
    elsewhere = parse_plan(text.replace("Asia/Jakarta", "Atlantic/Reykjavik"), "agencies.yaml").plan
    assert await ship(dsn, tmp_path, [gap(1, "")], elsewhere) == []
    assert await db.fetchval("SELECT month FROM pbx112.kpi_month") == date(2026, 10, 1)
    assert await db.fetchval("SELECT count(*) FROM pbx112.office") == 2
    assert await db.fetchval("SELECT count(*) FROM pbx112.agency") == len(agencies), (
        "nothing new, nothing added"
    )


async def test_every_figure_outcome_result_and_mark_has_its_definition(db: asyncpg.Connection) -> None:
    columns = await rows(
        db,
        "SELECT attname AS name FROM pg_attribute WHERE attrelid = 'pbx112.kpi_month'::regclass AND attnum > 0",
    )
    wanted = {row["name"] for row in columns} - {"month"}
    wanted |= {f"outcome:{outcome}" for outcome in ev.Outcome}
    wanted |= {f"result:{result}" for result in ev.LegResult}
    wanted |= {f"disposition:{word}" for word in ev.Disposition}
    defined = await rows(db, "SELECT key, en, id FROM pbx112.kpi_definition ORDER BY position")
    assert wanted <= {row["key"] for row in defined}
    assert all(row["en"].endswith(".") and row["id"].endswith(".") for row in defined)


async def test_a_neighbours_answer_and_a_missing_recording_are_counted(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / "agencies.yaml").read_text()
    plan = parse_plan(text, "agencies.yaml").plan
    seluma = replace(plan.agencies["damkar"], name="112 Kabupaten Seluma", kind="neighbour")
    bordering = replace(plan, agencies={**plan.agencies, "damkar": seluma})
    await ship(dsn, tmp_path, [*drafts("c1", answered()), *drafts("c2", answered()[:-1])], bordering)
    (told,) = await rows(db, "SELECT * FROM pbx112.kpi_month")
    assert (told["handed_to_neighbour"], told["to_record"], told["recordings_missing"]) == (2, 2, 1)


async def test_a_neighbour_whom_a_phones_own_transfer_brought_in_has_the_call_too(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / "agencies.yaml").read_text()
    plan = parse_plan(text, "agencies.yaml").plan
    seluma = replace(plan.agencies["damkar"], name="112 Kabupaten Seluma", kind="neighbour")
    bordering = replace(plan, agencies={**plan.agencies, "damkar": seluma})
    brought = ev.LegOffered(2, "x", structs.replace(FIRE, neighbour=True), placed=False, brought=1)
    story: list[Timed] = [
        (0.0, ev.CallArrived("in-1", "0812", None, False, "112")),
        (0.1, ev.StageEntered("call_takers", "first", 1, ((DESK,),))),
        (0.1, ev.LegOffered(1, "leg-1", DESK)),
        (1.0, ev.LegAccepted(1)),
        (9.0, ev.CallTransferred(1, "2101", "damkar", "2101", attended=True, channel="x")),
        (9.0, brought),
        (9.0, ev.LegAnswered(2)),
        (9.0, ev.LegAccepted(2)),
        (9.0, ev.LegEnded(1, ev.LegResult.ACCEPTED, detail="transferred")),
        (20.0, ev.LegEnded(2, ev.LegResult.ACCEPTED)),
        (20.0, ev.CallEnded(ev.Outcome.ANSWERED, "staff")),
    ]
    await ship(dsn, tmp_path, drafts("c1", story), bordering)
    assert await db.fetchval("SELECT count(*) FROM pbx112.across_border WHERE accepted_at IS NOT NULL") == 1
    assert await db.fetchval("SELECT handed_to_neighbour FROM pbx112.kpi_month") == 1


async def test_a_call_that_was_cut_after_a_human_had_accepted_is_failed_by_its_words_too(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    cut = (60.0, ev.CallEnded(ev.Outcome.SYSTEM_FAILURE, "system"))
    await ship(dsn, tmp_path, drafts("c1", [*answered()[:-4], cut]))
    assert await db.fetchval("SELECT accepted_at IS NOT NULL FROM pbx112.call")
    (told,) = await rows(db, "SELECT * FROM pbx112.kpi_month")
    assert (told["answered"], told["failed"], told["not_served"]) == (0, 1, 1)
    words = {row["key"]: row["en"] for row in await rows(db, "SELECT key, en FROM pbx112.kpi_definition")}
    for key in ("answered", "failed", "not_served", "outcome:answered", "outcome:system_failure"):
        assert "cut" in words[key], key


async def test_a_columns_comment_is_its_definition(db: asyncpg.Connection) -> None:
    """Also after a definition was worded anew: the exports' dictionaries and psql show the comment."""
    other = await db.fetch(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " JOIN pbx112.kpi_definition d ON d.key = a.attname WHERE c.relnamespace = 'pbx112'::regnamespace"
        " AND c.relname IN ('kpi_month', 'kpi_day', 'kpi_hour', 'load_hour')"
        " AND col_description(c.oid, a.attnum) IS DISTINCT FROM d.en || ' / ' || d.id"
    )
    assert other == []


async def test_a_month_that_was_analysed_before_it_was_loaded_is_told_as_soon(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    """Right after a load Postgres takes 20,000 calls and recordings for a few."""
    await ship(dsn, tmp_path, drafts("c", answered()))
    await db.execute("ANALYZE")
    for table in ("call", "recording"):
        await db.execute(
            f"INSERT INTO pbx112.{table} SELECT more.* FROM pbx112.{table} t, generate_series(1, 19999) n,"
            f" jsonb_populate_record(t, jsonb_build_object('call_id', call_id || n)) more"
        )
    await db.execute("SET statement_timeout = '8s'")
    (told,) = await rows(db, "SELECT * FROM pbx112.kpi_month")
    assert (told["presented"], told["recorded"]) == (20_000, 20_000)
