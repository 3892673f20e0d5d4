"""Duty hours: reading them as people write them, and finding the hours that nobody or two people cover."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import time
from itertools import combinations

from pbx112.plan.types import Duty

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NUMBERS = {
    name: number
    for names in (
        _DAYS,
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        ("sen", "sel", "rab", "kam", "jum", "sab", "min"),
        ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu"),
    )
    for number, name in enumerate(names, start=1)
}
_SHIFT = re.compile(r"(?P<days>[A-Za-z, -]{3,80}?) +(?P<start>[0-9:.]{4,5}) ?- ?(?P<end>[0-9:.]{4,5})")
_CLOCK = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})")

DAY = 24 * 60
WEEK = 7 * DAY
"""Minutes, as are all moments here; the week begins on Monday at 00:00."""

FORM = 'write it like "Mon-Fri 07:00-19:00" or "Sab,Min 19:00-07:00"'


def parse_duty(text: str) -> Duty:
    """The weekly shift that `text` names, such as `Mon-Sun 07:00-19:00`, `Sen,Rab-Jum 19:00-07:00`.

    Days are English or Indonesian, short or whole, single, in ranges (also across Sunday) and lists; they are
    the days on which the shift begins. `24:00` ends a day; a shift that ends when it began lasts 24 hours.
    Raises :class:`ValueError` that says what is wrong.
    """
    match = _SHIFT.fullmatch(text.strip().replace("\N{EN DASH}", "-"))
    if not match:
        raise ValueError("is no duty hours")
    start, end = _minutes(match["start"]), _minutes(match["end"])
    if start == DAY:
        raise ValueError("begins at 24:00, which is 00:00 of the next day")
    return Duty(frozenset(_day_numbers(match["days"])), _clock(start), _clock(end % DAY))


def _day_numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        names = [name.strip().lower() for name in part.split("-")]
        unknown = [name for name in names if name not in _DAY_NUMBERS]
        if unknown or len(names) > 2:
            raise ValueError(f"has no such day as {unknown[0]!r}" if unknown else "has a range of three days")
        first, last = _DAY_NUMBERS[names[0]], _DAY_NUMBERS[names[-1]]
        for day in range(first, last + 1 if first <= last else last + 8):
            yield (day - 1) % 7 + 1


def _minutes(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else DAY + 1
    if minutes > DAY:
        raise ValueError(f"has no such time as {text!r}")
    return minutes


def _clock(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


def week_of(duty: Duty | None) -> bytearray:
    """The week's minutes, 1 where the line is on duty."""
    if duty is None:
        return bytearray(b"\1") * WEEK
    week = bytearray(WEEK)
    start = duty.start.hour * 60 + duty.start.minute
    length = (duty.end.hour * 60 + duty.end.minute - start) % DAY or DAY
    for day in duty.days:
        for minute in range(length):
            week[((day - 1) * DAY + start + minute) % WEEK] = 1
    return week


def hours_without_duty(duties: Iterable[Duty | None]) -> str:
    """The hours of the week that none of `duties` covers, in words; empty where there are none."""
    covered = bytearray(WEEK)
    for duty in duties:
        if duty is None:
            return ""
        covered = bytearray(a | b for a, b in zip(covered, week_of(duty), strict=True))
    return _in_words(bytearray(1 - minute for minute in covered))


def hours_claimed_twice(duties: Sequence[Duty]) -> str:
    """The hours of the week that two of `duties` or more cover, in words; empty where there are none."""
    twice = bytearray(WEEK)
    for one, other in combinations(map(week_of, duties), 2):
        twice = bytearray(t | (a & b) for t, a, b in zip(twice, one, other, strict=True))
    return _in_words(twice)


def _in_words(week: bytearray) -> str:
    if all(week):
        return "all week"
    by_hours: dict[str, list[int]] = {}
    for start, end in _stretches(week):
        if end - start <= DAY:
            until = "24:00" if end % DAY == 0 else f"{_clock(end % DAY):%H:%M}"
        else:
            until = f"{_DAYS[end // DAY % 7].capitalize()} {_clock(end % DAY):%H:%M}"
        by_hours.setdefault(f"{_clock(start % DAY):%H:%M}-{until}", []).append(start // DAY)
    return ", ".join(f"{_day_words(days)} {hours}" for hours, days in by_hours.items())


def _stretches(week: bytearray) -> Iterator[tuple[int, int]]:
    """Begin and end of each run of ones; a run across Sunday's midnight is one, and ends after WEEK."""
    first_gap = week.index(0)
    start: int | None = None
    for minute in range(first_gap, first_gap + WEEK + 1):
        if week[minute % WEEK]:
            start = minute if start is None else start
        elif start is not None:
            yield start % WEEK, start % WEEK + minute - start
            start = None


def _day_words(days: list[int]) -> str:
    ordered = sorted(days)
    names = [_DAYS[day].capitalize() for day in ordered]
    if len(names) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{names[0]}-{names[-1]}"
    return ",".join(names)
