"""What the administrator is told about agencies.yaml, this machine, and wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pbx112.cli.checks.findings import Level
from pbx112.cli.checks.machine import check_machine
from pbx112.settings import load_settings
from tests.cli.conftest import Pbx112
from tests.cli.exchange import PLAN


def test_a_good_file(pbx112: Pbx112) -> None:
    result = pbx112("check", "--only", "file")
    assert result.exit_code == 0
    assert "1 agencies with 4 lines, 0 incidents, times in Asia/Jakarta" in result.output


def three_mistakes(folder: Path) -> Path:
    bad = folder / "bad.yaml"
    bad.write_text(
        PLAN.replace("then: damkar", "then: dmakar")
        .replace("trunk: gsm", "trunk: gsm2")
        .replace('"2101"', "2101")
    )
    return bad


def test_three_mistakes_give_three_lines_with_their_place(pbx112: Pbx112, tmp_path: Path) -> None:
    bad = three_mistakes(tmp_path)
    result = pbx112("check", "--only", "file", "--agencies", str(bad))
    assert result.exit_code == 1
    wrong = [line.strip() for line in result.output.splitlines() if "✗" in line]
    assert [line.split(": ")[0] for line in wrong] == [f"✗ {bad}:{number}" for number in (9, 15, 16)]
    assert result.output.splitlines()[-1] == "3 errors, 0 doubts"


def test_another_command_says_the_same_and_means_configuration(pbx112: Pbx112, tmp_path: Path) -> None:
    bad = three_mistakes(tmp_path)
    result = pbx112("dialplan", "--agencies", str(bad))
    assert result.exit_code == 78
    places = [line.split(": ")[0] for line in result.stderr.splitlines()]
    assert places == [f"{bad}:{number}" for number in (9, 15, 16)]


def test_json_says_the_same(pbx112: Pbx112, tmp_path: Path) -> None:
    result = pbx112("check", "--only", "file", "--json", "--agencies", str(three_mistakes(tmp_path)))
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["errors"], told["doubts"]) == (3, 0)
    assert [item["level"] for section in told["sections"] for item in section["items"]] == ["error"] * 3
    assert all(item["remedy"] for section in told["sections"] for item in section["items"])


def test_the_whole_check_with_nothing_there(pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_ARI_URL", "http://127.117.0.99:8088")
    monkeypatch.setenv("PBX112_AMI_HOST", "127.117.0.99")
    result = pbx112("check")
    assert result.exit_code == 1
    for title in ("agencies.yaml", "This machine", "Asterisk (", "AMI (", "Postgres"):
        assert title in result.output
    assert "✓ the journal can be written" in result.output


def test_example_passwords_in_asterisks_files(pbx112: Pbx112, tmp_path: Path) -> None:
    (tmp_path / "etc" / "pjsip.conf").write_text("; CHANGE-ME in a comment\n[2101]\npassword=CHANGE-ME\n")
    result = pbx112("check")
    [line] = [line for line in result.output.splitlines() if "still the example's" in line]
    assert f"{tmp_path}/etc/pjsip.conf:3:" in line


@pytest.mark.parametrize("setting", ["fallback_records", "asterisk_cdr"])
def test_callers_numbers_that_everybody_on_the_machine_can_read(tmp_path: Path, setting: str) -> None:
    """The file now, and those that it was before a rotation."""
    file, before = tmp_path / "calls.csv", tmp_path / "calls.csv.1"
    for each in (file, before):
        each.write_text("1.0,c,entered\n")
        each.chmod(0o640)

    def said() -> list[str]:
        items = check_machine(load_settings(ari_password="x", **{setting: file})).items
        assert any(str(file) in item.what and item.level is Level.RIGHT for item in items)
        return [item.what for item in items if "everybody" in item.what and item.level is Level.DOUBT]

    tmp_path.chmod(0o755)
    assert said() == []
    before.chmod(0o644)
    assert said() == [f"everybody on this machine can read callers' numbers in {before}"]
    file.chmod(0o644)
    assert said() == [f"everybody on this machine can read callers' numbers in {file}, {before}"]
    tmp_path.chmod(0o750)
    assert said() == [], "nobody else enters the folder"


def test_whether_asterisk_writes_its_own_count(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pbx112.csv"
    monkeypatch.setenv("PBX112_ASTERISK_CDR", str(file))
    missing = f"! {file} does not exist: `pbx112 audit reconcile` has no second count"
    assert missing in pbx112("check").output
    file.write_text("")
    assert f"✓ Asterisk has counted no call in {file} yet" in pbx112("check").output
    file.write_text("x")
    assert f"✓ Asterisk writes its own count of calls to {file}" in pbx112("check").output


def test_a_reconciliation_that_cannot_be_made_says_why(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PBX112_DSN", "postgresql://pbx112@127.117.0.99:1/none")
    monkeypatch.setenv("PBX112_ASTERISK_CDR", str(tmp_path / "pbx112.csv"))
    result = pbx112("audit", "reconcile")
    assert (result.exit_code, "pbx112.csv: there is no such file; let Asterisk" in result.stderr) == (1, True)
    assert pbx112("audit", "reconcile", "yesterday").exit_code == 2
    assert pbx112("audit", "reconcile", "2026-11-02", "--to", "2026-11-03").exit_code == 2
    assert pbx112("audit", "reconcile", "--from", "2026-11-03", "--to", "2026-11-02").exit_code == 2
    (tmp_path / "pbx112.csv").write_text("no line of Asterisk's\n")
    result = pbx112("audit", "reconcile", "2026-11-02")
    assert result.exit_code == 1
    assert "pbx112.csv:1: not nine quoted fields" in result.stderr
    assert "Postgres cannot be reached" in result.stderr


def test_a_journal_that_cannot_be_written(pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_JOURNAL", "/proc/pbx112/journal.db")
    result = pbx112("check")
    assert "✗ the journal /proc/pbx112/journal.db cannot be written" in result.output


def test_wrong_settings_are_named(pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_ARI_URL", "http://user:top-secret-9@127.0.0.1")
    monkeypatch.setenv("PBX112_AMI_PORT", "many")
    result = pbx112("check")
    assert result.exit_code == 78
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [
        "PBX112_ARI_URL",
        "PBX112_AMI_PORT",
    ]


@pytest.mark.parametrize("arguments", [["chek"], ["check", "--only", "all"], ["cdr", "--last", "0"]])
def test_wrong_usage(pbx112: Pbx112, arguments: list[str]) -> None:
    assert pbx112(*arguments).exit_code == 2
