"""`pbx112 check`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from pbx112.cli.checks.ami import check_ami
from pbx112.cli.checks.asterisk import check_asterisk
from pbx112.cli.checks.findings import Level, Section
from pbx112.cli.checks.machine import check_machine
from pbx112.cli.checks.plan_file import Places, check_plan
from pbx112.cli.checks.postgres import check_postgres
from pbx112.cli.options import Agencies, lenient_settings, settings_for
from pbx112.cli.screen import plain, say, waiting
from pbx112.plan.types import Plan
from pbx112.settings import Settings


class Only(StrEnum):
    """One part of the check."""

    FILE = "file"
    ASTERISK = "asterisk"
    POSTGRES = "postgres"


_SIGNS = {Level.RIGHT: ("✓", "green"), Level.DOUBT: ("!", "yellow"), Level.ERROR: ("✗", "red")}


def check(
    agencies: Agencies = None,
    only: Annotated[Only | None, typer.Option("--only", help="Look at this part alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON, for monitoring.")] = False,
) -> None:
    """Say line by line what is right (✓), doubtful (!) and wrong (✗), and how to mend it. Changes nothing.

    \b
    Before a change:   pbx112 check --only file --agencies new.yaml
    After any change:  pbx112 check

    Exit code 0: nothing is wrong (there may be doubts); 1: something is.
    """
    with waiting("looking at the plan, Asterisk and Postgres"):
        sections = _look(agencies, only)
    errors = sum(section.count(Level.ERROR) for section in sections)
    doubts = sum(section.count(Level.DOUBT) for section in sections)
    if as_json:
        found = {"sections": sections, "errors": errors, "doubts": doubts}
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        _print(sections)
        say(f"{_number(errors, 'error')}, {_number(doubts, 'doubt')}", _SIGNS[_worst(errors, doubts)][1])
    raise typer.Exit(1 if errors else 0)


def _look(agencies: Path | None, only: Only | None) -> list[Section]:
    if only is Only.FILE:
        return [check_plan(settings_for(agencies, ari=False).agencies)[0]]
    settings = lenient_settings(agencies)
    file, plan = check_plan(settings.agencies)
    asked = asyncio.run(_ask(settings, plan, only))
    return asked if only else [file, check_machine(settings), *asked]


async def _ask(settings: Settings, plan: Plan | None, only: Only | None) -> list[Section]:
    checks: list[Coroutine[Any, Any, Section]] = []
    if only is not Only.POSTGRES:
        places = Places(settings.agencies) if plan else None
        checks += [check_asterisk(settings, plan, places), check_ami(settings)]
    if only is not Only.ASTERISK:
        checks.append(check_postgres(settings))
    return list(await asyncio.gather(*checks))


def _print(sections: Sequence[Section]) -> None:
    for section in sections:
        say(Text(plain(section.title), style="bold"))
        for item in sorted(section.items, key=lambda item: item.level is Level.RIGHT):
            sign, style = _SIGNS[item.level]
            say(Text.assemble(("  " + sign, style), " ", plain(item.what)))
            if item.remedy:
                say(Text(f"    → {plain(item.remedy)}"))
        say("")


def _number(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"


def _worst(errors: int, doubts: int) -> Level:
    return Level.ERROR if errors else Level.DOUBT if doubts else Level.RIGHT
