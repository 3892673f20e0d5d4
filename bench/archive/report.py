"""What was measured of the records, for people."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from bench.archive.result import Result, middle


def show(result: Result, console: Console) -> None:
    """Tables, and what is to be reached."""
    calls = max(1, result.calls)
    table = Table(
        "table", *(f"{what} a call" for what in ("rows", "heap B", "index B", "all B")), box=box.SIMPLE
    )
    for size in result.sizes:
        told = (size.rows, size.heap, size.indexes, size.total)
        table.add_row(size.table.removeprefix("pbx112."), *(f"{each / calls:,.1f}" for each in told))
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
    console.print(
        f"{result.calls:,} calls, {result.legs:,} legs, {result.events:,} events in {result.months} months; "
        f"{result.bytes_per_call / 1024:.1f} KiB a call, {sum(s.total for s in result.sizes) / 2**30:.2f} GiB in all"
    )
    if result.calls < result.asked_calls:
        console.print(f"[bold]Stopped early: {result.asked_calls:,} calls were asked for[/]")
    _rates(result, console)
    for what, measured, reached in result.targets():
        sign = "[green]reached    [/]" if reached else "[red]NOT REACHED[/]"
        console.print(f"{sign}  {what}: {measured}")
    loads = ", ".join(f"{step} {load:.1f}" for step, load in result.loads.items())
    console.print(f"Load average of the machine at the end of each step: {loads}")


def _rates(result: Result, console: Console) -> None:
    wall = result.loaded / result.load_seconds if result.load_seconds else 0.0
    each = 1e6 / max(1, result.loaded)
    console.print(
        f"Loaded in {result.load_seconds:,.0f} s by {result.connections} connections, the traffic made up meanwhile: "
        f"{wall:,.0f} events/s; CPU for an event: {result.making_cpu * each:.0f} µs to make it up, "
        f"{result.sending_cpu * each:.0f} µs to send it"
    )
    if result.alone:
        console.print(
            f"One connection, made up beforehand: {result.alone:,.0f} events/s; CPU for an event: "
            f"{result.alone_client_cpu * 1e6:.1f} µs here, {result.alone_server_cpu * 1e6:.1f} µs in the server; "
            f"an INSERT for each event instead of COPY: {result.plain_inserts:,.0f} events/s, nothing derived"
        )
    if result.kpi_unbounded:
        console.print(
            f"Figures of a month: first {result.kpi[0]:.3f} s, median {middle(result.kpi):.3f} s; the 90th percentile "
            f"alone, asked so that all months are read: {middle(result.kpi_unbounded):.3f} s"
        )
    if result.by_number and result.story:
        console.print(
            f"By number: first {result.by_number[0] * 1000:.1f} ms, median {middle(result.by_number) * 1000:.1f} ms, "
            f"worst {max(result.by_number) * 1000:.1f} ms; all events of a call: median "
            f"{middle(result.story) * 1000:.1f} ms"
        )
    if result.verified:
        console.print(
            f"Hashes computed anew by pbx112 audit verify: {result.verify:,.0f} events/s ({result.verified:,} events); "
            f"by the database (pbx112.broken_link): {result.broken_link:,.0f}"
        )
