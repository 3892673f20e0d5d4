"""Calls are found by what people know of them, and one call is told, drawn, and led to its recording."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from lab.postgres import Postgres
from pbx112.cli import app
from tests.report.november import stories

ROOT = Path(__file__).parent.parent.parent
CALLS = [(call_id, story) for call_id, at, story in stories() if at >= 0]
LONG = next(call_id for call_id, _ in CALLS if call_id.endswith(".20"))
Cdr = Callable[..., Result]


@pytest.fixture
def cdr(november_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cdr:
    monkeypatch.setenv("PBX112_AGENCIES", str(ROOT / "agencies.yaml"))
    monkeypatch.setenv("PBX112_RECORDINGS", str(tmp_path))
    monkeypatch.setenv("PBX112_DSN", november_dsn)
    return lambda *given: CliRunner().invoke(app, ["cdr", *given], catch_exceptions=False)


def found(result: Result) -> list[str]:
    assert (result.exit_code, result.stderr) == (0, "")
    return sorted(row["call_id"] for row in json.loads(result.stdout))


def of(caller: str) -> list[str]:
    return sorted(call_id for call_id, story in CALLS if getattr(story[0][1], "caller", None) == caller)


CALLER = str(getattr(dict(CALLS)[LONG][0][1], "caller", ""))
NOVEMBER = ("--month", "2026-11", "--json", "--limit", "1000")


async def access_log(dsn: str) -> list[asyncpg.Record]:
    reader = await asyncpg.connect(dsn)
    try:
        return await reader.fetch("SELECT what, why FROM pbx112.access_log WHERE program = 'cdr search'")
    finally:
        await reader.close()


def test_by_a_whole_number_and_a_reason(cdr: Cdr, november_dsn: str) -> None:
    local = "0" + CALLER.removeprefix("+62")
    written = f"{local[:4]} {local[4:8]}-{local[8:]}"
    assert found(cdr("search", "--number", written, "--why", "laporan 17", *NOVEMBER)) == of(CALLER)
    assert "takes a reason" in cdr("search", "--number", CALLER).stderr
    noted = asyncio.run(access_log(november_dsn))
    assert "laporan 17" in {row["why"] for row in noted}
    assert not any(CALLER[-6:] in row["what"] for row in noted)


def test_by_last_digits(cdr: Cdr, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    same = sorted(
        call_id for call_id, story in CALLS if str(getattr(story[0][1], "caller", "")).endswith(CALLER[-3:])
    )
    assert found(cdr("search", "--number", "..." + CALLER[-3:], *NOVEMBER)) == same
    assert "take --unmask" in cdr("search", "--number", "…" + CALLER[-5:]).stderr
    monkeypatch.setenv("PBX112_DSN", server.dsn_of("november"))
    assert found(cdr("search", "--unmask", "--number", "…" + CALLER[-5:], *NOVEMBER)) == of(CALLER)
    assert found(cdr("search", "--unmask", "--number", CALLER, *NOVEMBER)) == of(CALLER)


def test_by_agency_outcome_and_mark(cdr: Cdr) -> None:
    asked = found(cdr("search", "--agency", "satpol_pp", *NOVEMBER))
    assert LONG in asked and len(asked) == 15
    assert len(found(cdr("search", "--outcome", "abandoned", *NOVEMBER))) == 30
    assert found(cdr("search", "--outcome", "abandoned_ringing", "--agency", "satpol_pp", *NOVEMBER)) == asked
    marked = [
        call_id for call_id, story in CALLS if any(getattr(e, "disposition", "") == "prank" for _, e in story)
    ]
    assert found(cdr("search", "--disposition", "prank", *NOVEMBER)) == sorted(marked)
    assert "did you mean 'damkar'" in cdr("search", "--agency", "damkor").stderr
    assert "no such calls" in cdr("search", "--month", "2026-12").stdout


def test_one_call_is_told_in_indonesian_and_drawn(cdr: Cdr, tmp_path: Path) -> None:
    shown = cdr("show", LONG, "--lang", "id", "--svg", str(tmp_path / "call.svg")).stdout
    assert "beralih ke damkar (yang sebelumnya tidak menjawab): 2 saluran akan dicoba" in shown
    drawn = [line for line in shown.splitlines() if "░" in line]
    assert len(drawn) == 1 + 5, "what the bars mean, the caller, four attempts"
    assert not any("█" in line for line in drawn[1:]), "nobody accepted"
    svg = ElementTree.fromstring((tmp_path / "call.svg").read_text())
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "penelepon" in texts and "3 damkar …001" in texts
    assert "http" not in (tmp_path / "call.svg").read_text().replace("http://www.w3.org/2000/svg", "")


def test_the_recording_by_its_checksum_and_one_that_is_gone(cdr: Cdr, tmp_path: Path) -> None:
    taken = next(call_id for call_id, story in CALLS if len(story) == 10)
    assert f"no file of it in {tmp_path}" in cdr("show", taken).stdout
    (tmp_path / "talk.wav").write_bytes(b"RIFF of this talk")
    [recording] = json.loads(cdr(taken, "--json").stdout)["recordings"]
    assert recording["file"] == str(tmp_path / "talk.wav")
    assert recording["sha256"] == hashlib.sha256(b"RIFF of this talk").hexdigest()
    (tmp_path / "talk.wav").unlink()
    (tmp_path / "talk.wav").symlink_to("/etc/passwd")
    assert f"no file of it in {tmp_path}" in cdr("show", taken).stdout


def test_the_last_calls_without_a_word(cdr: Cdr) -> None:
    assert cdr("--last", "3").stdout == cdr("show", "--last", "3").stdout
    assert len(cdr("--last", "3").stdout.splitlines()) == 4
    assert "search" in cdr("--help").stdout
