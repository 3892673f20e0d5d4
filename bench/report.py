"""What was measured, for people."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from bench.calls import Run
from bench.result import Result, Row
from bench.ways import DIAL, QUEUE

BUSY = 0.5
"""The load average from which on the machine is not ours alone."""


def one_line(run: Run) -> str:
    """What became of a run, while others are still to come."""
    setup = sorted(run.setup)
    median = f"{setup[len(setup) // 2]:6.1f} ms" if setup else "no call was answered"
    return f"{run.load.rate:4d} calls/s  {run.way.title:<18} {median}" + (
        f"  {run.failed} of {run.load.count} calls failed" if run.failed else ""
    )


def show(result: Result, console: Console) -> None:
    """Tables, and what is to be reached."""
    for rate in result.rates:
        console.print(_table(result, rate))
    console.print(
        f"Memory of the daemon: {result.rss_mb_idle:.0f} MB before the first call, "
        f"{result.rss_mb_at_500:.0f} MB with 500 calls up."
    )
    for target in result.targets():
        sign = "[green]reached    [/]" if target.reached else "[red]NOT REACHED[/]"
        console.print(f"{sign}  {target.what}: {target.measured}")
    if result.machine.get("load_before", 0) > BUSY:
        console.print(
            f"[yellow]The machine was busy before the start (load {result.machine['load_before']}): "
            "the times are worse than they need be, the ratios less certain."
        )


def _table(result: Result, rate: int) -> Table:
    talk = result.rows(rate)[0].runs[0].load.talk
    table = Table(
        title=f"{rate} calls a second, of {talk:g} s",
        caption="ms; CPU: of one call",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in (
        *("median", "p99", "to\nDial()", "to\nqueue", "to\nphone", "back"),
        *("calls/s", "failed", "lost", "CPU\nAsterisk", "CPU\npbx112"),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in result.rows(rate):
        table.add_row(*_cells(result, row))
    return table


def _cells(result: Result, row: Row) -> list[str]:
    times = [f"{row.median:.1f}", f"{row.p99:.1f}"]
    ratios = [f"{result.ratio(row.rate, row.way, to):.2f}" for to in (DIAL, QUEUE)]
    return [
        *(row.way.title, *times, *ratios, f"{row.to_phone:.1f}", f"{row.back:.1f}"),
        *(f"{row.carried:.1f}", str(row.failed), str(row.lost)),
        *(f"{row.asterisk_cpu:.1f}", f"{row.daemon_cpu:.1f}" if row.way.ours else ""),
    ]
