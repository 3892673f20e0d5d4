"""`python -m lab.traffic sample|load|journal`: what the Makefile calls."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lab.network import free_net
from lab.postgres import Postgres
from lab.processes import LabError
from lab.traffic import guide
from lab.traffic.load import Loaded, Traffic, load
from lab.traffic.sample import SAMPLE, load_sample
from lab.traffic.write import write_journal
from pbx112.cdr import MigrationError, migrate
from pbx112.journal import JournalError
from pbx112.plan.finding import PlanError

REPOSITORY = Path(__file__).parent.parent.parent
AUDITOR, UNMASKED = "auditor", "auditor_unmasked"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Dsn = Annotated[str, typer.Option(help="An owner's account of an empty database, as libpq writes it.")]
Agencies = Annotated[Path, typer.Option(help="The plan of every office.")]
Calls = Annotated[int, typer.Option(help="Calls of all offices together.", min=1)]
Seed = Annotated[int, typer.Option(help="The same seed, the same calls.")]
Begins = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.")]
Days = Annotated[int, typer.Option(help="About how many days it lasts.", min=1)]


@app.command()
def sample(
    dsn: Annotated[str, typer.Option(help="Fill this empty database, and end.")] = "",
    folder: Annotated[Path, typer.Option(help="Where a server of its own keeps it.")] = REPOSITORY
    / ".lab"
    / "sample",
) -> None:
    """Fill a database with the sample of docs/auditor.md; without `--dsn` start a server with it, anew until Ctrl-C."""
    if dsn:
        print(_words(asyncio.run(load_sample(dsn))))
    else:
        asyncio.run(_serve(folder))


async def _serve(folder: Path) -> None:
    """Always made anew: what is there may be of another version's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = Postgres(folder, f"{free_net()}.0.1")
    await server.start()
    try:
        print(_words(await load_sample(server.dsn)))
        await server.add_account(AUDITOR, "pbx112_auditor")
        await server.add_account(UNMASKED, "pbx112_unmasked")
        print(f"auditor, numbers masked:  psql {shlex.quote(server.dsn_of('pbx112', AUDITOR))}")
        print(f"auditor, whole numbers:   psql {shlex.quote(server.dsn_of('pbx112', UNMASKED))}")
        print(f"owner:                    psql {shlex.quote(server.dsn)}")
        print("Ctrl-C ends it", flush=True)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        pass
    finally:
        await server.stop()


@app.command()
def answers() -> None:
    """Write the answers of docs/auditor.*.md anew, where the sample or the views were changed with intent."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_write_answers(Path(folder)))


async def _write_answers(folder: Path) -> None:
    server = Postgres(folder, f"{free_net()}.0.1")
    await server.start()
    try:
        await load_sample(server.dsn)
        await server.add_account(AUDITOR, "pbx112_auditor")
        for path in guide.GUIDES:
            text = path.read_text()
            told = await guide.ask(server.dsn_of("pbx112", AUDITOR), list(guide.queries(text)))
            path.write_text(guide.with_answers(text, told))
    finally:
        await server.stop()


@app.command("load")
def load_(
    dsn: Dsn,
    calls: Calls = 100_000,
    seed: Seed = 1,
    begins: Begins = datetime(2024, 1, 1),
    days: Days = 365,
    offices: Annotated[
        int, typer.Option(help="How many, each a process and a journal of its own.", min=1)
    ] = 2,
    agencies: Agencies = REPOSITORY / "agencies.yaml",
) -> None:
    """Fill a database with as much traffic as wanted."""
    names = tuple(f"office{number}" for number in range(1, offices + 1))
    traffic = Traffic(agencies, seed, begins.date(), days, calls, names)
    asyncio.run(migrate(dsn))
    columns = (TextColumn("calls"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=calls)
        print(_words(load(dsn, traffic, lambda step: progress.advance(bar, step.calls))))


@app.command()
def journal(
    path: Annotated[Path, typer.Argument(help="A new journal.")],
    calls: Calls = SAMPLE.calls,
    seed: Seed = SAMPLE.seed,
    begins: Begins = datetime(2026, 1, 1),
    days: Days = SAMPLE.days,
    agencies: Agencies = SAMPLE.agencies,
) -> None:
    """Write one office's traffic into a journal file, as the daemon does."""
    traffic = Traffic(agencies, seed, begins.date(), days, calls, SAMPLE.offices)
    entries = asyncio.run(write_journal(path, traffic.office(SAMPLE.offices[0]).drafts()))
    print(f"{path}: {entries:,} entries")


def _words(loaded: Loaded) -> str:
    return f"{loaded.calls:,} calls, {loaded.legs:,} legs, {loaded.events:,} events"


def main() -> None:
    """Run a command; what goes wrong is told in words."""
    try:
        app()
    except (LabError, JournalError, MigrationError, RuntimeError, OSError, asyncpg.PostgresError) as error:
        sys.exit(str(error))
    except PlanError as error:
        sys.exit("\n".join(map(str, error.findings)))


if __name__ == "__main__":
    main()
