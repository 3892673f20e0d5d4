"""`pbx112 audit`: whether somebody changed the records."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pbx112.audit.anchor import Anchor, AnchorError, latest, read, to_syslog, write
from pbx112.audit.anchored import Held, heads, hold
from pbx112.audit.chain import Fault
from pbx112.audit.keys import KeyFileError, PublicKey, make_key, private_key, public_half, read_public_keys
from pbx112.audit.verify import Verified
from pbx112.audit.verify import verify as look_over
from pbx112.cdr.rebuild import Rebuilt
from pbx112.cdr.rebuild import rebuild as compare
from pbx112.cli.database import PROVER, REFUSALS, explain
from pbx112.cli.errors import Failed, reported
from pbx112.cli.options import Agencies, dsn_of, settings_for
from pbx112.cli.reconcile import reconcile
from pbx112.cli.screen import complain, plain, say, screen
from pbx112.plan.load import load_plan

app = typer.Typer(no_args_is_help=True, help="Whether somebody changed the records.")
app.command()(reported(reconcile))

_NAMED = 20
"""Calls that are named on the screen; how many there are is told in any case."""


@app.command()
@reported
def verify(
    journal: Annotated[str, typer.Option("--journal", metavar="ID", help="This journal alone.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="YYYY-MM-DD", help="Entries from this day on.")
    ] = "",
    records: Annotated[
        bool, typer.Option("--records", help="Also compare the rows of calls with their events (slow).")
    ] = False,
    anchors: Annotated[
        Path | None, typer.Option("--anchors", metavar="FILE", help="Hold these anchors against the chain.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The public keys that may have signed them.")
    ] = None,
    agencies: Agencies = None,
) -> None:
    """Read every event in Postgres, compute its hash anew, and name the first that was changed.

    \b
    Every night:      pbx112 audit verify
    For an auditor:   pbx112 audit verify --records --anchors anchors.txt --key key.pub

    Exit code 0: all is whole; 1: somebody changed something, or it could not be looked at. It reads the exact bytes,
    so it needs an account in pbx112_unmasked. Without anchors the end is not protected, nor anything against somebody
    who writes the whole chain anew.
    """
    settings = settings_for(agencies, ari=False)
    dsn = dsn_of(settings)
    zone: tzinfo = load_plan(settings.agencies).plan.service.timezone
    wanted, begins = _journal(journal), _day(since, zone)
    if (anchors is None) != (key is None):
        raise Failed(
            "--anchors and --key belong together: a file of anchors, and of the public keys that signed them"
        )
    made, keys = _given(anchors, key)
    compared, held = Rebuilt(), Held()
    try:
        with _bar() as progress:
            task = progress.add_task("events", total=None)
            verified = asyncio.run(
                look_over(
                    dsn,
                    journal=wanted,
                    since=begins,
                    on_progress=lambda done, total: progress.update(task, completed=done, total=total),
                )
            )
        if made is not None:
            held = asyncio.run(hold(dsn, made, keys))
        if records:
            with _bar() as progress:
                task = progress.add_task("calls", total=None)
                compared = asyncio.run(
                    compare(
                        dsn,
                        write=False,
                        on_progress=lambda done, total: progress.update(task, completed=done, total=total),
                    )
                )
    except LookupError as error:
        raise Failed(f"Postgres knows no journal {error}; without --journal all are looked at") from None
    except REFUSALS as error:
        raise Failed(explain(error, PROVER)) from None
    _tell(verified, zone)
    _tell_anchors(held if made is not None else None, verified, zone)
    for call_id in compared.different[:_NAMED]:
        complain(f"call {call_id}: its rows do not say what its events say")
    if len(compared.different) > _NAMED:
        complain(f"… and {len(compared.different) - _NAMED} more calls")
    if verified.faults or verified.unlocked or held.wrong or compared.different:
        raise typer.Exit(1)
    also = f", the rows of {compared.calls:,} calls agree" if records else ""
    say(f"{verified.events:,} events are whole{also}", "green")


def _tell(verified: Verified, zone: tzinfo) -> None:
    for note in verified.notes:
        say(plain(note), "yellow")
    for journal, dropped in verified.left.items():
        for left in dropped[-_NAMED:]:
            when = f"{left.at.astimezone(zone):%Y-%m-%d %H:%M}"
            span = f"entries {left.first_seq} to {left.last_seq}"
            say(f"journal {journal}: {span} left by retention on {when} (run {left.run})")
        if len(dropped) > _NAMED:
            say(f"journal {journal}: … and {len(dropped) - _NAMED} ranges before (pbx112.dropped_range)")
    for fault in verified.faults:
        complain(_words(fault, zone))
    for table in verified.unlocked:
        complain(
            f"table {table}: a trigger that refuses every change (append_only, append_only_whole) is missing or off"
        )
    for shipment in verified.journals:
        say(f"journal {shipment.journal_id}: up to {shipment.last_seq}, {shipment.head.hex()}")


def _tell_anchors(held: Held | None, verified: Verified, zone: tzinfo) -> None:
    if held is None:
        say(
            "no anchors were given: the end, and a chain that was written anew, are proven by nobody",
            "yellow",
        )
        return
    for note in held.notes:
        say(plain(note), "yellow")
    for wrong in held.wrong:
        complain(wrong)
    for shipment in verified.journals:
        seq, when = held.protected.get(shipment.journal_id, (0, None))
        proven = (
            f"proven up to {seq} by the anchor of {when.astimezone(zone):%Y-%m-%d %H:%M}"
            if when
            else "not proven"
        )
        rest = "" if seq >= shipment.last_seq else f"; from {seq + 1} on the end is not protected yet"
        say(f"journal {shipment.journal_id}: {proven}{rest}")


def _given(anchors: Path | None, key: Path | None) -> tuple[list[Anchor] | None, list[PublicKey]]:
    if anchors is None or key is None:
        return None, []
    try:
        return read(anchors), read_public_keys(key)
    except (AnchorError, KeyFileError) as error:
        raise Failed(plain(str(error))) from None


@app.command("key")
@reported
def make_or_show_key(
    public: Annotated[
        bool, typer.Option("--public", help="Make nothing; print the public half of the key there is.")
    ] = False,
) -> None:
    """Make the key that signs anchors, and print its public half, which the auditor keeps."""
    path = settings_for(ari=False).anchor_key
    try:
        say(str(public_half(private_key(path)) if public else make_key(path)))
    except KeyFileError as error:
        raise Failed(str(error)) from None


@app.command()
@reported
def anchor(
    show: Annotated[bool, typer.Option("--show", help="Make none; show the last one's short code.")] = False,
) -> None:
    """Sign the heads of the chain as they stand now, into the file of anchors and to syslog.

    Every day by deploy/pbx112-anchor.timer. Copy the file, or let syslog go, to a machine of somebody else.
    """
    settings = settings_for(ari=False)
    try:
        if show:
            last = latest(settings.anchors)
            if last is None:
                raise Failed(f"{settings.anchors}: there is no anchor yet")
            made = last
        else:
            signer = private_key(settings.anchor_key)
            found, wrong = asyncio.run(heads(dsn_of(settings), settings.journal))
            if wrong is not None:
                raise Failed(wrong)
            if not found:
                raise Failed("Postgres has no journal yet: there is nothing to anchor")
            made = write(settings.anchors, signer, settings.node, found)
            if not to_syslog(made, settings.syslog):
                complain(
                    f"{settings.syslog}: syslog does not take it; the anchor stands in {settings.anchors} alone",
                    "yellow",
                )
    except (AnchorError, KeyFileError) as error:
        raise Failed(plain(str(error))) from None
    except REFUSALS as error:
        raise Failed(explain(error)) from None
    say(f"anchor {made.says.number}, {made.says.time:%Y-%m-%d %H:%M:%S} UTC")
    for head in made.says.heads:
        say(f"  journal {head.journal}: entry {head.seq}, {head.calls} calls")
    say(f"  {made.code}", "bold")


def _words(fault: Fault, zone: tzinfo) -> str:
    about = f", call {fault.call_id}" if fault.call_id else ""
    when = f", {fault.at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if fault.at else ""
    return f"journal {fault.journal_id}, entry {fault.seq}{about}{when}: {fault.what}: {fault.why}"


def _bar() -> Progress:
    console = screen(errors=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _journal(text: str) -> str | None:
    try:
        return str(UUID(text)) if text else None
    except ValueError:
        raise Failed(f"{plain(text)!r} is no journal's id; `pbx112 audit verify` lists them") from None


def _day(text: str, zone: tzinfo) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone) if text else None
    except ValueError:
        raise Failed(f"{plain(text)!r} is no day; write it as 2026-11-30") from None
