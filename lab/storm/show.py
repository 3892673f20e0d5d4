"""A storm for people: progress while it blows, and the figures afterwards."""

from __future__ import annotations

import asyncio
import random
import resource
import shutil
import subprocess
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lab.storm.callers import GIVES_UP
from lab.storm.run import storm
from lab.storm.tally import Storm

ROWS = (
    ("INVITEs accepted by Asterisk", "accepted"),
    ("calls in Postgres", "recorded"),
    ("without an outcome", "outcomes_missing"),
    ("with more than one", "outcomes_double"),
    ("attempts without a result", "results_missing"),
    ("callers who stayed", "stayed"),
    ("of these: reached a human or the fallback", "reached_or_fallback"),
    ("handled by the fallback alone", "by_fallback"),
    ("callers dropped by us", "dropped_by_us"),
    ("channels left over", "channels_left"),
    ("bridges left over", "bridges_left"),
    ("the journal's chain is whole", "chain_ok"),
    ("longest silence, s", "silence_s_max"),
    ("the same, on a phone that died in the talk, s", "silence_dead_phone_s_max"),
    ("time to recover, median, s", "recovery_s_median"),
    ("time to recover, worst, s", "recovery_s_max"),
    ("INVITE to answer, median, s", "answered_after_s_median"),
    ("INVITE to answer, longest, s", "answered_after_s_max"),
)


def blow(folder: Path, output: Path, *, seed: int | None, rate: float, minutes: float) -> bool:
    """Run a storm below `folder`, write its figures to `output`, and show them; whether all held."""
    console = Console()
    seed = random.randrange(1_000_000) if seed is None else seed  # noqa: S311
    seconds = minutes * 60
    if (folder / "journal").is_mount():  # of a storm that was killed
        subprocess.run(["umount", "--lazy", folder / "journal"], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    _raise_limit_of_files()
    console.print(f"storm: seed {seed}, {rate:g} calls/s for {seconds:g} s", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("an exchange starts", total=seconds + GIVES_UP / 4)
        began = time.monotonic()

        def tell(what: str) -> None:
            progress.update(bar, description=what, completed=time.monotonic() - began)
            progress.console.print(f"  {what}", highlight=False)

        result = asyncio.run(storm(folder, seed=seed, rate=rate, seconds=seconds, tell=tell))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    return show(result, console, output)


def show(result: Storm, console: Console, output: Path) -> bool:
    """The figures, and what does not hold; whether all held."""
    table = Table("", "", box=None, show_header=False)
    for title, name in ROWS:
        value = getattr(result, name)
        table.add_row(title, ("yes" if value else "no") if isinstance(value, bool) else f"{value:,}")
    console.print(table)
    console.print(f"All figures: {output}", highlight=False)
    wrong = result.faults_found()
    for why in wrong:
        console.print(f"[red]does not hold:[/] {why}", highlight=False)
    if not wrong:
        console.print("[green]nothing was lost[/]")
    return not wrong


def _raise_limit_of_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
