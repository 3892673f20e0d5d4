"""`pbx112 hold`."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

import typer

from pbx112.cdr.holds import holds_in_force, lift_hold, place_hold
from pbx112.cli.database import KEEPER, REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.screen import complain, plain, say, screen, table
from pbx112.model.caller import read_caller
from pbx112.plan.load import load_plan


def hold(
    call: Annotated[str, typer.Option("--call", metavar="CALL_ID", help="Keep this call.")] = "",
    number: Annotated[str, typer.Option("--number", metavar="NUMBER", help="Keep this number's calls.")] = "",
    since: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM-DD", help="Keep calls from this day on.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help="… up to this day, included.")
    ] = "",
    lift: Annotated[int, typer.Option("--lift", metavar="N", help="End hold number N.")] = 0,
    reason: Annotated[str, typer.Option("--reason", help="Why: the letter, the case. It is kept.")] = "",
    agencies: Agencies = None,
) -> None:
    """Keep records beyond their retention, for a court or an inquiry; without options, list what is held.

    \b
    A call:      pbx112 hold --call 1764210000.12 --reason "Surat Polres B/123"
    A number:    pbx112 hold --number +6281200000001 --from 2026-11-01 --to 2026-11-30 --reason "…"
    To end it:   pbx112 hold --lift 3 --reason "…"

    What is given with one hold must all be true of a call. A held call keeps its recordings; its whole month keeps its
    events and numbers, since the chain of hashes that proves them is the month's. It needs an account in pbx112_keeper.
    """
    settings = settings_for(agencies, ari=False)
    dsn, plan = dsn_of(settings), load_plan(settings.agencies).plan
    wanted = bool(call or number or since or until or lift)
    if wanted and not reason.strip():
        raise Failed('a hold has a reason: add --reason "…"')
    if reason.strip() and not wanted:
        raise Failed("say what is held: --call, --number, --from with --to; or --lift N")
    if bool(since) != bool(until):
        raise Failed("--from and --to belong together")
    zone = plan.service.timezone
    begins, ends = _day(since), _day(until)
    if begins and ends and ends < begins:
        raise Failed(f"--to {until} is before --from {since}")
    try:
        if lift:
            if not asyncio.run(lift_hold(dsn, lift, reason)):
                raise Failed(f"there is no hold {lift} in force; `pbx112 hold` lists them")
            say(f"hold {lift} is lifted")
        elif wanted:
            who = read_caller(number, plan.service.country) if number else None
            placed, more = asyncio.run(
                place_hold(
                    dsn,
                    reason,
                    call_id=call or None,
                    number=None if who is None else who.e164 or who.raw,
                    since=begins.replace(tzinfo=zone) if begins else None,
                    until=(ends + timedelta(days=1)).replace(tzinfo=zone) if ends else None,
                )
            )
            kept = "" if more is None else f": {more} more call{'s are' if more != 1 else ' is'} held by it"
            say(f"hold {placed} is placed{kept}")
            if more == 0:
                complain(
                    "no call in the records is meant that was not held before: is it written as `pbx112 cdr search` "
                    f"has it? If not: `pbx112 hold --lift {placed} --reason …`; calls that come later are kept",
                    "yellow",
                )
        else:
            rows = table("hold", "since", "until", "call", "number", "placed", "by", "reason")
            for held in asyncio.run(holds_in_force(dsn)):
                rows.add_row(
                    str(held.hold_id),
                    f"{held.since.astimezone(zone):%Y-%m-%d}" if held.since else "",
                    f"{held.until.astimezone(zone):%Y-%m-%d}" if held.until else "",
                    plain(held.call_id or ""),
                    plain(held.number or ""),
                    f"{held.placed_at.astimezone(zone):%Y-%m-%d %H:%M}",
                    plain(f"{held.account} ({held.os_user})"),
                    plain(held.reason),
                )
            screen().print(rows) if rows.row_count else say("nothing is held")
    except REFUSALS as error:
        raise Failed(explain(error, KEEPER)) from None


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise Failed(f"{plain(text)!r} is no day; write it as 2026-11-30") from None
