"""From when until when: `--month`, `--from` and `--to` as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Annotated

import typer

from pbx112.cli.errors import Failed
from pbx112.cli.screen import plain

DAYS = 30
"""How far back is looked, unless told otherwise."""

Month = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The calls of this month.")]
Since = Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The calls from this day on.")]
Until = Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="… up to this day, included.")]


def period(
    month: str, since: str, until: str, zone: tzinfo, *, begins: datetime | None = None
) -> tuple[datetime, datetime]:
    """From when (included) until when (not included), in the service's time zone; `begins` where nothing is said, else
    :data:`DAYS` before the end. Raises :class:`Failed`."""
    if month and (since or until):
        raise Failed("--month, or --from and --to; not both", code=2)
    try:
        if month:
            first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
            return first, (first + timedelta(days=32)).replace(day=1)
        whole_day = timedelta(days=1 if len(until) == len("2026-10-31") else 0)
        last = _day(until, zone) + whole_day if until else datetime.now(zone)
        first = _day(since, zone) if since else begins or last - timedelta(days=DAYS)
    except (ValueError, OverflowError):
        wrong = month or " ".join(dict.fromkeys(filter(None, (since, until))))
        raise Failed(
            f"{plain(wrong)!r} is no date; write a month as 2026-10, a day as 2026-10-31", code=2
        ) from None
    if first >= last:
        raise Failed(
            f"--from {since} is after {f'--to {until}' if until else 'now'}: no time is left between", code=2
        )
    return first, last


def _day(text: str, zone: tzinfo) -> datetime:
    day = datetime.fromisoformat(text)
    return day if day.tzinfo else day.replace(tzinfo=zone)
