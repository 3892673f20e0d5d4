"""`python -m lab up|down|status|demo|storm|matrix`: what the Makefile calls."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from lab import demo as stories
from lab import service
from lab.network import Network
from lab.processes import LabError
from lab.root import NoAsterisk
from pbx112.plan.finding import PlanError

REPOSITORY = Path(__file__).parent.parent

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Agencies = Annotated[Path, typer.Option(help="The plan.", envvar="AGENCIES")]
Net = Annotated[str, typer.Option(help="The first two numbers of its addresses, within 127.0.0.0/8.")]
Phones = Annotated[bool, typer.Option(help="Put phones that answer on all lines.")]
HomeFolder = Annotated[Path, typer.Option(help="Where its files are.")]

DEFAULT_NET = Network().prefix


@app.command()
def up(
    agencies: Agencies = REPOSITORY / "agencies.yaml",
    net: Net = DEFAULT_NET,
    phones: Phones = True,
    home: HomeFolder = service.HOME,
) -> None:
    """Start an exchange with the daemon, and leave it running."""
    print(service.up(service.Home(home), agencies=agencies.absolute(), net=net, phones=phones))


@app.command()
def down(home: HomeFolder = service.HOME) -> None:
    """End it, with all its processes."""
    print(service.down(service.Home(home)))


@app.command()
def status(home: HomeFolder = service.HOME) -> None:
    """Say whether it is up."""
    print(service.status(service.Home(home)))


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="And stop; else the exchange stays up until Ctrl-C.")
    ] = False,
) -> None:
    """Play the 112 stories, and compare what happened with what the records say."""
    stories.play(once=once)


@app.command()
def storm(
    seed: Annotated[
        int | None, typer.Option(help="The same seed, the same faults.", show_default="any")
    ] = None,
    rate: Annotated[float, typer.Option(help="Calls a second.", min=1)] = 20,
    minutes: Annotated[float, typer.Option(help="How long calls come in.", min=0.5)] = 5,
    home: HomeFolder = service.HOME,
) -> None:
    """Let calls come in while everything breaks; fails unless every call is accounted for."""
    from lab.storm.show import blow

    if not blow(home / "storm", home / "storm.json", seed=seed, rate=rate, minutes=minutes):
        raise typer.Exit(1)


@app.command()
def matrix(home: HomeFolder = service.HOME) -> None:
    """Play the core stories on each supported Asterisk, Postgres and Python; fails where one fails."""
    from lab.matrix import play

    if not play(home / "matrix", home / "matrix.json"):
        raise typer.Exit(1)


@app.command(hidden=True)
def keep(agencies: Agencies, net: Net, home: HomeFolder, phones: Phones = True) -> None:
    """Be the owner of an exchange that stays up."""
    asyncio.run(service.keep(service.Home(home), agencies=agencies, net=net, phones=phones))


def main() -> None:
    """Run a command; what goes wrong is told in words."""
    try:
        app()
    except (LabError, NoAsterisk) as error:
        sys.exit(str(error))
    except PlanError as error:
        sys.exit("\n".join(map(str, error.findings)))


if __name__ == "__main__":
    main()
