"""Asks the database's views for a month. Nothing is counted here: the views do that, once for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from pbx112.cdr.access import note_access
from pbx112.report.month import Definition, Head, Month, Row, Value, Wait


class NoSuchMonth(Exception):
    """There is nothing about this month; `known` are those there are."""

    def __init__(self, month: date, known: Sequence[date]) -> None:
        super().__init__(f"no calls in {month:%Y-%m}")
        self.month, self.known = month, known


BINS = (*range(5, 61, 5), 90, 120, 180, 300, None)
"""Seconds up to which each bin of `answer_time_month` goes; None: longer."""

_COUNTED = ("presented", "answered", "abandoned", "unanswered", "failed")
_MOMENT = timedelta(microseconds=1)

_OF_MONTH = {
    "hours": "SELECT day, hour, presented FROM pbx112.load_hour WHERE month = $1 ORDER BY day, hour",
    "days": "SELECT * FROM pbx112.kpi_day WHERE day >= $1 AND day < ($1 + interval '1 month')::date ORDER BY day",
    "answer_times": "SELECT * FROM pbx112.answer_time_month WHERE month = $1 ORDER BY upto_seconds NULLS LAST",
    "agencies": "SELECT * FROM pbx112.agency_month WHERE month = $1 ORDER BY asked DESC, owner",
    "lines": "SELECT * FROM pbx112.line_month WHERE month = $1 ORDER BY owner, line",
    "outcomes": "SELECT * FROM pbx112.outcome_month WHERE month = $1 ORDER BY calls DESC, outcome",
    "results": "SELECT * FROM pbx112.leg_result_month WHERE month = $1",
    "dispositions": "SELECT * FROM pbx112.disposition_month WHERE month = $1 ORDER BY calls DESC",
    "reconciled": "SELECT * FROM pbx112.reconciled_day WHERE day >= $1 AND day < ($1 + interval '1 month')::date "
    "ORDER BY day, node",
    "differing": """
        SELECT r.day, c.* FROM pbx112.reconciled_day r JOIN pbx112.reconciliation_call c USING (reconciliation_id)
        WHERE r.day >= $1 AND r.day < ($1 + interval '1 month')::date
        ORDER BY r.day, c.is_difference DESC, c.call_id""",
    "not_reconciled": """
        SELECT d.day::date AS day
        FROM generate_series($1::date, ($1 + interval '1 month - 1 day')::date, interval '1 day') d(day)
        WHERE d.day < (now() AT TIME ZONE pbx112.office_zone())::date
            AND NOT EXISTS (SELECT FROM pbx112.reconciled_day r WHERE r.day = d.day::date)
        UNION
        SELECT c.day FROM pbx112.calls c WHERE c.month = $1 AND c.day < (now() AT TIME ZONE pbx112.office_zone())::date
            AND NOT EXISTS (SELECT FROM pbx112.reconciled_day r WHERE r.day = c.day AND r.node = c.node)
        ORDER BY day""",
    "repeat_callers": "SELECT * FROM pbx112.repeat_caller WHERE month = $1 ORDER BY calls DESC, caller",
}

_WAITS = """
SELECT w.rank, c.* FROM pbx112.longest_wait w
JOIN pbx112.calls c ON c.call_id = w.call_id AND c.arrived_at = w.arrived_at
WHERE w.month = $1 AND c.arrived_at >= $2 AND c.arrived_at < $3
ORDER BY w.rank
"""

_LEGS = """
SELECT * FROM pbx112.legs WHERE call_id = $1 AND arrived_at = $2 ORDER BY leg
"""


async def ask(connection: asyncpg.Connection, month: date, office: str) -> Month:
    """The month, as one moment of the database shows it; the asking is in the access log first.

    Raises :class:`NoSuchMonth`, and asyncpg's errors.
    """
    await note_access(connection, "report", f"month {month:%Y-%m}")
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _ask(connection, month, office)


async def _ask(connection: asyncpg.Connection, month: date, office: str) -> Month:
    zone = ZoneInfo(await connection.fetchval("SELECT pbx112.office_zone()"))
    months = {
        row["month"]: row for row in await connection.fetch("SELECT * FROM pbx112.months ORDER BY month")
    }
    if month not in months:
        raise NoSuchMonth(month, list(months))
    begins, ends = months[month]["begins"], months[month]["ends"]
    rows = {name: _rows(await connection.fetch(query, month)) for name, query in _OF_MONTH.items()}
    rows["answer_times"] = _all_bins(rows["answer_times"])
    rows["days"] = _all_days(
        rows["days"], month, min(datetime.now(UTC), ends - _MOMENT).astimezone(zone).date()
    )
    waits = [
        Wait(row["rank"], dict(row), _rows(await connection.fetch(_LEGS, row["call_id"], row["arrived_at"])))
        for row in await connection.fetch(_WAITS, month, begins, ends)
    ]
    definitions = [
        Definition(row["key"], row["unit"], row["en"], row["id"], row["formula"])
        for row in await connection.fetch("SELECT * FROM pbx112.kpi_definition ORDER BY position")
    ]
    heads = [
        Head(str(row["journal_id"]), row["node"], row["seq"], row["at"], row["hash"])
        for row in await connection.fetch("SELECT * FROM pbx112.chain_heads($1, $2)", begins, ends)
    ]
    last = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    return Month(
        office=office,
        month=month,
        begins=begins.astimezone(zone),
        ends=ends.astimezone(zone),
        made_at=datetime.now(UTC),
        kpi=await _kpi(connection, month),
        before=await _kpi(connection, last) if last in months else {},
        definitions=definitions,
        waits=waits,
        heads=heads,
        **rows,
    )


async def _kpi(connection: asyncpg.Connection, month: date) -> dict[str, Value]:
    row = await connection.fetchrow("SELECT * FROM pbx112.kpi_month WHERE month = $1", month)
    return {key: _value(value) for key, value in (row or {}).items() if key != "month"}


def _all_bins(rows: Sequence[Row]) -> list[Row]:
    """The view's bins of answer times, those without a call too."""
    calls = {row["upto_seconds"]: row["calls"] for row in rows}
    return [{"upto_seconds": bound, "calls": calls.get(bound, 0)} for bound in BINS]


def _all_days(rows: Sequence[Row], month: date, last: date) -> list[Row]:
    """The view's days, and those without a call: a day on which nobody got through is not left out."""
    told = {row["day"]: row for row in rows}
    last = max([last, *told])
    days = (month + timedelta(days=number) for number in range((last - month).days + 1))
    return [told.get(day, {"day": day, **dict.fromkeys(_COUNTED, 0)}) for day in days]


def _value(value: Any) -> Value:
    return value if value is None or isinstance(value, int | Decimal) else Decimal(str(value))


def _rows(records: Sequence[asyncpg.Record]) -> list[Row]:
    return [dict(record) for record in records]
