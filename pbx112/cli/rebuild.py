"""`pbx112 rebuild`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pbx112.cdr.rebuild import rebuild as make_anew
from pbx112.cli.database import OWNER, PROVER, REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import dsn_of, settings_for
from pbx112.cli.screen import plain, say, screen

_NAMED = 20
"""Calls that are named on the screen; how many there are is told in any case."""


def rebuild(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing: only name the calls whose rows differ.")
    ] = False,
) -> None:
    """Make the rows of calls, legs, stages, marks and recordings anew from the events, also while calls run.

    \b
    To compare alone:  pbx112 rebuild --check          (exit code 1 where a row differs)
    To mend:           sudo -u postgres -g pbx112 PBX112_DSN=postgresql:///pbx112 pbx112 rebuild

    Events are the source; a row that says something else was changed, or came from a version with a fault. Calls whose
    events have left at the end of their retention keep the rows that they have. To compare takes an account in
    pbx112_unmasked, to mend the owner's.
    """
    dsn = dsn_of(settings_for(ari=False))
    console = screen(errors=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("events", total=None)
            done = asyncio.run(
                make_anew(
                    dsn,
                    write=not check,
                    on_progress=lambda at, total: progress.update(task, completed=at, total=total),
                )
            )
    except REFUSALS as error:
        raise Failed(explain(error, PROVER if check else OWNER)) from None
    for call_id in done.different[:_NAMED]:
        say(f"  {plain(call_id)}: {'differs from its events' if check else 'made anew'}")
    if len(done.different) > _NAMED:
        say(f"  … and {len(done.different) - _NAMED} more")
    kept = f"; {done.kept} calls were left alone, since events of theirs have left" if done.kept else ""
    say(
        f"{done.calls} calls compared with their events, {len(done.different)} differ{'' if check else 'ed'}{kept}"
    )
    if check and done.different:
        raise typer.Exit(1)
