"""`pbx112 cdr search`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from pbx112.cdr.search import SHOWN, Wanted, find_calls
from pbx112.cli.cdr import ask, print_calls, print_json
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.period import Month, Since, Until, period
from pbx112.cli.screen import plain, say
from pbx112.model.caller import read_caller
from pbx112.model.events import Disposition, Outcome
from pbx112.plan.finding import suggest
from pbx112.plan.load import load_plan
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS

_CLASSES = ("answered", "abandoned", "unanswered", "failed")


def search(
    number: Annotated[
        str, typer.Option("--number", help="+62812…, 0812…, or …222: its last digits alone.")
    ] = "",
    month: Month = "",
    since: Since = "",
    until: Until = "",
    agency: Annotated[str, typer.Option("--agency", help="Was asked, for the caller or by staff.")] = "",
    outcome: Annotated[str, typer.Option("--outcome", help="An outcome, or: abandoned, failed.")] = "",
    disposition: Annotated[str, typer.Option("--disposition", help="What staff last said it was.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many calls.")] = 50,
    why: Annotated[str, typer.Option("--why", help="The reason; it is kept.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with times in UTC.")] = False,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show callers' numbers whole.")] = False,
    agencies: Agencies = None,
) -> None:
    """Find calls by number, time, agency, outcome, disposition; the newest first.

    \b
    A number's calls:     pbx112 cdr search --number 081311112222 --why "laporan 17/2026"
    Its last digits:      pbx112 cdr search --number ...222 --month 2026-11
    What was missed:      pbx112 cdr search --outcome abandoned --from 2026-11-01 --to 2026-11-07
    Asked of an agency:   pbx112 cdr search --agency damkar --disposition normal

    Without a time: the last 30 days. That it was asked, by whom and why, is in the access log.
    """
    settings = settings_for(agencies, ari=False)
    plan = load_plan(settings.agencies).plan
    _known("agency", agency, [*plan.agencies, CALL_TAKERS, SUPERVISORS])
    _known("outcome", outcome, [*Outcome, *_CLASSES])
    _known("disposition", disposition, [*Disposition])
    whole, digits = _number(number, plan.service.country)
    if whole and not unmask and not why.strip():
        raise Failed('a whole number takes a reason: --why "…"; it is kept in the access log', code=2)
    if len(digits) > SHOWN and not unmask:
        raise Failed(
            f"more than {SHOWN} last digits take --unmask; or give the whole number and --why", code=2
        )
    begins, ends = period(month, since, until, plan.service.timezone)
    wanted = Wanted(begins, ends, whole, digits, agency, outcome, disposition)
    try:
        found = ask(find_calls(dsn_of(settings), wanted, limit, why=why.strip(), unmasked=unmask))
    except REFUSALS as error:
        raise Failed(explain(error)) from None
    if as_json:
        print_json(found)
    elif not found:
        say(f"no such calls from {begins:%Y-%m-%d} until {ends:%Y-%m-%d %H:%M}")
    else:
        print_calls(found, plan.service.timezone, unmask)
        if len(found) == limit:
            say(f"the newest {limit}; more with --limit")


def _known(kind: str, given: str, known: list[str]) -> None:
    if given and given not in known:
        raise Failed(
            f"{plain(given)!r} is no {kind}; {suggest(given, dict.fromkeys(map(str, known)), f'for --{kind}')}",
            code=2,
        )


def _number(given: str, country: str) -> tuple[str, str]:
    """A whole number as the records have it, or a number's last digits."""
    if not given:
        return "", ""
    if last := re.fullmatch(r"(?:…|\.\.\.|\*)([0-9]{1,14})", given.strip()):
        return "", last[1]
    compact = re.sub(r"[\s().-]", "", given)
    if not re.fullmatch(r"\+?[0-9]{3,20}", compact):
        raise Failed(
            f"{plain(given)!r} is no number; write +62812…, 0812…, or ...222 for its last digits", code=2
        )
    return read_caller(compact, country).e164 or compact, ""
