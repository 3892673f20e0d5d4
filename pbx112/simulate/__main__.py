"""`python -m pbx112.simulate`: the laws against a million calls in virtual time."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .laws import LAWS
from .run import CALLS_A_WORLD, Result, quiet, run_world, run_worlds, story_of

console = Console(highlight=False, markup=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def simulate(
    calls: Annotated[int, typer.Option(min=1, help="How many calls.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="The first world's number.")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")] = 0,
    replay: Annotated[int | None, typer.Option(min=0, help="Tell the whole story of this world.")] = None,
) -> None:
    """Drive the real model through calls in virtual time and hold DESIGN's laws against every step.

    Each world is made of its number alone: a plan, callers, phones, and what goes wrong. The same number is the
    same world. Exit code 1 where a law does not hold.
    """
    quiet()
    if replay is not None:
        result = run_world(replay, lambda line: console.print(line, soft_wrap=True))
        console.print(result.failure.text if result.failure else "every law holds")
        raise typer.Exit(1 if result.failure else 0)
    total, started = _run(calls, seed, workers)
    _report(total, time.monotonic() - started)
    if total.failure:
        _complain(total)
        raise typer.Exit(1)


def _run(calls: int, seed: int, workers: int) -> tuple[Result, float]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    total, started = Result(), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[speed]:.0f} calls/s"), console=console) as progress:
        bar = progress.add_task("calls", total=calls, speed=0.0)
        with suppress(KeyboardInterrupt):  # what there is so far is told all the same
            for result in run_worlds(seed, -(-calls // CALLS_A_WORLD), workers or None):
                total.worlds += 1
                total.calls += result.calls
                total.seen += result.seen
                total.failure = result.failure
                if total.worlds % 10 == 0:
                    speed = total.calls / (time.monotonic() - started)
                    progress.update(bar, completed=min(calls, total.calls), speed=speed)
        progress.update(bar, completed=min(calls, total.calls))
    return total, started


def _report(total: Result, seconds: float) -> None:
    console.print(
        f"{total.calls:,} calls in {total.worlds:,} worlds, {seconds:.0f} s, {total.calls / seconds:,.0f} calls/s; "
        f"{len(LAWS)} laws"
    )
    groups: dict[str, Counter[str]] = {}
    for name, count in total.seen.items():
        kind, _, what = name.partition(":") if ":" in name.split(" ")[0] else ("what went wrong", "", name)
        groups.setdefault(kind, Counter())[what] += count
    for kind, counts in sorted(groups.items()):
        table = Table(
            "", "", title=kind, box=None, show_header=False, title_justify="left", title_style="bold"
        )
        for what, count in sorted(counts.items()):
            table.add_row(what, f"{count:,}")
        console.print(table)


def _complain(total: Result) -> None:
    failure = total.failure
    assert failure is not None
    console.print(f"\nworld {failure.seed}: {failure.text}\n", style="bold red")
    for line in story_of(failure.seed, failure.call_id):
        console.print(line, soft_wrap=True)
    again = f"make simulate SEED={failure.seed}"
    whole = f"{Path('.venv/bin/python')} -m pbx112.simulate --replay {failure.seed}"
    console.print(f"\nworld {failure.seed}: {failure.text}", style="bold red", soft_wrap=True)
    console.print(f"the same again: {again}; the whole story: {whole}", style="bold", soft_wrap=True)


if __name__ == "__main__":
    app()
