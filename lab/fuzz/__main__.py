"""`python -m lab.fuzz`: hostile input for every reader; ends with 1 where a promise is broken."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lab.fuzz.run import fails, fuzz, keep, processes
from lab.fuzz.targets import HERE, TARGETS

KEPT = HERE / ".lab" / "fuzz"


def main(
    inputs: Annotated[int, typer.Option(help="For each target.", min=1)] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed, the same inputs.", min=0)] = 1,
    only: Annotated[str, typer.Option(help=f"One target: {', '.join(TARGETS)}.")] = "",
    replay: Annotated[Path | None, typer.Option(help="Play this file (with --only).", exists=True)] = None,
) -> None:
    """Give every reader hostile inputs: only documented errors, in bounded time."""
    console = Console()
    if only and only not in TARGETS:
        raise typer.BadParameter(f"{only!r}: it is one of {', '.join(TARGETS)}", param_hint="--only")
    if replay is not None:
        why = fails(only, replay.read_bytes()) if only else "name its target with --only"
        console.print(why or "all promises are kept", markup=False)
        raise typer.Exit(1 if why else 0)
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with processes() as pool, Progress(*columns, console=console, transient=True) as progress:
        for name in [only] if only else TARGETS:
            bar = progress.add_task(name, total=inputs)
            began = time.monotonic()
            broken = fuzz(name, inputs, seed, lambda more, bar=bar: progress.advance(bar, more), pool)  # type: ignore[misc]
            if broken is not None:
                pool.shutdown(cancel_futures=True)
                file = keep(broken, KEPT)
                progress.console.print(f"[red]{name}: broken[/] by input {broken.number}, kept in {file}")
                progress.console.print(broken.why, markup=False)
                progress.console.print(
                    f"again: python -m lab.fuzz --only {name} --replay {file}", markup=False
                )
                raise typer.Exit(1)
            rate = inputs / (time.monotonic() - began)
            progress.console.print(f"{name:16} {inputs:>9,} inputs, {rate:>7,.0f}/s", highlight=False)


if __name__ == "__main__":
    typer.run(main)
