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
    try:
        if month:
            first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
            return first, (first + timedelta(days=32)).replace(day=1)
        whole_day = timedelta(days=1 if len(until) == len("2026-10-31") else 0)
        last = _day(until, zone) + whole_day if until else datetime.now(zone)
        return (_day(since, zone) if since else begins or last - timedelta(days=DAYS)), last
    except ValueError:
        wrong = month or f"{since} {until}".strip()
        raise Failed(
            f"{plain(wrong)!r} is no date; write --month 2026-10, or --from 2026-10-01 --to 2026-10-31",
            code=2,
        ) from None


def _day(text: str, zone: tzinfo) -> datetime:
    day = datetime.fromisoformat(text)
    return day if day.tzinfo else day.replace(tzinfo=zone)
