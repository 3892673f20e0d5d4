"""`pbx112 audit reconcile`: Asterisk's own count of the calls, held against the records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

from pbx112.audit.asterisk_cdr import AsteriskChannel, CdrFilesError, channels, files, read
from pbx112.audit.reconcile import DIFFERENCES, EXPLAINED, TOLERANCE, Day, Found, moment
from pbx112.audit.reconciled import elsewhere, reconcile_day
from pbx112.cdr.store import connect
from pbx112.cli.cdr import print_json
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.period import Since, Until, period
from pbx112.cli.screen import complain, plain, say, screen
from pbx112.plan.load import load_plan

_NAMED = 20
"""Bad lines, and calls that differ for a known reason, that are named on the screen. Differences are all named."""

_AROUND = timedelta(days=1)
"""So long before and after the days Asterisk's records are read: a call may lie across a border."""


def reconcile(
    day: Annotated[str, typer.Argument(metavar="[YYYY-MM-DD]", help="This day; else yesterday.")] = "",
    since: Since = "",
    until: Until = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Asterisk's records, instead of PBX112_ASTERISK_CDR."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with times in UTC.")] = False,
    agencies: Agencies = None,
) -> None:
    """Hold Asterisk's own call detail records against the records, day by day, and name each call that differs.

    \b
    Every night:          pbx112 audit reconcile
    Days made up for:     pbx112 audit reconcile --from 2026-11-01 --to 2026-11-07
    For a program:        pbx112 audit reconcile --json

    Exit code 0: both say the same, or differ for a known reason; 1: a call differs, a line of Asterisk's cannot be
    read, or it could not be looked at. The result stands in pbx112.reconciliation. Run it on that Asterisk's machine.
    """
    if day and (since or until):
        raise Failed("a day, or --from and --to; not both", code=2)
    settings = settings_for(agencies, ari=False)
    dsn, path = dsn_of(settings), file or settings.asterisk_cdr
    zone = load_plan(settings.agencies).plan.service.timezone
    wanted = list(_days(day, since, until, zone))
    try:
        heard, bad = _read(path, wanted)
        others = asyncio.run(_compare(dsn, settings.node, wanted, heard, bad))
    except CdrFilesError as error:
        raise Failed(plain(str(error))) from None
    except REFUSALS as error:
        raise Failed(explain(error)) from None
    if as_json:
        days = [_for_a_program(each) for each in wanted]
        print_json({"node": settings.node, "days": days, "calls_of_other_nodes": others})
    else:
        for node, many in others.items():
            say(f"{many:,} calls are of machine {plain(node)}: reconcile them there", "yellow")
        for each in wanted:
            _tell(each, zone)
    if bad or any(each.differences for each in wanted):
        raise typer.Exit(1)


def _days(day: str, since: str, until: str, zone: tzinfo) -> Iterator[Day]:
    yesterday = f"{datetime.now(zone) - timedelta(days=1):%Y-%m-%d}"
    until = day or until or (yesterday if not since else max(yesterday, since))
    begins, ends = period("", day or since or until, until, zone)
    first = begins.date()
    while (midnight := datetime(first.year, first.month, first.day, tzinfo=zone)) < ends:
        following = first + timedelta(days=1)
        next_midnight = datetime(following.year, following.month, following.day, tzinfo=zone)
        yield Day(first, midnight.astimezone(UTC), next_midnight.astimezone(UTC))
        first = following


def _read(path: Path, days: Sequence[Day]) -> tuple[list[AsteriskChannel], int]:
    """Asterisk's channels around the days, and how many lines of its files cannot be read, which are named."""
    found = files(path)
    with _bar(TaskProgressColumn()) as progress:
        task = progress.add_task("Asterisk's records", total=sum(each.stat().st_size for each in found))
        details, bad = read(
            found,
            _us(days[0].begins - _AROUND),
            _us(days[-1].ends + _AROUND),
            lambda size: progress.advance(task, size),
        )
    for line in bad[:_NAMED]:
        complain(plain(str(line)))
    if len(bad) > _NAMED:
        complain(f"… and {len(bad) - _NAMED} more lines that cannot be read")
    return list(channels(details).values()), len(bad)


async def _compare(
    dsn: str, node: str, days: Sequence[Day], heard: Sequence[AsteriskChannel], bad: int
) -> dict[str, int]:
    """Compare and write down; how many calls of these days are of which other machine."""
    now = datetime.now(UTC)
    connection = await connect(dsn, "audit", statement_seconds=600)
    try:
        with _bar(MofNCompleteColumn()) as progress:
            for day in progress.track(days, description="days"):
                day.unreadable_lines = bad
                await reconcile_day(connection, node, day, heard, now)
        return await elsewhere(connection, node, days[0].begins, days[-1].ends)
    finally:
        await connection.close()


def _for_a_program(day: Day) -> dict[str, object]:
    """A day under the names of `pbx112.reconciliation`, its calls under those of `reconciliation_call`."""
    return {
        **day.figures(),
        "is_over": datetime.now(UTC) >= day.ends,
        "calls": [
            {"call_id": each.call_id, "class": each.kind, "is_difference": each.is_difference}
            | each.sides._asdict()
            for each in day.found
        ],
    }


def _tell(day: Day, zone: tzinfo) -> None:
    if datetime.now(UTC) < day.ends:
        say(f"{day.day}: the day is not over", "yellow")
    explained = [each for each in day.found if not each.is_difference]
    for each in day.differences:
        complain(_words(each, zone))
    for each in explained[:_NAMED]:
        say(plain(_words(each, zone)), "yellow")
    say(
        f"{day.day}: Asterisk counted {day.asterisk_calls:,} calls, the records hold {day.recorded_calls:,}: "
        f"{day.agreed:,} agree ({day.agreed_fallback:,} of the fallback), {len(explained):,} explained, "
        f"{len(day.differences):,} differ",
        "red" if day.differences else "green",
    )


def _words(found: Found, zone: tzinfo) -> str:
    """One call in a sentence, with both sides' word."""
    said = []
    if found.channel is not None:
        times = _span(moment(found.channel.start_us), moment(found.channel.end_us), zone)
        said.append(f"Asterisk {times}, {'answered' if found.channel.joined else 'not answered'}")
    if found.recorded is not None:
        said.append(
            f"records {_span(found.recorded.arrived_at, found.recorded.ended_at, zone)}, {found.recorded.outcome}"
        )
    why = {**DIFFERENCES, **EXPLAINED}[found.kind]
    limit = f" (more than {TOLERANCE.seconds} s)" if found.kind in ("arrival_differs", "end_differs") else ""
    return f"call {found.call_id}: {found.kind}: {why}{limit}; {'; '.join(said)}"


def _span(begins: datetime, ends: datetime, zone: tzinfo) -> str:
    return f"{begins.astimezone(zone):%Y-%m-%d %H:%M:%S} to {ends.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _us(when: datetime) -> int:
    return int(when.timestamp()) * 1_000_000


def _bar(how_far: MofNCompleteColumn | TaskProgressColumn) -> Progress:
    console = screen(errors=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        how_far,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
