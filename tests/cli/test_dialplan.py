"""The dialplan is put in place without ever spoiling what an administrator has written."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Pbx112
from tests.cli.exchange import PLAN


def test_it_prints_what_it_would_write(pbx112: Pbx112, tmp_path: Path) -> None:
    printed = pbx112("dialplan")
    assert printed.exit_code == 0
    assert "[pbx112-intake]" in printed.stdout
    written = pbx112("dialplan", "--write")
    assert written.exit_code == 0
    assert "asterisk -rx 'dialplan reload'" in written.output
    assert (tmp_path / "etc" / "pbx112.conf").read_text() == printed.stdout


def test_check_says_missing_up_to_date_and_out_of_date(pbx112: Pbx112, tmp_path: Path) -> None:
    missing = pbx112("dialplan", "--check")
    assert (missing.exit_code, "does not exist" in missing.stderr) == (1, True)
    pbx112("dialplan", "--write")
    assert pbx112("dialplan", "--check").exit_code == 0
    assert "was up to date already" in pbx112("dialplan", "--write").output
    (tmp_path / "agencies.yaml").write_text(PLAN + "# changed\n")
    outdated = pbx112("dialplan", "--check")
    assert (outdated.exit_code, "out of date" in outdated.stderr) == (1, True)
    assert pbx112("dialplan", "--write").exit_code == 0
    assert pbx112("dialplan", "--check").exit_code == 0


def test_a_file_of_somebody_else_stays_unless_forced(pbx112: Pbx112, tmp_path: Path) -> None:
    file = tmp_path / "etc" / "pbx112.conf"
    file.write_text("[general]\n")
    file.chmod(0o640)
    refused = pbx112("dialplan", "--write")
    assert refused.exit_code == 1
    assert "was not written by pbx112; move it aside, or replace it with --force" in refused.stderr
    assert file.read_text() == "[general]\n"
    assert pbx112("dialplan", "--write", "--force").exit_code == 0
    assert "[pbx112-intake]" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["pbx112.conf"]


def test_a_folder_that_is_not_there(pbx112: Pbx112, tmp_path: Path) -> None:
    (tmp_path / "etc").rmdir()
    result = pbx112("dialplan", "--write")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "cannot be written (No such file or directory)" in result.stderr


def test_write_and_check_exclude_each_other(pbx112: Pbx112) -> None:
    assert pbx112("dialplan", "--write", "--check").exit_code == 2
