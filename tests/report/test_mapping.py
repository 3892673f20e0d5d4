"""An export in somebody else's format is checked whole: every fault with its line and its remedy."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbx112.export.columns import Column
from pbx112.export.mapping import applied, load_mapping
from pbx112.plan.finding import PlanError

CALLS = [
    Column("call_id", "text", "", ""),
    Column("arrived_at", "timestamp with time zone", "", ""),
    Column("talk_seconds", "numeric(12,3)", "", ""),
    Column("class", "text", "", ""),
]

RIGHT = """\
version: 1
name: Pusat
from: calls
columns:
  - {name: KODE, constant: "17.04"}
  - {name: JAM, column: arrived_at, format: "%d/%m/%Y %H:%M"}
  - {name: LAMA, column: talk_seconds, decimals: 0}
  - {name: STATUS, column: class, values: {answered: TERJAWAB}, otherwise: LAIN}
"""

WRONG = """\
version: 2
name: Pusat
from: calls
delimiter: "::"
colour: red
columns:
  - {name: A, column: arived_at}
  - {name: A, column: call_id, constant: "1"}
  - {name: B, column: call_id, format: "%d/%m/%Y"}
  - {name: C, column: arrived_at, format: "none"}
  - {name: D, column: talk_seconds, decimals: 9}
  - {name: E, column: call_id, otherwise: X}
  - {name: F, column: class, values: {answered: 1}}
"""


def test_their_row_is_made_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(RIGHT)
    row = applied(load_mapping(file, {"calls": CALLS}), CALLS, ZoneInfo("Asia/Jakarta"))
    at = datetime(2026, 11, 30, 17, 30, tzinfo=UTC)
    assert row(("c", at, Decimal("59.5"), "answered")) == [
        "17.04",
        "01/12/2026 00:30",
        Decimal(60),
        "TERJAWAB",
    ]
    assert row(("c", at, Decimal(1), "failed"))[3] == "LAIN"


def test_every_fault_at_once(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(WRONG)
    with pytest.raises(PlanError) as refused:
        load_mapping(file, {"calls": CALLS})
    told = [str(finding).removeprefix(f"{file}:") for finding in refused.value.findings]
    assert [line.split(":")[0] for line in told] == [
        "1",
        "4",
        "5",
        "7",
        "8",
        "8",
        "9",
        "10",
        "11",
        "12",
        "13",
    ]
    assert (
        "7: 'calls' has no column 'arived_at'; known columns: call_id, arrived_at, talk_seconds, class"
        in told
    )
    assert "9: call_id is no time (text); remove `format`" in told


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        load_mapping(tmp_path / "none.yaml", {"calls": CALLS})
