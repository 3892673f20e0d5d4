"""From the database into a file, row by row, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from pbx112.export.columns import DATASETS, Column, columns_of
from pbx112.export.writers import Writer

BLOCK = 2000
"""Rows that are in memory at once."""


async def office_zone(connection: asyncpg.Connection) -> ZoneInfo:
    """The office's time zone, as the records have it."""
    return ZoneInfo(await connection.fetchval("SELECT pbx112.office_zone()"))


async def known_columns(connection: asyncpg.Connection, *, unmasked: bool) -> dict[str, list[Column]]:
    """What each dataset has. Bytes are left out: no spreadsheet holds them."""
    found = {}
    for name, dataset in DATASETS.items():
        view = dataset.unmasked if unmasked and dataset.unmasked else dataset.view
        found[name] = [column for column in await columns_of(connection, view) if column.type != "bytea"]
    return found


async def stream(
    connection: asyncpg.Connection,
    name: str,
    columns: Sequence[Column],
    span: tuple[datetime, datetime],
    writer: Writer,
    *,
    unmasked: bool = False,
    row: Callable[[Sequence[Any]], Sequence[Any]] = tuple,
    progress: Callable[[float], None] = lambda done: None,
) -> int:
    """Write the rows of a dataset within `span` (the end not included) as they come; returns how many there were.
    `progress` hears how much of the span has been passed, 0 to 1."""
    dataset = DATASETS[name]
    view = dataset.unmasked if unmasked and dataset.unmasked else dataset.view
    kind = {column.name: column.type for column in columns}[dataset.time]
    begins, ends = (moment.date() for moment in span) if kind == "date" else span
    names = ", ".join(f'"{column.name}"' for column in columns)
    query = (
        f"SELECT {names} FROM pbx112.{view} "  # noqa: S608 - the names are the database's own
        f"WHERE {dataset.time} >= $1 AND {dataset.time} < $2 ORDER BY {dataset.order}"
    )
    place = [column.name for column in columns].index(dataset.time)
    count = 0
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cursor = await connection.cursor(query, begins, ends)
        while rows := await cursor.fetch(BLOCK):
            writer.write([row(tuple(record)) for record in rows])
            count += len(rows)
            progress(_passed(rows[-1][place], begins, ends))
    return count


def _passed(at: Any, begins: Any, ends: Any) -> float:
    if not isinstance(at, date) or ends <= begins:
        return 1.0
    done: float = (at - begins) / (ends - begins)
    return min(1.0, max(0.0, done))
