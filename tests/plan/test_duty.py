"""Duty hours are read as people write them, and gaps and overlaps are found to the minute."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx112.plan.duty import DAY, WEEK, hours_claimed_twice, hours_without_duty, parse_duty, week_of
from pbx112.plan.types import Duty

MONDAY = datetime(2026, 6, 1)
EVERY_DAY = frozenset(range(1, 8))

READINGS = [
    ("Mon-Sun 07:00-19:00", Duty(EVERY_DAY, time(7), time(19))),
    ("Sen-Min 19:00-07:00", Duty(EVERY_DAY, time(19), time(7))),
    ("senin-jumat 08.00-16.00", Duty(frozenset({1, 2, 3, 4, 5}), time(8), time(16))),
    ("Sat,Sun 7:00-19:30", Duty(frozenset({6, 7}), time(7), time(19, 30))),
    ("Mon,Wed-Fri 00:00-24:00", Duty(frozenset({1, 3, 4, 5}), time(0), time(0))),
    ("Sab - Sen 12:00 - 24:00", Duty(frozenset({6, 7, 1}), time(12), time(0))),
    ("Fri 07:00\N{EN DASH}07:00", Duty(frozenset({5}), time(7), time(7))),
]


@pytest.mark.parametrize(("text", "duty"), READINGS)
def test_hours_are_read_in_english_and_indonesian(text: str, duty: Duty) -> None:
    assert parse_duty(text) == duty


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("07:00-19:00", "is no duty hours"),
        ("Mon 7-19", "is no duty hours"),
        ("Mon-Fri", "is no duty hours"),
        ("", "is no duty hours"),
        ("Mon 07:00-19:00 x", "is no duty hours"),
        ("Moon 07:00-19:00", "has no such day as 'moon'"),
        ("Mon-Tue-Wed 07:00-19:00", "has a range of three days"),
        ("Mon,,Tue 07:00-19:00", "has no such day as ''"),
        ("Mon 07:60-19:00", "has no such time as '07:60'"),
        ("Mon 07:00-24:01", "has no such time as '24:01'"),
        ("Mon 24:00-07:00", "begins at 24:00, which is 00:00 of the next day"),
    ],
)
def test_what_is_no_duty_hours_says_why(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_duty(text)


def test_a_shift_that_ends_when_it_began_lasts_a_day() -> None:
    duty = parse_duty("Fri 07:00-07:00")
    assert sum(week_of(duty)) == DAY
    assert duty.covers(datetime(2026, 6, 6, 6, 59))
    assert not duty.covers(datetime(2026, 6, 6, 7, 0))


clocks = st.integers(0, DAY - 1).map(lambda minutes: time(minutes // 60, minutes % 60))
duties = st.builds(Duty, st.frozensets(st.integers(1, 7), min_size=1), clocks, clocks)


@settings(deadline=None, max_examples=20)
@given(duties)
def test_the_weeks_minutes_are_those_that_the_plan_covers(duty: Duty) -> None:
    """The check and the routing must agree on who is on duty."""
    week = week_of(duty)
    assert [bool(minute) for minute in week] == [
        duty.covers(MONDAY + timedelta(minutes=minute)) for minute in range(WEEK)
    ]


@settings(deadline=None, max_examples=20)
@given(st.lists(duties, min_size=1, max_size=4))
def test_hours_are_missing_exactly_when_some_minute_has_nobody(shifts: list[Duty]) -> None:
    nobody = any(not any(minutes) for minutes in zip(*map(week_of, shifts), strict=True))
    assert bool(hours_without_duty(shifts)) == nobody
    two = any(sum(minutes) > 1 for minutes in zip(*map(week_of, shifts), strict=True))
    assert bool(hours_claimed_twice(shifts)) == two


def gaps(*texts: str) -> str:
    return hours_without_duty(parse_duty(text) for text in texts)


def test_missing_hours_are_named_as_people_would() -> None:
    assert gaps("Mon-Sun 07:00-19:00", "Mon-Sun 19:00-07:00") == ""
    assert gaps("Mon-Sun 07:00-19:00", "Mon-Sat 19:00-07:00") == "Sun 19:00-07:00"
    assert gaps("Mon-Sun 07:00-19:00") == "Mon-Sun 19:00-07:00"
    assert gaps("Mon-Fri 00:00-24:00") == "Sat 00:00-Mon 00:00"
    assert gaps("Mon-Fri 00:00-24:00", "Sun 00:00-24:00") == "Sat 00:00-24:00"
    assert gaps("Mon,Wed,Fri-Sun 00:00-24:00") == "Tue,Thu 00:00-24:00"
    assert gaps() == "all week"
    assert hours_without_duty([parse_duty("Mon 07:00-08:00"), None]) == ""


def test_hours_claimed_twice_are_named() -> None:
    shifts = [parse_duty("Mon-Sun 07:00-19:30"), parse_duty("Mon-Sun 19:00-07:00")]
    assert hours_claimed_twice(shifts) == "Mon-Sun 19:00-19:30"
    assert hours_claimed_twice([parse_duty("Mon-Sun 00:00-24:00")] * 2) == "all week"
    assert hours_claimed_twice(shifts[:1]) == ""
