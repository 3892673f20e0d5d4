"""All that the report of a month shows, as the database's views told it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pbx112.words import Language

Value = int | Decimal | None
Row = Mapping[str, Any]
"""One row of a view, by its columns' names."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure means, as the table `pbx112.kpi_definition` has it."""

    key: str
    unit: str
    en: str
    id: str
    formula: str

    def text(self, language: Language) -> str:
        """The sentence in this language."""
        return self.en if language == "en" else self.id


@dataclass(frozen=True, slots=True)
class Wait:
    """One of the longest waits: the call's row, and those of its attempts in their order. Numbers are masked."""

    rank: int
    call: Row
    legs: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of one journal's chain as it stands in Postgres: its last entry, and that entry's hash (hex)."""

    journal: str
    node: str
    last_seq: int
    last_at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """The last anchor (:mod:`pbx112.audit.anchor`) made before the month ended, and its QR (SVG)."""

    number: int
    at: datetime
    code: str
    qr: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the service. Rows are those of the views that their names say (`docs/records.md`)."""

    office: str
    month: date
    begins: datetime
    ends: datetime
    made_at: datetime
    kpi: Mapping[str, Value]
    before: Mapping[str, Value]
    """The month before, empty where there is none."""
    definitions: Sequence[Definition]
    hours: Sequence[Row]
    days: Sequence[Row]
    answer_times: Sequence[Row]
    agencies: Sequence[Row]
    lines: Sequence[Row]
    outcomes: Sequence[Row]
    results: Sequence[Row]
    dispositions: Sequence[Row]
    repeat_callers: Sequence[Row]
    reconciled: Sequence[Row]
    differing: Sequence[Row]
    """Calls in which Asterisk's own count and the records differ, for a known reason too."""
    not_reconciled: Sequence[Row]
    """Days that are over, of which no comparison is there, or not of each machine."""
    waits: Sequence[Wait]
    heads: Sequence[Head]

    def weekly_load(self) -> list[list[float]]:
        """Calls presented in an hour, on average over the month's days so far: a row for each weekday from Monday,
        a column for each hour of the office's day."""
        total = [[0.0] * 24 for _ in range(7)]
        for row in self.hours:
            total[row["day"].weekday()][row["hour"]] += row["presented"]
        count = self._weekdays()
        return [[calls / max(1, count[day]) for calls in row] for day, row in enumerate(total)]

    def _weekdays(self) -> list[int]:
        """How many Mondays, Tuesdays … the month has had."""
        zone = self.begins.tzinfo
        last = min(self.ends, self.made_at.astimezone(zone))
        count = [0] * 7
        for offset in range((last.date() - self.month).days + (1 if last < self.ends else 0)):
            count[(self.month.weekday() + offset) % 7] += 1
        return count

    @property
    def whole(self) -> bool:
        """Whether the month was over when the report was made."""
        return self.made_at >= self.ends
