"""Duty hours as Asterisk writes times (`GotoIfTime`, `ExecIfTime`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import time

from pbx112.plan.types import Duty

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60


def timespecs(duty: Duty, zone: str) -> Iterator[str]:
    """The shift as at most two of Asterisk's times, `zone` an IANA name.

    A range of Asterisk's includes its last minute and ends by midnight: a shift across midnight is written as
    the evening of its days and the morning of the days after them.
    """
    start, end = _minute(duty.start), _minute(duty.end)
    if not duty.days:
        return
    if start < end:
        yield _spec(start, end, duty.days, zone)
        return
    yield _spec(start, _DAY, duty.days, zone)
    if end:
        yield _spec(0, end, (day % 7 + 1 for day in duty.days), zone)


def _spec(start: int, end: int, days: Iterable[int], zone: str) -> str:
    last = end - 1
    names = "&".join(_DAYS[day - 1] for day in sorted(days))
    return f"{start // 60:02}:{start % 60:02}-{last // 60:02}:{last % 60:02},{names},*,*,{zone}"


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute
