"""The administrator asks `pbx112 check` about a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.network import Network, free_net
from pbx112.ari import AriClient, AsteriskInfo, parse_version
from pbx112.cli.checks.asterisk import check_version
from pbx112.cli.checks.findings import Level, Section
from tests.ari.conftest import Listener, running
from tests.cli.conftest import Pbx112
from tests.cli.exchange import PLAN, PROMPTS, READER, READER_PASSWORD, Office


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
    assert "without TLS" not in result.output
    assert "✓ the dialplan is loaded and up to date" in result.output
    assert "✓ trunk gsm is known and has a contact" in result.output
    assert "✓ 2 extensions are known and reachable" in result.output
    assert "✓ ARI user 'pbx112' may act" in result.output
    assert "✓ AMI lets user 'pbx112' in" in result.output
    assert "needed modules are running" in result.output
    assert "✓ Asterisk can write its own count of calls (cdr_custom)" in result.output
    assert f"✓ all {PROMPTS} prompts are there" in result.output
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
    extension = line_of(result.output, "2199 (")
    assert extension.startswith("✗ ")
    assert "new.yaml:15: damkar: extension 2199 (Pos) is unknown to Asterisk" in extension
    assert line_of(result.output, "trunk gsm").startswith("✗ ")
    assert "new.yaml:4: trunk gsm (sim) is unknown to Asterisk" in result.output
    assert "define the endpoint [2199] in pjsip.conf" in result.output


def test_a_trunk_over_which_112_only_comes_in_is_named_where_nobody_watches_it(
    loaded: Office, pbx112: Pbx112, tmp_path: Path
) -> None:
    output = said(pbx112)
    line = line_of(output, "112 comes in over")
    assert line.startswith("! ") and "over trunk trunk-112, which is not watched" in line
    watched = tmp_path / "new.yaml"
    trunk = f"  {output.partition('name it under `trunks:` (`')[2].partition('`')[0]}\n"
    assert "@trunk-112" in trunk
    watched.write_text(PLAN.replace("call_takers:\n", trunk + "call_takers:\n", 1))
    told = pbx112("check", "--only", "asterisk", "--agencies", str(watched)).output
    assert "112 comes in over" not in told and "trunk in_trunk_112 (trunk-112) has no contact" in told


def test_a_prompt_that_is_missing_is_named(office: Office, pbx112: Pbx112, tmp_path: Path) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text(PLAN + 'incidents:\n  banjir: {name: Banjir, menu: "5", primary: damkar}\n')
    result = pbx112("check", "--only", "asterisk", "--agencies", str(menu))
    assert "! prompts are missing in sounds/pbx112: incident_banjir, menu_banjir; callers" in result.output


def test_a_dialplan_that_is_not_loaded_and_one_of_another_plan(
    loaded: Office, pbx112: Pbx112, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(PLAN + "# changed\n")
    outdated = pbx112("check", "--only", "asterisk", "--agencies", str(changed))
    assert outdated.exit_code == 1
    assert "✗ the dialplan is out of date" in outdated.output

    text = loaded.dialplan.read_text()
    loaded.dialplan.write_text(re.sub("PBX112_MADE=.*", "PBX112_MADE=0123456789abcdef", text))
    loaded.reload_dialplan()
    upgraded = pbx112("check", "--only", "asterisk")
    assert "✗ the dialplan is out of date: another version of pbx112 wrote it" in upgraded.output

    loaded.dialplan.unlink()
    loaded.reload_dialplan()
    missing = pbx112("check", "--only", "asterisk")
    assert "✗ the dialplan is not loaded" in missing.output
    assert missing.exit_code == 1
    assert "pbx112 dialplan --write" in missing.output


def test_a_wrong_password(office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_ARI_PASSWORD", "top-secret-9")
    monkeypatch.setenv("PBX112_AMI_PASSWORD", "top-secret-9")
    result = pbx112("check", "--only", "asterisk")
    assert result.exit_code == 1
    assert "✗ Asterisk refuses user 'pbx112' or its password" in result.output
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


async def test_an_asterisk_without_music_without_a_name_and_without_prompts(
    tmp_path: Path, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the shared one: modules cannot be taken out of an Asterisk that others use."""
    bare = Office(tmp_path / "bare", Network(free_net()), without=("res_musiconhold", "app_stack"))
    config = bare.folder / "etc" / "asterisk.conf"
    config.write_text(config.read_text().replace("systemname", ";systemname"))
    await bare.start()
    try:
        monkeypatch.setenv("PBX112_ARI_URL", bare.url)
        result = await asyncio.to_thread(said, pbx112)
    finally:
        await bare.kill()
    assert "✗ module res_musiconhold is not running: the daemon cannot handle calls without it" in result
    assert "✗ module app_stack is not running: the fallback dialplan cannot do without it" in result
    assert "! Asterisk's systemname is not set" in result
    assert f"! prompts are missing in sounds/pbx112: all {PROMPTS}; callers hear tones instead" in result


async def test_whether_the_daemon_is_connected(office: Office, pbx112: Pbx112) -> None:
    assert "! no daemon is connected now" in await asyncio.to_thread(said, pbx112)
    listener = Listener()
    client = AriClient(office.settings("pbx112"), listener)
    async with running(client):
        await listener.until(lambda: bool(listener.connects))
        assert "✓ the daemon is connected" in await asyncio.to_thread(said, pbx112)


@pytest.mark.parametrize(
    ("release", "level", "says"),
    [
        ("22.10.1", Level.RIGHT, "Asterisk 22.10.1"),
        ("22.9.0", Level.ERROR, "Asterisk 22.9.0 is known to deadlock under ARI load"),
        ("20.19.0", Level.ERROR, "Asterisk 20.19.0 is known to deadlock under ARI load"),
        ("20.20.0", Level.DOUBT, "Asterisk 20.20.0 lacks security fixes for ARI"),
        ("22.10.0", Level.DOUBT, "Asterisk 22.10.0 lacks security fixes for ARI"),
        ("18.26.4", Level.DOUBT, "Asterisk 18 gets no security fixes any more"),
        ("GIT-master-0a1b2c3", Level.DOUBT, "cannot tell the release of Asterisk"),
    ],
)
def test_releases_that_an_administrator_should_leave(release: str, level: Level, says: str) -> None:
    section = Section("Asterisk")
    check_version(section, AsteriskInfo(parse_version(release), release, systemname="kaur1"))
    assert section.items[0].level is level
    assert section.items[0].what.startswith(says)


@pytest.fixture(params=["connects and stays silent", "does not even connect"])
def silent_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port behind which nobody ever speaks."""
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(
            socket.create_server(("127.117.0.3", 0), backlog=0 if "even" in request.param else 9)
        )
        if "even" in request.param:
            for _ in range(4):
                knocking = stack.enter_context(socket.socket())
                knocking.setblocking(False)
                knocking.connect_ex(silent.getsockname())
        yield silent.getsockname()[1]


def test_peers_that_never_answer_are_not_waited_for(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, silent_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for part in ("ami", "asterisk", "postgres"):
        monkeypatch.setattr(f"pbx112.cli.checks.{part}.SECONDS", 0.4)
    monkeypatch.setenv("PBX112_ARI_URL", f"http://127.117.0.3:{silent_port}")
    monkeypatch.setenv("PBX112_AMI_HOST", "127.117.0.3")
    monkeypatch.setenv("PBX112_AMI_PORT", str(silent_port))
    monkeypatch.setenv("PBX112_DSN", f"postgresql://pbx112:top-secret-9@127.117.0.3:{silent_port}/pbx112")
    began = time.monotonic()
    result = pbx112("check")
    assert time.monotonic() - began < 3
    assert "✗ Asterisk " in result.output
    assert "✗ AMI does not answer" in result.output
    assert "✗ Postgres does not answer in time" in result.output
    assert not caplog.records  # nothing that would reach the screen past us
