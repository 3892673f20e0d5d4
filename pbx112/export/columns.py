"""What is exported, and its columns as the database describes them."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Dataset:
    """What `pbx112 export` offers under a name: a view (`unmasked`: the one with whole numbers, where another one has
    them), the column by which it is cut by time, and its order."""

    view: str
    time: str
    order: str
    unmasked: str = ""


DATASETS = {
    "calls": Dataset("calls", "arrived_at", "arrived_at, call_id", "calls_unmasked"),
    "legs": Dataset("legs", "arrived_at", "arrived_at, call_id, leg"),
    "events": Dataset("events", "at", "at, journal_id, seq", "events_unmasked"),
    "recordings": Dataset("recording", "arrived_at", "arrived_at, call_id, name"),
    "answers": Dataset("agency_answers", "arrived_at", "arrived_at, call_id, asked_at"),
    "kpi": Dataset("kpi_month", "month", "month"),
    "days": Dataset("kpi_day", "day", "day"),
    "load": Dataset("load_hour", "day", "day, hour"),
    "agencies": Dataset("agency_month", "month", "month, owner"),
    "lines": Dataset("line_month", "month", "month, owner, line"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type as Postgres calls it, and its comment in both languages."""

    name: str
    type: str
    english: str
    indonesian: str


_DESCRIBED = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


async def columns_of(connection: asyncpg.Connection, view: str) -> list[Column]:
    """The columns of `pbx112.<view>`, empty where there is none."""
    rows = await connection.fetch(_DESCRIBED, f"pbx112.{view}")
    return [Column(name, type_, *both(comment)) for name, type_, comment in rows]


def both(comment: str) -> tuple[str, str]:
    """A comment's English and its Indonesian; they stand beside each other, with ` / ` between."""
    english, _, indonesian = comment.partition(" / ")
    return english, indonesian or english
