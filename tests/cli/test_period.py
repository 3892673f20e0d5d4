"""Spans of time as people write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from pbx112.cli.errors import Failed
from pbx112.cli.period import period

WIB = ZoneInfo("Asia/Jakarta")


def test_a_month_and_days_included() -> None:
    assert period("2026-12", "", "", WIB) == (
        datetime(2026, 12, 1, tzinfo=WIB),
        datetime(2027, 1, 1, tzinfo=WIB),
    )
    one_day = period("", "2026-11-30", "2026-11-30", WIB)
    assert one_day == (datetime(2026, 11, 30, tzinfo=WIB), datetime(2026, 12, 1, tzinfo=WIB))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("2026-13", "", ""), "'2026-13' is no date"),
        (("9999-12", "", ""), "'9999-12' is no date"),
        (("", "besok", "besok"), "'besok' is no date"),
        (("2026-11", "2026-11-05", ""), "not both"),
        (("", "2026-11-05", "2026-11-01"), "--from 2026-11-05 is after --to 2026-11-01"),
        (("", "2999-01-01", ""), "--from 2999-01-01 is after now"),
    ],
)
def test_what_leaves_no_time_is_no_empty_answer(given: tuple[str, str, str], told: str) -> None:
    with pytest.raises(Failed) as refused:
        period(*given, WIB)
    assert told in str(refused.value)
    assert refused.value.code == 2
