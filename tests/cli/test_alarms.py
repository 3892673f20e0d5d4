"""What `pbx112 check` says of those who are told when something is amiss."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx112.cli.checks.findings import Item, Level
from pbx112.cli.checks.machine import check_machine
from pbx112.settings import load_settings


def alarms(file: Path) -> list[Item]:
    return [
        item
        for item in check_machine(load_settings(alarms=file)).items
        if str(file) in item.what + item.remedy
    ]


def test_nobody_is_told(tmp_path: Path) -> None:
    [item] = alarms(tmp_path / "alarms.conf")
    assert (
        item.level is Level.DOUBT and "nobody is told" in item.what and "pbx112 alarms --test" in item.remedy
    )


def test_a_file_that_everybody_reads_and_a_service_that_is_not_allowed(tmp_path: Path) -> None:
    file = tmp_path / "alarms.conf"
    file.write_text("json://example.org/top-secret-9\nsyslog://top-secret-9\n")
    file.chmod(0o644)
    found = alarms(file)
    assert [item.level for item in found] == [Level.ERROR, Level.ERROR, Level.RIGHT]
    assert "chmod 640" in found[1].remedy and found[2].what == f"alarms go to line 1 (json) of {file}"
    assert "top-secret-9" not in str(found)
    file.write_text("json://example.org/top-secret-9\n")
    file.chmod(0o640)
    assert [item.level for item in alarms(file)] == [Level.RIGHT]


def test_without_apprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "alarms.conf"
    file.write_text("json://example.org/hook\n")
    file.chmod(0o640)
    monkeypatch.setattr("pbx112.cli.checks.machine.find_spec", lambda name: None)
    section = check_machine(load_settings(alarms=file))
    assert any("pbx112[alarms]" in item.remedy for item in section.items)
