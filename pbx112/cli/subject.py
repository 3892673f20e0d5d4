"""`pbx112 subject`."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from typing import Annotated

import msgspec
import typer

from pbx112.cdr.pseudonym import PseudonymKeyError, read_key
from pbx112.cdr.subject import HeldCall, Subject, held_about
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.screen import complain, plain, say, screen, table, waiting
from pbx112.cli.story import owner_name
from pbx112.plan.load import load_plan


def subject(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As it calls: +62812… or 0812…")],
    why: Annotated[str, typer.Option("--why", help="The request's number or date. It is kept.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with times in UTC.")] = False,
    agencies: Agencies = None,
) -> None:
    """Tell all that is held about a number: the answer to a citizen who asks (UU PDP 27/2022).

    \b
    Example:  pbx112 subject 081200000001 --why "permintaan 17/2026"

    Calls, what staff noted, recordings, events, and until when each is kept. It needs an account in pbx112_unmasked.
    That it was asked, by whom and why, is in the access log.
    """
    if not why.strip():
        raise Failed('say why: --why "…"; it is kept in the access log')
    settings = settings_for(agencies, ari=False)
    plan = load_plan(settings.agencies).plan
    key = None
    try:
        key = read_key(settings.pseudonym_key)
    except PseudonymKeyError as error:
        complain(f"{error}; calls whose number is a pseudonym by now are not looked for", "yellow")
    try:
        with waiting("asking Postgres"):
            told = asyncio.run(held_about(dsn_of(settings), number, plan, why, key))
    except REFUSALS as error:
        raise Failed(explain(error)) from None
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    _print(told, plan.service.timezone, plan.recording.keep_days)


def _print(told: Subject, zone: tzinfo, keep_days: int) -> None:
    say(plain(f"looked for: {', '.join(told.forms)}"))
    if not told.pseudonyms:
        say(
            "There is no secret for pseudonyms: calls whose number is one cannot be told to be this number's."
        )
    if not told.calls:
        say("nothing is held about this number")
        return
    rows = table(
        "arrived", "outcome", "answered by", "incident", "noted", "talk s", "events", "kept until", "call"
    )
    for call in told.calls:
        rows.add_row(
            f"{call.arrived_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            call.outcome,
            plain(owner_name(call.answered_by) if call.answered_by else "nobody"),
            plain(call.incident or ""),
            plain(call.disposition or ""),
            f"{call.talk_seconds:.1f}",
            f"{call.events}{' with a place' if call.described else ''}",
            _until(call, zone),
            plain(call.call_id),
        )
    screen().print(rows)
    for call in told.calls:
        for recording in call.recordings:
            state = f"kept until {_date(recording.until, zone)}"
            if call.held:
                state = "held"
            if recording.deleted_at is not None:
                state = f"deleted {_date(recording.deleted_at, zone)}"
            say(plain(f"recording {recording.name} ({recording.result}): {state}"))
    say("The call's row remains with a pseudonym after that; recordings are kept for " + f"{keep_days} days.")


def _until(call: HeldCall, zone: tzinfo) -> str:
    if call.held:
        return "held"
    return "pseudonym" if call.events_until is None else _date(call.events_until, zone)


def _date(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"
