"""`pbx112 status`."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated

import asyncpg
import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pbx112.ari import AriError, AriHttp, Endpoint
from pbx112.cdr.record import moment
from pbx112.cli.checks.endpoints import Key, endpoint_of, known
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.journal_view import live_calls, open_journal, writer_of
from pbx112.cli.options import Agencies, ari_settings, lenient_settings
from pbx112.cli.screen import plain, screen, table
from pbx112.cli.story import caller_of, owner_name, where
from pbx112.journal import JournalError
from pbx112.model.state import Call
from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.types import Line, Plan
from pbx112.settings import Settings

EVERY = 1.0
"""Seconds between two looks with --watch."""


def status(
    agencies: Agencies = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second until Ctrl-C.")] = False,
) -> None:
    """Show the live calls, the lines, the daemon, and how far the records have arrived in Postgres.

    \b
    Once:            pbx112 status
    On a wall:       pbx112 status --watch

    It reads the daemon's journal, so it needs to run as root or as pbx112. It works with Asterisk, Postgres or
    the daemon down, and says so. Callers' numbers are masked to their last three digits.
    """
    settings = lenient_settings(agencies)
    console = screen()
    if not watch:
        console.print(asyncio.run(_look(settings)))
        return
    try:
        with Live(asyncio.run(_look(settings)), console=console, screen=console.is_terminal) as live:
            while True:
                time.sleep(EVERY)
                live.update(asyncio.run(_look(settings)), refresh=True)
    except KeyboardInterrupt:
        return


async def _look(settings: Settings) -> Group:
    try:
        plan: Plan | None = load_plan(settings.agencies).plan
        fault = ""
    except PlanError as error:
        plan, fault = (
            None,
            f"{len(error.findings)} errors in {settings.agencies}; see `pbx112 check --only file`",
        )
    try:
        with open_journal(settings.journal) as reader:
            head, journal_id = reader.head()[0], reader.journal_id
            last = reader.after(head - 1, 1)
            calls = live_calls(reader)
    except (JournalError, Failed) as error:
        daemon, shipped, live = [f"journal: {error}"], [], [Text("unknown: the journal cannot be read")]
        lines = await _lines(settings, plan)
    else:
        daemon = _daemon(settings, last[0].utc_us if last else None)
        live = [_calls(calls, plan)]
        lines, shipped = await asyncio.gather(_lines(settings, plan), _shipping(settings, journal_id, head))
    now = datetime.now(plan.service.timezone if plan else None).astimezone()
    return Group(
        Text(f"{now:%Y-%m-%d %H:%M:%S %Z}", style="dim"),
        *(Text(line) for line in [*daemon, *shipped, *([fault] if fault else [])]),
        Text(),
        *live,
        Text(),
        lines,
    )


def _daemon(settings: Settings, last_us: int | None) -> list[str]:
    process = writer_of(settings.journal)
    said = "nothing yet" if last_us is None else f"last entry {_ago(time.time() - last_us / 1e6)} ago"
    if process is None:
        return [f"daemon: not running; {said}. Start it: systemctl start pbx112"]
    return [f"daemon: running (process {process}); {said}"]


def _calls(calls: list[Call], plan: Plan | None) -> Table | Text:
    if not calls:
        return Text("No live calls", style="bold")
    rows = table("since", "for", "caller", "where", "call", title=f"{len(calls)} live calls")
    for call in calls:
        since = moment(call.arrived.utc_us).astimezone(plan.service.timezone if plan else None)
        lasting = _ago(time.time() - call.arrived.utc_us / 1e6)
        caller = caller_of(call.arrival.caller_raw, call.arrival.caller, unmask=False)
        rows.add_row(f"{since:%H:%M:%S}", lasting, *map(plain, (caller, where(call), call.call_id)))
    return rows


async def _lines(settings: Settings, plan: Plan | None) -> Table | Text:
    if plan is None:
        return Text("lines: unknown without a plan")
    there: dict[Key, Endpoint] | None = None
    title = "Lines"
    try:
        async with AriHttp(ari_settings(settings, request_timeout=3.0)) as ari:
            there = known(await ari.endpoints())
    except (AriError, Failed) as error:
        why = error.message if isinstance(error, AriError) else str(error)
        title = (
            f"Lines (Asterisk does not tell their state: {plain(why)}; see `pbx112 check --only asterisk`)"
        )
    rows = table("agency", "line", "name", "state", title=title)
    for owner, line in plan.lines():
        rows.add_row(
            owner_name(owner), line.number, line.name, "unknown" if there is None else _state(line, there)
        )
    return rows


def _state(line: Line, there: dict[Key, Endpoint]) -> str:
    endpoint = there.get(endpoint_of(line.dial))
    by = f"trunk {line.trunk}: " if line.trunk else ""
    if endpoint is None:
        return by + "unknown to Asterisk"
    if endpoint.channel_ids:
        many = len(endpoint.channel_ids)
        return f"{by}{many} call{'' if many == 1 else 's'}"
    return by + ("no contact" if endpoint.state == "offline" else "ready")


async def _shipping(settings: Settings, journal_id: str, head: int) -> list[str]:
    if settings.dsn is None:
        return [f"records: PBX112_DSN is not set; {head} entries in the journal"]
    try:
        async with asyncio.timeout(3.0):
            connection = await asyncpg.connect(
                settings.dsn.get_secret_value(), timeout=3.0, command_timeout=3.0
            )
            try:
                query = "SELECT last_seq FROM pbx112.shipment WHERE journal_id = $1"
                arrived = int(await connection.fetchval(query, journal_id) or 0)
            finally:
                connection.terminate()
    except REFUSALS as error:
        return [f"records: {plain(explain(error))}. They wait in the journal"]
    behind = max(0, head - arrived)
    return [f"records: {behind} entries behind" if behind else "records: all have arrived in Postgres"]


def _ago(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, whole = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{whole:02} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02} h" if hours < 48 else f"{hours // 24} days"
