"""Values as the records' columns take them, whatever the journal holds. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

INT4 = 2**31 - 1
"""The largest number in an `integer` column."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(utc_us: int) -> datetime:
    """Microseconds since the epoch as a UTC time."""
    return EPOCH + timedelta(microseconds=utc_us)


def seconds_of(nanoseconds: int) -> float:
    """To the millisecond, never negative, never more than a column takes."""
    return max(0.0, min(round(nanoseconds / 1e9, 3), 999_999_999.0))


def small(number: int) -> int:
    """`number` within what an `integer` column takes."""
    return max(-INT4, min(INT4, number))


def text_of(text: str) -> str:
    """`text` as any database takes it: no NUL, no lone surrogate."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
