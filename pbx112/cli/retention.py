"""`pbx112 retention`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Annotated

import asyncpg
import typer

from pbx112.cdr.pseudonym import PseudonymKeyError
from pbx112.cdr.retention import Done, Where, retain
from pbx112.cli.database import KEEPER, REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.screen import complain, plain, say, screen
from pbx112.plan.load import load_plan


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    agencies: Agencies = None,
) -> None:
    """Delete what has been kept for long enough: recordings, events by months, callers' numbers.

    \b
    To look first:   pbx112 retention --dry-run
    Every night:     deploy/pbx112-retention.timer

    How long is in agencies.yaml (recording.keep_days, retention). What a hold keeps stays (`pbx112 hold`). Numbers
    become pseudonyms, so that figures stay what they were. It needs an account in pbx112_keeper, which can delete
    nothing that is not due; each run is written down in pbx112.retention_run and retention_step.
    """
    settings = settings_for(agencies, ari=False)
    plan = load_plan(settings.agencies).plan
    where = Where(settings.recordings, settings.pseudonym_key, settings.node)
    try:
        with screen(errors=True).status("retention") as status:
            done = asyncio.run(retain(dsn_of(settings), plan, where, dry=dry_run, on_step=status.update))
    except asyncpg.ObjectNotInPrerequisiteStateError as error:
        raise Failed(str(error)) from None
    except REFUSALS as error:
        raise Failed(explain(error, KEEPER)) from None
    except PseudonymKeyError as error:
        raise Failed(str(error)) from None
    _tell(done, dry_run)
    for trouble in done.trouble:
        complain(trouble)
    if done.trouble:
        raise typer.Exit(1)


def _tell(done: Done, dry: bool) -> None:
    said = False
    if done.recordings:
        files = (
            ""
            if dry
            else f" ({done.files} files, {done.bytes / 1e6:.1f} MB; {done.missing} had no file any more)"
        )
        say(f"recordings {'due' if dry else 'deleted'}: {done.recordings}{files}")
        said = True
    if done.elsewhere:
        say(
            f"recordings that are due on the machines that made them: {done.elsewhere}; run it there, too",
            "yellow",
        )
        said = True
    for what, months, unit in (
        ("events", done.events, "events"),
        ("numbers", done.numbers, "calls"),
        ("access log", done.access, "rows"),
    ):
        said = _months(what, months, unit, dry) or said
    for month, calls in done.held.items():
        say(f"events of {month:%Y-%m} stay: {calls} held call{'s' if calls != 1 else ''}", "yellow")
    if not said and not done.held:
        say("nothing is due")
    if done.run is not None:
        say(plain(f"run {done.run} is in pbx112.retention_run"))


def _months(what: str, months: Mapping[date, int], unit: str, dry: bool) -> bool:
    for month, many in months.items():
        if dry:
            say(f"{what} of {month:%Y-%m} {'are' if what != 'access log' else 'is'} due")
        else:
            say(
                f"{what} of {month:%Y-%m}: {many} {unit} {'pseudonymised' if what == 'numbers' else 'dropped'}"
            )
    return bool(months)
