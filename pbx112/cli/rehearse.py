"""`pbx112 rehearse`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pbx112.cdr.queries import events_between
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.journal_view import open_journal
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.period import Month, Since, Until, period
from pbx112.cli.screen import complain, plain, say, screen, table, waiting
from pbx112.cli.story import caller_of, owner_name
from pbx112.model.events import CallEvent, Instant, decode
from pbx112.plan.load import load_plan
from pbx112.plan.types import Plan
from pbx112.simulate.recorded import NEW_LINE, Recorded, RecordedPeople, read_call
from pbx112.simulate.rehearsal import Played, Rehearsal
from pbx112.simulate.run import quiet

WORST = 10
"""Calls that are named, unless told otherwise."""

NOTICED = 1.0
"""Seconds by which a wait has to differ to be called another one."""

_BLOCK = 2000


def rehearse(
    plan: Annotated[Path, typer.Option("--plan", metavar="FILE", help="The changed agencies.yaml.")],
    month: Month = "",
    since: Since = "",
    until: Until = "",
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Calls from a journal, not from Postgres."),
    ] = None,
    new_line: Annotated[
        float,
        typer.Option(
            "--new-line", min=-1, help="Seconds in which a line never rung before answers; -1: not at all."
        ),
    ] = NEW_LINE,
    worst: Annotated[int, typer.Option("--worst", min=0, max=1000, help="How many calls are named.")] = WORST,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show callers' numbers whole.")] = False,
    agencies: Agencies = None,
) -> None:
    """Play recorded calls against a changed agencies.yaml, and tell what would have been different.

    \b
    The last 30 days:    pbx112 rehearse --plan new.yaml
    One month:           pbx112 rehearse --plan new.yaml --month 2026-10
    From a journal:      pbx112 rehearse --plan new.yaml --journal journal.db

    Each call is decided anew, once under today's plan and once under the new one; lines and callers do what the
    record says they did. A line answers as in that call, else as in the call nearest in time; one that was
    never rung as --new-line says. Callers who were answered are taken to wait for as long as it takes. It only reads.

    Exit code 1 where a caller who is reached today would not be reached any more.
    """
    quiet()
    settings = settings_for(agencies, ari=False)
    today, new = load_plan(settings.agencies).plan, load_plan(plan).plan
    zone = today.service.timezone
    whole = None if journal is None else datetime(1970, 1, 2, tzinfo=UTC)
    first, last = period(month, since, until, zone, begins=whole)
    if journal is not None:
        calls = _from_journal(journal, first, last)
    else:
        calls = _from_postgres(dsn_of(settings), first, last)
    if not calls:
        raise Failed(
            f"no ended calls from {first:%Y-%m-%d} to {last:%Y-%m-%d}; choose with --month, --from, --to"
        )
    calls.sort(key=lambda call: call.arrived.utc_us)
    people = RecordedPeople(calls, None if new_line < 0 else new_line)
    started = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=screen(errors=True),
        transient=True,
    ) as progress:
        before = _play(calls, today, people, progress, "today's plan")
        people.again()
        after = _play(calls, new, people, progress, "the new plan")
    seconds = time.monotonic() - started
    say(
        f"{len(calls)} calls from {calls[0].arrived_at.astimezone(zone):%Y-%m-%d} to "
        f"{calls[-1].arrived_at.astimezone(zone):%Y-%m-%d}, played twice in {seconds:.1f} s"
    )
    _say_faithful(calls, before, today)
    _say_unknown(people, new_line)
    _print_summary(calls, before, after)
    _print_lines(before, after, today, new)
    lost = [call for call in calls if before[call.call_id].reached and not after[call.call_id].reached]
    _print_worst(calls, lost, before, after, zone, worst, unmask)
    if lost:
        complain(f"{len(lost)} callers would no longer be reached under {plan}")
        raise typer.Exit(1)
    say(f"every caller who is reached today would be reached under {plan}", "green")


def _from_postgres(dsn: str, first: datetime, last: datetime) -> list[Recorded]:
    async def read() -> list[Recorded]:
        calls = []
        async for call_id, facts in events_between(dsn, first, last):
            history = [(Instant(fact.utc_us, fact.mono_ns), fact.raw) for fact in facts]
            if (call := read_call(call_id, _decoded(history), facts[0].plan)) is not None:
                calls.append(call)
        return calls

    try:
        with waiting("reading the record"):
            return asyncio.run(read())
    except REFUSALS as error:
        raise Failed(explain(error)) from None


def _from_journal(path: Path, first: datetime, last: datetime) -> list[Recorded]:
    found: dict[str, list[tuple[Instant, bytes]]] = {}
    plans: dict[str, str] = {}
    with open_journal(path) as reader:
        seq = reader.base()[0]
        while entries := reader.after(seq, _BLOCK):
            seq = entries[-1].seq
            for entry in entries:
                if entry.subject:
                    found.setdefault(entry.subject, []).append(
                        (Instant(entry.utc_us, entry.mono_ns), entry.body)
                    )
                    plans.setdefault(entry.subject, entry.plan)
    calls = (read_call(call_id, _decoded(history), plans[call_id]) for call_id, history in found.items())
    return [call for call in calls if call is not None and first <= call.arrived_at < last]


def _decoded(history: Sequence[tuple[Instant, bytes]]) -> list[tuple[Instant, CallEvent]]:
    told = []
    for at, raw in history:
        try:
            event = decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        if isinstance(event, CallEvent):
            told.append((at, event))
    return told


def _play(
    calls: Sequence[Recorded], plan: Plan, people: RecordedPeople, progress: Progress, what: str
) -> dict[str, Played]:
    bar = progress.add_task(what, total=len(calls))
    return Rehearsal(calls, plan, people).run(lambda: progress.advance(bar))


# What is told


def _say_faithful(calls: Sequence[Recorded], before: Mapping[str, Played], today: Plan) -> None:
    same = [call for call in calls if _same(call, before[call.call_id])]
    say(
        f"today's plan, played: {len(same)} of {len(calls)} calls end as they did in the record "
        "(outcome and who answered the same, the wait within a second)"
    )
    other = sum(call.plan != today.hash for call in calls)
    if other:
        complain(f"{other} of these calls were decided by another plan than today's", "yellow")


def _same(call: Recorded, played: Played) -> bool:
    if (call.outcome, call.line) != (played.outcome, played.line):
        return False
    return call.waited is None or abs(call.waited - (played.waited or 0.0)) <= NOTICED


def _say_unknown(people: RecordedPeople, new_line: float) -> None:
    if people.unknown:
        lines = ", ".join(f"{plain(number)} ({count} x)" for number, count in sorted(people.unknown.items()))
        does = f"answers after {new_line:g} s (--new-line)" if new_line >= 0 else "never answers (--new-line)"
        complain(f"never rung in this time, so taken as a line that {does}: {lines}", "yellow")


def _print_summary(
    calls: Sequence[Recorded], before: Mapping[str, Played], after: Mapping[str, Played]
) -> None:
    rows = table("", "record", "today's plan", "new plan", title="\nWhat becomes of the calls")
    columns = (
        [(call.outcome, call.waited) for call in calls],
        [(played.outcome, played.waited) for played in before.values()],
        [(played.outcome, played.waited) for played in after.values()],
    )
    rows.add_row("reached a human", *(str(sum(w is not None for _, w in column)) for column in columns))
    for outcome in sorted({outcome for column in columns for outcome, _ in column}):
        rows.add_row(f"  {outcome}", *(str(sum(o == outcome for o, _ in column)) for column in columns))
    waits = [sorted(wait for _, wait in column if wait is not None) for column in columns]
    for name, share in (("median wait", 0.5), ("9 of 10 wait at most", 0.9), ("longest wait", 1.0)):
        rows.add_row(name, *(_at(each, share) for each in waits))
    screen().print(rows)


def _at(waits: Sequence[float], share: float) -> str:
    if not waits:
        return "-"
    seconds = median(waits) if share == 0.5 else waits[min(len(waits) - 1, int(share * len(waits)))]
    return f"{seconds:.1f} s"


def _print_lines(before: Mapping[str, Played], after: Mapping[str, Played], today: Plan, new: Plan) -> None:
    rung = [Counter(number for one in played.values() for number in one.rung) for played in (before, after)]
    took = [Counter(one.line for one in played.values() if one.reached) for played in (before, after)]
    owners = {line.number: (owner, line.name) for plan in (today, new) for owner, line in plan.lines()}
    rows = table(
        "agency",
        "line",
        "name",
        "rings today",
        "rings new",
        "answers today",
        "answers new",
        title="\nWho is rung",
    )
    changed = False
    for number, (owner, name) in owners.items():
        counts = [rung[0][number], rung[1][number], took[0][number], took[1][number]]
        if counts[0] != counts[1] or counts[2] != counts[3]:
            changed = True
            rows.add_row(plain(owner_name(owner)), plain(number), plain(name), *map(str, counts))
    if changed:
        screen().print(rows)
    else:
        say("\nevery line is rung, and answers, as often as today")


def _print_worst(
    calls: Sequence[Recorded],
    lost: Sequence[Recorded],
    before: Mapping[str, Played],
    after: Mapping[str, Played],
    zone: tzinfo,
    worst: int,
    unmask: bool,
) -> None:
    later = [
        (call, (after[call.call_id].waited or 0.0) - (before[call.call_id].waited or 0.0))
        for call in calls
        if before[call.call_id].reached and after[call.call_id].reached
    ]
    slower = sorted((one for one in later if one[1] > NOTICED), key=lambda one: -one[1])
    sooner = sum(difference < -NOTICED for _, difference in later)
    gained = sum(not before[call.call_id].reached and after[call.call_id].reached for call in calls)
    say(
        f"\n{len(lost)} no longer reached, {gained} reached only now; {len(slower)} wait longer, {sooner} less long"
    )
    named = [*lost, *(call for call, _ in slower)][:worst]
    if not named:
        return
    rows = table("arrived", "caller", "today", "wait s", "new", "wait s", "call", title="\nThe worst")
    for call in named:
        was, will = before[call.call_id], after[call.call_id]
        rows.add_row(
            f"{call.arrived_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            plain(caller_of(call.number, None, unmask=unmask)),
            *_result(was),
            *_result(will),
            plain(call.call_id),
        )
    screen().print(rows)


def _result(played: Played) -> tuple[str, str]:
    if played.waited is None:
        return f"{played.outcome} ({len(played.rung)} rings)", ""
    return plain(f"{owner_name(played.owner)} {played.line}"), f"{played.waited:.1f}"
