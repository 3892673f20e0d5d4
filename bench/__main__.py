"""`python -m bench`: measure pbx112 beside Dial() and app_queue, on one Asterisk, in one run."""

from __future__ import annotations

import asyncio
import resource
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import memory, report
from bench.calls import Load, Run, run
from bench.capture import CaptureError
from bench.records import Ledger
from bench.result import Result, machine
from bench.ways import PBX112, WAYS, Way, exchange_of_all, open_queue, switch_to
from lab.exchange import Exchange
from lab.processes import LabError
from lab.root import NoAsterisk

LAB = Path(__file__).parent.parent / ".lab"
TALK = 1.0
"""Seconds that a call lasts."""
WARM_UP = 3
"""Seconds of calls, each way, before anything is counted."""

WIDTH = 108
"""Columns that the tables need."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Benchmark:
    """Runs everything on `exchange`, and tells `progress`."""

    def __init__(self, exchange: Exchange, progress: Progress) -> None:
        self.exchange, self._progress = exchange, progress
        self._ledger = Ledger(exchange.dsn)
        self._loads = 0

    async def measure(self, rates: list[int], seconds: int, rounds: int) -> Result:
        """All ways take turns, so that the machine's moods fall on all of them alike."""
        total = len(WAYS) * (1 + rounds * len(rates)) + 1
        bar = self._progress.add_task("calls", total=total)
        version = (await self.exchange.asterisk.ask("core show version")).split(" built")[0]
        result = Result(machine=machine(version), rss_mb_idle=memory.megabytes(self.exchange))
        for way in WAYS:
            self._progress.update(bar, description=f"warming up: {way.title}")
            await self._run(way, max(rates), WARM_UP)
            self._progress.advance(bar)
        for _ in range(rounds):
            for rate in rates:
                for way in WAYS:
                    self._progress.update(bar, description=f"{rate} calls/s: {way.title}")
                    result.runs.append(await self._run(way, rate, seconds))
                    self._progress.console.print(report.one_line(result.runs[-1]), highlight=False)
                    self._progress.advance(bar)
        self._progress.update(bar, description=f"{memory.CALLS} calls at once")
        await self._measure_memory(result)
        self._progress.advance(bar)
        result.accepted = self._ledger.accepted
        result.unrecorded = len(self._ledger.unrecorded)
        result.recorded_again = len(self._ledger.recorded_again)
        return result

    async def _run(self, way: Way, rate: int, seconds: int) -> Run:
        await switch_to(self.exchange, way)
        made = await run(self.exchange, way, Load(rate, rate * seconds, TALK, self._next()))
        if way.ours:
            await self._ledger.settle(made.accepted)
        return made

    async def _measure_memory(self, result: Result) -> None:
        await switch_to(self.exchange, PBX112)
        measured = await memory.measure(self.exchange, self._next())
        await self._ledger.settle(measured.run.accepted)
        result.rss_mb_at_500 = measured.megabytes

    def _next(self) -> int:
        self._loads += 1
        return self._loads


@app.command()
def main(
    quick: Annotated[bool, typer.Option("--quick", help="One short round: to see that it works.")] = False,
    rates: Annotated[str, typer.Option(help="Calls a second, separated by commas.")] = "20,100",
    seconds: Annotated[int, typer.Option(help="How long calls come in, in one run.", min=1)] = 15,
    rounds: Annotated[int, typer.Option(help="How often all ways take their turn.", min=1)] = 3,
    output: Annotated[Path, typer.Option(help="Where the numbers are written.")] = LAB / "bench.json",
    net: Annotated[str, typer.Option(help="The exchange's net on loopback.")] = "127.119",
) -> None:
    """Measure how long a caller waits for an answer with Dial(), app_queue and pbx112, and what it costs.

    Ends with 0 where it could measure, whatever the numbers; with 1 where it could not.
    """
    console = Console()
    console.width = max(console.width, WIDTH)
    _raise_limit_of_files()
    folder = LAB / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    asked = _numbers(rates)
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            result = asyncio.run(
                _measure(folder, net, progress, asked, *((5, 1) if quick else (seconds, rounds)))
            )
    except (LabError, NoAsterisk, CaptureError) as error:
        console.print(f"[red]could not measure:[/] {error}", highlight=False)
        raise typer.Exit(1) from None
    shutil.rmtree(folder, ignore_errors=True)
    result.write(output)
    report.show(result, console)
    console.print(f"All numbers: {output}", highlight=False)


def _numbers(rates: str) -> list[int]:
    try:
        asked = sorted({int(rate) for rate in rates.split(",")})
    except ValueError:
        asked = []
    if not asked or asked[0] < 1:
        raise typer.BadParameter(f"{rates!r}: write calls a second like 20,100", param_hint="--rates")
    return asked


async def _measure(
    folder: Path, net: str, progress: Progress, rates: list[int], seconds: int, rounds: int
) -> Result:
    async with exchange_of_all(folder, net) as exchange:
        await open_queue(exchange)
        return await Benchmark(exchange, progress).measure(rates, seconds, rounds)


def _raise_limit_of_files() -> None:
    """Five hundred calls are some thousand sockets; what we start takes our limit over."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    app(prog_name="python -m bench")
