"""The sample: three months of a small office, of which `docs/auditor.md` tells the answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from lab.traffic.load import Loaded, Traffic, load_office, make_months
from pbx112.cdr import migrate

SAMPLE = Traffic(
    agencies=Path(__file__).with_name("sample.yaml"),
    seed=342,
    begins=date(2026, 1, 1),
    days=118,
    calls=720,
    offices=("kaur",),
)


async def load_sample(dsn: str, on_progress: Callable[[Loaded], None] = lambda _: None) -> Loaded:
    """Migrate the database at `dsn`, which holds no sample yet, and fill it; takes an owner's account."""
    await migrate(dsn)
    await make_months(dsn, SAMPLE)
    return await load_office(dsn, SAMPLE, SAMPLE.offices[0], on_progress, portion=1_000)
