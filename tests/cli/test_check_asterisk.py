"""The administrator asks `pbx112 check` about a real Asterisk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pbx112.ari import AriClient
from tests.ari.conftest import Listener, running
from tests.cli.conftest import Pbx112
from tests.cli.exchange import PLAN, READER, READER_PASSWORD, Office


@pytest.fixture
def loaded(office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Asterisk with the dialplan of the plan as it stands."""
    monkeypatch.setenv("PBX112_DIALPLAN", str(office.dialplan))
    assert pbx112("dialplan", "--write").exit_code == 0
    office.reload_dialplan()
    return office


def line_of(output: str, word: str) -> str:
    """The one line with `word`."""
    [line] = [line for line in output.splitlines() if word in line]
    return line.strip()


def said(pbx112: Pbx112) -> str:
    """What the check says about Asterisk."""
    return pbx112("check", "--only", "asterisk").output


def test_an_office_as_it_should_be_has_no_error(loaded: Office, pbx112: Pbx112) -> None:
    result = pbx112("check", "--only", "asterisk")
    assert result.exit_code == 0
    assert "✗" not in result.output
    assert "✓ the dialplan is loaded and up to date" in result.output
    assert "✓ trunk gsm is known and has a contact" in result.output
    assert "✓ 2 extensions are known and reachable" in result.output
    assert "✓ ARI user 'pbx112-test' may act" in result.output
    assert "✓ AMI lets user 'pbx112' in" in result.output
    assert "needed modules are running" in result.output
    assert result.output.splitlines()[-1].startswith("0 errors, ")


def test_a_phone_that_is_off_is_a_doubt_with_its_line_in_the_file(loaded: Office, pbx112: Pbx112) -> None:
    line = line_of(pbx112("check", "--only", "asterisk").output, "1102")
    assert line.startswith("! ")
    assert "agencies.yaml:8: call takers: extension 1102 (Meja 2) has no contact now" in line


def test_lines_and_trunks_that_asterisk_does_not_know_are_errors_with_their_line(
    loaded: Office, pbx112: Pbx112, tmp_path: Path
) -> None:
    strange = tmp_path / "new.yaml"
    strange.write_text(PLAN.replace('"2101"', '"2199"').replace("@gsm", "@sim"))
    result = pbx112("check", "--only", "asterisk", "--agencies", str(strange))
    assert result.exit_code == 1
    assert "new.yaml:15: damkar: extension 2199 (Pos) is unknown to Asterisk" in line_of(
        result.output, "2199 ("
    )
    assert line_of(result.output, "trunk gsm").startswith("✗ ")
    assert "new.yaml:4: trunk gsm (sim) is unknown to Asterisk" in result.output
    assert "define the endpoint [2199] in pjsip.conf" in result.output


def test_a_dialplan_that_is_not_loaded_and_one_of_another_plan(
    loaded: Office, pbx112: Pbx112, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(PLAN + "# changed\n")
    outdated = pbx112("check", "--only", "asterisk", "--agencies", str(changed))
    assert outdated.exit_code == 1
    assert "✗ the dialplan is out of date" in outdated.output

    loaded.dialplan.unlink()
    loaded.reload_dialplan()
    missing = pbx112("check", "--only", "asterisk")
    assert missing.exit_code == 1
    assert "✗ the dialplan is not loaded" in missing.output
    assert "pbx112 dialplan --write" in missing.output


def test_a_wrong_password(office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_ARI_PASSWORD", "top-secret-9")
    monkeypatch.setenv("PBX112_AMI_PASSWORD", "top-secret-9")
    result = pbx112("check", "--only", "asterisk")
    assert result.exit_code == 1
    assert "✗ Asterisk refuses user 'pbx112-test' or its password" in result.output
    assert "✗ AMI refuses user 'pbx112' or its password" in result.output


def test_no_password_at_all(office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PBX112_ARI_PASSWORD")
    monkeypatch.delenv("PBX112_AMI_PASSWORD")
    result = pbx112("check", "--only", "asterisk")
    assert result.exit_code == 1
    assert "✗ PBX112_ARI_PASSWORD is not set" in result.output
    assert "! PBX112_AMI_PASSWORD is not set" in result.output


def test_the_passwords_of_the_examples_are_refused(
    office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_ARI_PASSWORD", "CHANGE-ME")
    monkeypatch.setenv("PBX112_AMI_PASSWORD", "change-me")
    result = pbx112("check", "--only", "asterisk")
    assert "✗ PBX112_ARI_PASSWORD is still the example's" in result.output
    assert "✗ PBX112_AMI_PASSWORD is still the example's" in result.output


def test_users_with_too_few_and_too_many_rights(
    office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_ARI_USER", READER)
    monkeypatch.setenv("PBX112_ARI_PASSWORD", READER_PASSWORD)
    monkeypatch.setenv("PBX112_AMI_USER", "greedy")
    result = pbx112("check", "--only", "asterisk")
    assert result.exit_code == 1
    assert "✗ ARI user 'reader' may only read" in result.output
    assert (
        "! AMI user 'greedy' has rights it must not have: command, config, originate, system" in result.output
    )


def test_asterisk_is_down(pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_ARI_URL", "http://127.117.0.99:8088")
    monkeypatch.setenv("PBX112_AMI_HOST", "127.117.0.99")
    result = pbx112("check", "--only", "asterisk")
    assert result.exit_code == 1
    assert "✗ Asterisk cannot be reached at http://127.117.0.99:8088" in result.output
    assert "systemctl status asterisk" in result.output
    assert "✗ AMI cannot be reached" in result.output


def test_an_asterisk_without_music_without_a_name_and_without_prompts(
    tmp_path: Path, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the shared one: modules cannot be taken out of an Asterisk that others use."""
    bare = Office(tmp_path / "bare", "127.117.0.2", without=("res_musiconhold", "app_stack"))
    config = bare.folder / "etc" / "asterisk.conf"
    config.write_text(config.read_text().replace("systemname", ";systemname"))
    bare.start()
    try:
        monkeypatch.setenv("PBX112_ARI_URL", bare.url)
        result = said(pbx112)
    finally:
        bare.stop()
    assert "✗ module res_musiconhold is not running: the daemon cannot handle calls without it" in result
    assert "✗ module app_stack is not running: the fallback dialplan cannot do without it" in result
    assert "! Asterisk's systemname is not set" in result
    assert "! the prompts (sounds/pbx112/) are not there" in result


async def test_whether_the_daemon_is_connected(office: Office, pbx112: Pbx112) -> None:
    assert "! no daemon is connected now" in await asyncio.to_thread(said, pbx112)
    listener = Listener()
    client = AriClient(office.settings("pbx112"), listener)
    async with running(client):
        await listener.until(lambda: bool(listener.connects))
        assert "✓ the daemon is connected" in await asyncio.to_thread(said, pbx112)
