"""`pbx112 status`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pbx112.ari import AriError, AriHttp, Endpoint
from pbx112.cdr.trouble import connected
from pbx112.cdr.values import moment
from pbx112.cli.checks.endpoints import known
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.journal_view import lines_seen, live_calls, open_journal
from pbx112.cli.options import Agencies, ari_settings, lenient_settings
from pbx112.cli.screen import plain, screen, table, waiting
from pbx112.cli.story import caller_of, owner_name
from pbx112.cli.where import where
from pbx112.journal import JournalError, holder, read_beat
from pbx112.model.seen import Held, Seen
from pbx112.model.state import Call, Waiting
from pbx112.plan.dial import Key, endpoint_of
from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.types import Line, Plan
from pbx112.room import room_of
from pbx112.settings import Settings
from pbx112.standby import HUNG
from pbx112.switch.live import now
from pbx112.switch.trunks import placed_within_hour
from pbx112.switch.verified import Verified
from pbx112.words import LINES, word

EVERY = 1.0
"""Seconds between two looks with --watch."""

SECONDS = 3.0
"""How long Asterisk and Postgres may take to answer."""

Part = list[RenderableType]
"""A heading, and what stands under it."""


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
    with waiting("asking the journal, Asterisk and Postgres"):
        seen = asyncio.run(_look(settings))
    if not watch:
        console.print(seen)
        return
    if not console.is_terminal:
        raise typer.BadParameter(
            "--watch needs a terminal; for a program, run `pbx112 status` again and again"
        )
    with suppress(KeyboardInterrupt), Live(seen, console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY)
            live.update(asyncio.run(_look(settings)), refresh=True)


async def _look(settings: Settings) -> Group:
    plan, faults = _plan(settings)
    zone = plan.service.timezone if plan else None
    state, live, position, seen, verified = _journal(settings, plan, zone)
    lines, records = await asyncio.gather(
        _lines(settings, plan, seen, verified, zone), _shipping(settings, position)
    )
    local = datetime.now(UTC).astimezone(zone)
    parts: list[RenderableType] = [Text(f"{local:%Y-%m-%d %H:%M:%S %Z}", style="dim")]
    parts += [Text(line) for line in [state, records, *faults]]
    return Group(*parts, *live, *lines)


def _plan(settings: Settings) -> tuple[Plan | None, list[str]]:
    try:
        return load_plan(settings.agencies).plan, []
    except PlanError as error:
        many = f"{len(error.findings)} error{'' if len(error.findings) == 1 else 's'}"
        return None, [f"plan: {many} in {settings.agencies}; see `pbx112 check --only file`"]


def _journal(
    settings: Settings, plan: Plan | None, zone: tzinfo | None
) -> tuple[str, Part, tuple[str, int] | None, Seen, Verified]:
    """What the daemon does, its live calls, the journal's id with its last number, what the line watch said, which
    lines are verified."""
    try:
        with open_journal(settings.journal) as reader:
            head = reader.head()[0]
            last = reader.after(head - 1, 1)
            calls = live_calls(reader)
            position = (reader.journal_id, head)
            moment = now()
            seen, verified = lines_seen(reader, moment.utc_us)
            trunks = _trunks(plan, calls, placed_within_hour(reader, moment), seen, zone) if plan else []
    except (JournalError, Failed) as error:
        return f"daemon: unknown. {plain(str(error))}", _part("Live calls: unknown"), None, Seen(), Verified()
    state = _daemon(settings, last[0].utc_us if last else None) + "\n" + _room(settings.journal)
    return state, [*_calls(calls, zone), *trunks], position, seen, verified


def _room(journal: Path) -> str:
    try:
        room = room_of(journal)
    except OSError as error:
        return f"journal: {plain(str(error))}"
    return f"journal: {room}" + ("; this is little, make room" if room.low else "")


def _part(title: str, rows: Table | None = None) -> Part:
    heading: Part = [Text(), Text(title, style="bold")]
    return heading if rows is None else [*heading, rows]


def _daemon(settings: Settings, last_us: int | None) -> str:
    process = holder(settings.journal)
    said = "nothing written yet" if last_us is None else f"last entry {_ago(time.time() - last_us / 1e6)} ago"
    if process is None:
        return f"daemon: not running; {said}. Start it: systemctl start pbx112"
    hangs = (time.monotonic_ns() - read_beat(settings.journal).mono_ns) / 1e9
    if hangs > HUNG:
        return f"daemon: hangs (process {process}, no heartbeat for {_ago(hangs)}); {said}. See docs/admin, Standby"
    return f"daemon: running (process {process}); {said}"


def _calls(calls: list[Call], zone: tzinfo | None) -> Part:
    if not calls:
        return _part("Live calls: none")
    rows = table("since", "for", "caller", "where", "call")
    for call in calls:
        since = moment(call.arrived.utc_us).astimezone(zone)
        lasting = _ago(time.time() - call.arrived.utc_us / 1e6)
        caller = caller_of(call.arrival.caller_raw, call.arrival.caller, unmask=False)
        rows.add_row(f"{since:%H:%M:%S}", lasting, *map(plain, (caller, where(call), call.call_id)))
    waiting = sum(isinstance(call.situation, Waiting) for call in calls)
    return _part(f"Live calls: {len(calls)}" + (f", {waiting} of them waiting" if waiting else ""), rows)


def _trunks(
    plan: Plan, calls: list[Call], placed: Mapping[str, int], seen: Seen, zone: tzinfo | None
) -> Part:
    """How near each trunk is to its limits, and what the line watch says of it."""
    if not plan.trunks:
        return []
    load = Counter(leg.target.trunk for call in calls for leg in call.live_legs() if leg.placed)
    rows = table("trunk", "calls now", "within the hour", "state")
    for trunk in plan.trunks.values():
        hour = f"{placed.get(trunk.key, 0)} of {trunk.max_per_hour}"
        full = "; full, its lines are passed over" if placed.get(trunk.key, 0) >= trunk.max_per_hour else ""
        state = _held(seen.trunk(trunk.key, now().utc_us), zone) or "not watched"
        rows.add_row(trunk.key, f"{load[trunk.key]} of {trunk.max_calls}", hour + full, state)
    return _part("Trunks", rows)


async def _lines(
    settings: Settings, plan: Plan | None, seen: Seen, verified: Verified, zone: tzinfo | None
) -> Part:
    if plan is None:
        return _part("Lines: unknown without a plan")
    there: dict[Key, Endpoint] | None = None
    title = "Lines"
    try:
        async with AriHttp(ari_settings(settings, request_timeout=SECONDS)) as ari:
            there = known(await ari.endpoints())
    except (AriError, Failed) as error:
        why = error.message if isinstance(error, AriError) else str(error)
        title = (
            f"Lines: Asterisk does not tell their state; see `pbx112 check --only asterisk` ({plain(why)})"
        )
    rows = table("agency", "line", "name", "verified", "state")
    for owner, line in plan.lines():
        state = "unknown" if there is None else _state(line, there)
        held = seen.line(owner, line.number, now().utc_us)
        if held is not None and held.state != "ready":
            state += f"; line watch: {_held(held, zone)}"
        at = verified.at(owner, line.number)
        tested = "" if at is None else f"{moment(at).astimezone(zone):%Y-%m-%d}"
        rows.add_row(owner_name(owner), line.number, line.name, tested, state)
    return _part(title, rows)


def _held(held: Held | None, zone: tzinfo | None) -> str:
    if held is None:
        return ""
    since = moment(held.since_us).astimezone(zone)
    return word(LINES, held.state) + ("" if held.state == "ready" else f" since {since:%d %b %H:%M}")


def _state(line: Line, there: dict[Key, Endpoint]) -> str:
    endpoint = there.get(endpoint_of(line.dial))
    by = f"trunk {line.trunk}: " if line.trunk else ""
    if endpoint is None:
        return by + "unknown to Asterisk"
    if endpoint.channel_ids:
        many = len(endpoint.channel_ids)
        return f"{by}{many} call{'' if many == 1 else 's'}"
    return by + ("no contact" if endpoint.state == "offline" else "ready")


async def _shipping(settings: Settings, position: tuple[str, int] | None) -> str:
    """How far the records have arrived. `position`: the journal's id and its last number."""
    if settings.dsn is None:
        return "records: PBX112_DSN is not set, they stay in the journal"
    journal_id, head = position or (None, 0)
    try:
        async with asyncio.timeout(SECONDS):
            connection = await connected(settings.dsn.get_secret_value(), timeout=SECONDS)
            try:
                query = "SELECT last_seq FROM pbx112.shipment WHERE journal_id = $1"
                arrived = int(await connection.fetchval(query, journal_id) or 0)
            finally:
                connection.terminate()
    except REFUSALS as error:
        return f"records: {plain(explain(error))}; they wait in the journal"
    if position is None:
        return "records: Postgres is there; how far behind they are is unknown"
    behind = max(0, head - arrived)
    if behind:
        return f"records: {behind} of {head} entries have yet to arrive in Postgres"
    return "records: all have arrived in Postgres"


def _ago(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, whole = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{whole:02} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02} h" if hours < 48 else f"{hours // 24} days"
