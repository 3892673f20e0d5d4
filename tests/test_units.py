"""The unit files: systemd takes them as they are, and nothing in them leaves a door open."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SERVICES = sorted(DEPLOY.glob("*.service"))
MOST_EXPOSED = 20
"""Of 100, as `systemd-analyze security` counts; a service without any hardening has 96."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    """All of them stand in one folder, since timers name their services; the program is one that exists here."""
    for each in UNITS:
        text = each.read_text(encoding="utf-8").replace("/opt/pbx112/bin/pbx112", sys.executable)
        (tmp_path / each.name).write_text(text, encoding="utf-8")
    found = analyze("verify", "--man=no", str(tmp_path / unit.name))
    assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_service_is_hardened(unit: Path) -> None:
    found = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_folder_that_is_not_there_keeps_no_service_from_its_work(unit: Path) -> None:
    """Asterisk's package has no folder of recordings; without `-` systemd starts nothing (226/NAMESPACE)."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    said = [
        line.partition("=") for line in lines if re.match(r"(ReadWrite|ReadOnly|Bind(ReadOnly)?)Paths=", line)
    ]
    assert all(path.startswith("-") for _, _, paths in said for path in paths.split())


def test_setup_has_all_of_them() -> None:
    """They come with the wheel: `pbx112 setup` puts them in place."""
    units = Path(__file__).parents[1] / "pbx112" / "setup" / "units"
    assert sorted(each.name for each in units.iterdir()) == sorted(each.name for each in UNITS)
    assert all(each.samefile(DEPLOY / each.name) for each in units.iterdir())
