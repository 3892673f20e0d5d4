"""What was measured of the records, as numbers, and whether the targets are reached."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LOAD_TARGET = 20_000.0
"""Events a second into the database, with their calls, legs and all that follows from them."""
KPI_TARGET = 1.0
"""Seconds for all figures of a month."""
CALL_TARGET = 0.050
"""Seconds to find one call by its caller's number, among all."""
VERIFY_TARGET = 100_000.0
"""Events a second whose hashes are computed anew."""


@dataclass(frozen=True, slots=True)
class Size:
    """One table with all its months: rows, and bytes of rows, indexes and what is stored apart."""

    table: str
    rows: int
    heap: int
    indexes: int
    toast: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.heap + self.indexes + self.toast


@dataclass(slots=True)
class Result:
    """Seconds, rows and bytes. A query's seconds are of its runs, the first one first."""

    machine: dict[str, Any]
    settings: dict[str, str]
    calls: int = 0
    legs: int = 0
    events: int = 0
    months: int = 0
    loaded: int = 0
    """Events of the large load."""
    load_seconds: float = 0.0
    """Of the wall clock, making the traffic up included."""
    database_seconds: float = 0.0
    """In which a connection waited for the database, all connections together."""
    connections: int = 0
    asked_calls: int = 0
    """Calls that were to be loaded; `calls` are there."""
    making_cpu: float = 0.0
    sending_cpu: float = 0.0
    """CPU seconds of the loading processes, for making the traffic up and for sending it; the server's come on top."""
    loads: dict[str, float] = field(default_factory=dict)
    """The machine's load average of the last minute when each step had ended."""
    alone: float = 0.0
    """Events a second of one connection, with nothing made up meanwhile."""
    alone_client_cpu: float = 0.0
    alone_server_cpu: float = 0.0
    """CPU seconds for one event of it, on either side."""
    plain_inserts: float = 0.0
    """The same, by an INSERT for each event."""
    month: str = ""
    month_calls: int = 0
    kpi: list[float] = field(default_factory=list)
    kpi_cpu: float = 0.0
    """CPU seconds of the server for it."""
    kpi_unbounded: list[float] = field(default_factory=list)
    """The answer time's percentile alone, asked so that no month can be left out."""
    by_number: list[float] = field(default_factory=list)
    story: list[float] = field(default_factory=list)
    broken_link: float = 0.0
    """Events a second whose hashes the database itself computes anew (`pbx112.broken_link`), on one core."""
    verify: float = 0.0
    """Events a second."""
    verify_cpu: float = 0.0
    """CPU seconds for one event, of all processes together."""
    verified: int = 0
    sizes: list[Size] = field(default_factory=list)

    @property
    def bytes_per_call(self) -> float:
        """Everything in the schema, shared among the calls."""
        return sum(size.total for size in self.sizes) / self.calls if self.calls else 0.0

    def targets(self) -> list[tuple[str, str, bool]]:
        """What is to be reached, what was measured, and whether it is."""
        found = list[tuple[str, str, bool]]()
        if self.alone:
            one = (self.alone_client_cpu + self.alone_server_cpu) * 1e6
            told = f"{self.alone:,.0f} events/s ({one:.0f} µs of CPU an event)"
            wanted = f"{LOAD_TARGET:,.0f} events/s loaded by one connection, with calls and legs"
            found.append((wanted, told, self.alone >= LOAD_TARGET))
        if self.kpi:
            told = f"{middle(self.kpi):.3f} s, {self.kpi_cpu:.3f} s of CPU ({self.month}, {self.month_calls:,} calls)"
            found.append(
                (f"all figures of a month in {KPI_TARGET:g} s", told, middle(self.kpi) <= KPI_TARGET)
            )
        if self.by_number:
            told = f"{middle(self.by_number) * 1000:.1f} ms"
            wanted = f"one call by number in {CALL_TARGET * 1000:g} ms"
            found.append((wanted, told, middle(self.by_number) <= CALL_TARGET))
        if self.verified:
            rate = f"{self.verify:,.0f} events/s ({self.verify_cpu * 1e6:.1f} µs of CPU an event)"
            found.append((f"{VERIFY_TARGET:,.0f} events/s verified", rate, self.verify >= VERIFY_TARGET))
        return found

    def write(self, path: Path) -> None:
        """As JSON."""
        told = {**asdict(self), "bytes_per_call": self.bytes_per_call, "targets": self.targets()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told, indent=2, default=str) + "\n")


def middle(values: list[float]) -> float:
    """The median; infinite where nothing was measured."""
    return sorted(values)[len(values) // 2] if values else float("inf")
