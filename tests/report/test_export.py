"""A month leaves the database as CSV, XLSX and Parquet; every row, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from lab.postgres import Postgres
from pbx112.cli import app
from pbx112.export.columns import Column
from pbx112.export.safe import unmarked
from pbx112.export.writers import XlsxWriter
from tests.report.november import HOSTILE, stories

ROOT = Path(__file__).parent.parent.parent
NOVEMBER = len([at for _, at, _ in stories() if at >= 0])
Export = Callable[..., Result]


@pytest.fixture
def export(november_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Export:
    monkeypatch.setenv("PBX112_AGENCIES", str(ROOT / "agencies.yaml"))
    monkeypatch.setenv("PBX112_DSN", november_dsn)
    arguments = ["--month", "2026-11"]
    return lambda *given: CliRunner().invoke(app, ["export", *given, *arguments], catch_exceptions=False)


def read(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_calls_as_csv(export: Export, tmp_path: Path) -> None:
    out = tmp_path / "calls.csv"
    result = export("calls", "--out", str(out))
    assert (result.exit_code, result.output) == (0, f"{out}: {NOVEMBER} rows\n")
    rows = read(out)
    assert len(rows) == NOVEMBER and rows[0]["arrived_at"].endswith("+07:00")
    assert all(not value.startswith(("=", "+", "@")) for row in rows for value in row.values())
    assert not any("+62813" in value or "HYPERLINK" in value for row in rows for value in row.values())
    described = read(tmp_path / "calls.csv.columns.csv")
    assert [row["column"] for row in described] == list(rows[0])
    assert all(row["English"] and row["Bahasa Indonesia"] != row["English"] for row in described)
    assert {path.name for path in tmp_path.iterdir()} == {"calls.csv", "calls.csv.columns.csv"}


def test_a_formula_that_a_caller_sent(
    export: Export, server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_DSN", server.dsn_of("november"))
    assert export("calls", "--unmask", "--out", str(tmp_path / "c.csv")).exit_code == 0
    callers = [row["caller_raw"] for row in read(tmp_path / "c.csv")]
    assert "'" + HOSTILE in callers and HOSTILE in map(unmarked, callers)
    assert export("calls", "--unmask", "--out", str(tmp_path / "c.xlsx")).exit_code == 0
    with zipfile.ZipFile(tmp_path / "c.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=HYPERLINK(" in sheet and "+62813" in sheet, "as text"
    assert "<f>" not in sheet and "<hyperlink" not in sheet


def test_events_with_whole_numbers_have_their_details(
    export: Export, server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_DSN", server.dsn_of("november"))
    assert export("events", "--unmask", "--out", str(tmp_path / "e.csv")).exit_code == 0
    rows = read(tmp_path / "e.csv")
    assert rows and all(row["body"].startswith("{") for row in rows)
    assert any('"caller":"+62813' in row["body"].replace(" ", "") for row in rows)


def test_typed_columns_as_parquet(export: Export, tmp_path: Path) -> None:
    out = tmp_path / "legs.parquet"
    assert export("legs", "--out", str(out)).exit_code == 0
    found = pyarrow.parquet.read_table(out)
    assert found.num_rows > NOVEMBER
    assert str(found.schema.field("offered_at").type) == "timestamp[us, tz=UTC]"
    assert str(found.schema.field("ring_seconds").type) == "double"
    assert found.schema.field("result").metadata[b"id"]


@pytest.mark.parametrize(
    "what", ["events", "recordings", "answers", "kpi", "days", "load", "agencies", "lines"]
)
def test_all_else(export: Export, what: str, tmp_path: Path) -> None:
    assert export(what, "--out", str(tmp_path / f"{what}.csv")).exit_code == 0
    rows = read(tmp_path / f"{what}.csv")
    assert rows and (what != "kpi" or rows[0]["presented"] == str(NOVEMBER))


def test_the_ministrys_format(export: Export, tmp_path: Path) -> None:
    out = tmp_path / "pusat.csv"
    mapping = ROOT / "deploy" / "monitoring.yaml"
    assert export("mapped", "--mapping", str(mapping), "--out", str(out)).exit_code == 0
    rows = read(out, ";")
    assert len(rows) == NOVEMBER and rows[0]["KODE_KABUPATEN"] == "17.04"
    assert {row["STATUS"] for row in rows} == {"TERJAWAB", "DITINGGALKAN"}


def test_what_an_administrator_gets_wrong(export: Export, tmp_path: Path) -> None:
    assert "did you mean 'calls'" in export("cals", "--out", str(tmp_path / "x.csv")).stderr
    assert "is no format" in export("calls", "--out", str(tmp_path / "x.doc")).stderr
    assert "belong together" in export("mapped", "--out", str(tmp_path / "x.csv")).stderr
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    assert "is no file" in export("calls", "--out", str(pipe)).stderr
    assert pipe.is_fifo(), "a device or a pipe is not replaced by a file"
    both = export("calls", "--out", str(tmp_path / "x.csv"), "--from", "2026-11-03")  # and --month 2026-11
    assert both.exit_code == 2 and "not both" in both.stderr
    gone = export("calls", "--out", str(tmp_path / "none" / "x.csv"))
    assert gone.exit_code == 1 and "cannot be written" in gone.stderr


def test_more_rows_than_a_sheet_holds(tmp_path: Path) -> None:
    columns = [Column("a", "text", "", ""), Column("b", "integer", "", "")]
    writer = XlsxWriter(tmp_path / "x.xlsx", columns, ZoneInfo("UTC"), sheet="calls", rows=2)
    writer.write([("x" * 40_000, 1), ("y", 2), ("z", 3)])
    writer.close()
    with zipfile.ZipFile(tmp_path / "x.xlsx") as book:
        names = book.read("xl/workbook.xml").decode()
    assert 'name="calls"' in names and 'name="calls 2"' in names and writer.cut == 1
