"""Numbers, dates and times as the report's language writes them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal

from pbx112.words import Language

Number = int | float | Decimal

_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "id": [
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ],
}
_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "id": ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min"),
}
_TO_INDONESIAN = str.maketrans(",.", ".,")
NOTHING = "\N{EN DASH}"
"""Stands where there is no figure: nothing was divided, nothing was counted."""
NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Figures:
    """How `language` writes figures: `1,234.5` in English, `1.234,5` in Indonesian; times in `zone`."""

    language: Language
    zone: tzinfo

    def number(self, value: Number | None, places: int = 0) -> str:
        """`value` rounded half up to so many decimal places."""
        if value is None:
            return NOTHING
        rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        text = f"{rounded:,f}".replace("-", "\N{MINUS SIGN}")
        return text.translate(_TO_INDONESIAN) if self.language == "id" else text

    def percent(self, value: Number | None, places: int = 1) -> str:
        """`value` of a hundred."""
        return NOTHING if value is None else f"{self.number(value, places)}{NBSP}%"

    def seconds(self, value: Number | None) -> str:
        """A duration with one decimal below a minute, whole seconds below an hour, hours and minutes above."""
        if value is None:
            return NOTHING
        if value < 60:
            return f"{self.number(value, 1)}{NBSP}s"
        whole = int(Decimal(str(value)).quantize(Decimal(1), ROUND_HALF_UP))
        if whole < 3600:
            return f"{whole // 60}{NBSP}min {whole % 60:02}{NBSP}s"
        hours = "h" if self.language == "en" else "jam"
        return f"{self.number(whole // 3600)}{NBSP}{hours} {whole % 3600 // 60:02}{NBSP}min"

    def value(self, value: Number | None, unit: str) -> str:
        """A KPI by its unit: `percent`, `seconds`, or a count."""
        match unit:
            case "percent":
                return self.percent(value)
            case "seconds":
                return self.seconds(value)
            case _:
                return self.number(value)

    def month(self, month: date) -> str:
        """November 2026."""
        return f"{_MONTHS[self.language][month.month - 1]} {month.year}"

    def day(self, day: date) -> str:
        """Tue 3 November 2026."""
        return f"{self.weekday(day.weekday())} {day.day}{NBSP}{self.month(day)}"

    def weekday(self, weekday: int) -> str:
        """0 is Monday."""
        return _DAYS[self.language][weekday]

    def moment(self, at: datetime) -> str:
        """The office's date and time, to the second."""
        local = at.astimezone(self.zone)
        colon = ":" if self.language == "en" else "."
        return f"{self.day(local.date())}, {local:%H}{colon}{local:%M}{colon}{local:%S}"

    def brief(self, at: datetime) -> str:
        """The day of the month and the time, where the month is known."""
        local = at.astimezone(self.zone)
        colon = ":" if self.language == "en" else "."
        return f"{self.weekday(local.weekday())} {local.day}, {local:%H}{colon}{local:%M}"

    def offset(self, at: datetime) -> str:
        """The zone as an offset of UTC, with its name where it has one: `WIB (UTC+7)`."""
        local = at.astimezone(self.zone)
        ahead = (local.utcoffset() or timedelta()) / timedelta(hours=1)
        name = local.tzname() or ""
        utc = f"UTC{ahead:+g}" if ahead else "UTC"
        return f"{name} ({utc})" if name.isalpha() and name != "UTC" else utc
