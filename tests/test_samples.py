"""The files that an administrator copies agree with one another, and with what the program takes for given."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import yaml

from pbx112.cli.checks.modules import FALLBACK, NEEDED

REPOSITORY = Path(__file__).parents[1]
DIALPLAN, DEPLOY = REPOSITORY / "dialplan", REPOSITORY / "deploy"

APPLICATIONS = {
    "Dial": "app_dial",
    "ExecIf": "app_exec",
    "Gosub": "app_stack",
    "GosubIf": "app_stack",
    "Playback": "app_playback",
    "Read": "app_read",
    "Return": "app_stack",
    "Stasis": "app_stasis",
}
"""Of the generated dialplan: an application that is missing ends the call (`No application …`)."""

BUILT_IN = {
    "Answer",
    "BackGround",
    "Congestion",
    "ExecIfTime",
    "Goto",
    "GotoIf",
    "Hangup",
    "Ringing",
    "Set",
} | {*("Wait", "WaitExten")}
DESK = {"AGI"}
"""Where it is missing, codes outside a call are not served; no caller comes there."""


def test_what_the_dialplan_calls_is_asked_for_by_modules_conf_and_by_check() -> None:
    steps = re.findall(
        r"^(?:exten => [^,]+,1|\s*same => n)(?:\(\w+\))?,(\w+)\(", _text("pbx112.conf"), re.MULTILINE
    )
    named = set(steps) | set(re.findall(r"\?(Set|Read|Congestion)\(", _text("pbx112.conf")))
    assert named - BUILT_IN - DESK == set(APPLICATIONS)
    required = set(re.findall(r"^require=(\w+)\.so$", _text("modules.conf"), re.MULTILINE))
    asked = {module for modules in NEEDED.values() for module in modules}
    assert set(APPLICATIONS.values()) - required == set()
    assert set(APPLICATIONS.values()) - asked == set()
    assert set(NEEDED[FALLBACK]) - required == set()


def test_a_container_has_the_trunk_and_the_phone_of_the_full_sample() -> None:
    """Shorter, with all remarks and lines commented out; but no setting of its own."""
    container = (REPOSITORY / "docker" / "pjsip" / "example.conf").read_text()
    told = _sections(re.sub(r"^;(?=[\[a-z_]+.*[=\]])", "", container, flags=re.MULTILINE))
    full = _sections(_text("pjsip.conf"))
    trunk, phone = told["operator", "endpoint"], told["2101", "endpoint"]
    assert trunk.items() <= full["trunk-112", "endpoint"].items()
    assert phone.items() <= (full["desk-phone", "endpoint"] | {"auth": "2101", "aors": "2101"}).items()
    assert told["2101", "aor"] == full["desk-aor", "aor"]


def test_every_trunk_hears_keys_and_bears_silence_alike() -> None:
    """Whichever way 112 comes in or a mobile is reached."""
    alike = (
        "disallow",
        "allow",
        "dtmf_mode",
        "direct_media",
        "rtp_timeout",
        "rtp_timeout_hold",
        "allow_transfer",
    )
    full = _sections(_text("pjsip.conf"))
    found = [full["trunk-112", "endpoint"], full["gsm", "endpoint"]]
    for sample in sorted((DIALPLAN / "trunks").glob("*.conf")):
        found += [each for (_, kind), each in _sections(sample.read_text()).items() if kind == "endpoint"]
    assert len(found) == 8
    assert {tuple(each.get(setting) for setting in alike) for each in found} == {
        ("all", "alaw,ulaw", "auto", "no", "30", "300", "no")
    }


def test_a_registration_is_never_given_up() -> None:
    """Asterisk's defaults are 10 attempts, and none after a refusal other than 403."""
    sample = _sections(_text("trunks/sip-registration.conf"))["registered", "registration"]
    assert int(sample["max_retries"]) * int(sample["retry_interval"]) > 300 * 86_400
    assert sample["fatal_retry_interval"] == sample["forbidden_retry_interval"] == "300"


def test_what_the_daemon_missed_is_not_compressed_away() -> None:
    """It reads no compressed file (`pbx112/cdr/fallback.py`): with `compress` a second week without it cost records."""
    rotation = (DEPLOY / "pbx112.logrotate").read_text(encoding="utf-8")
    [stanza] = re.findall(r"^/[^{\n]*pbx112-fallback\.csv[^{]*\{([^}]*)\}", rotation, re.MULTILINE)
    # Said, not left out: /etc/logrotate.conf may have `compress` for all.
    assert "nocompress" in stanza.split() and "compress" not in stanza.split()
    assert "create 0640 asterisk asterisk" in stanza, "it holds whole numbers"


def test_a_container_says_which_of_the_offices_files_it_cannot_read(tmp_path: Path) -> None:
    """Asterisk's `#tryinclude` passes over it: no phone and no trunk of it would be known, and nothing be said."""
    script = (REPOSITORY / "docker" / "asterisk" / "entrypoint.sh").read_text()
    for place in (
        "/run/secrets",
        "/run/pbx112-asterisk",
        "/usr/share/pbx112",
        "/etc/asterisk",
        "/etc/pbx112-pjsip",
    ):
        script = script.replace(place, f"{tmp_path}{place}")
        (tmp_path / place[1:]).mkdir(parents=True)
    (tmp_path / "etc/asterisk/pbx112").mkdir()
    for name in (
        "etc/asterisk/pbx112/pbx112.conf",
        "usr/share/pbx112/cdr.conf",
        "etc/pbx112-pjsip/open.conf",
    ):
        (tmp_path / name).touch()
    for name in ("pbx112_ari_password", "pbx112_ami_password"):
        (tmp_path / "run/secrets" / name).write_text("a1")
    closed = tmp_path / "etc/pbx112-pjsip/closed.conf"
    closed.touch(0o600)
    os.chown(closed, 65534, 65534)
    # Its capabilities gone, root is a user like any other.
    nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "sh", "-c"]
    said = subprocess.run(
        [*nobody, script.replace("exec /usr/sbin/asterisk", "exec true")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (0, ""), said.stderr
    assert re.findall(r"asterisk: (\S+) cannot be read", said.stderr) == [
        f"{tmp_path}/etc/pbx112-pjsip/closed.conf"
    ]


def test_each_dashboard_has_a_data_source() -> None:
    sources = [
        source["type"]
        for file in (DEPLOY / "grafana" / "provisioning" / "datasources").glob("*.yaml")
        for source in yaml.safe_load(file.read_text())["datasources"]
    ]
    shown = {
        panel["datasource"]["type"]
        for file in (DEPLOY / "grafana").glob("*.json")
        for panel in json.loads(file.read_text())["panels"]
    }
    assert sorted(sources) == sorted(shown)


def _text(name: str) -> str:
    return (DIALPLAN / name).read_text(encoding="utf-8")


def _sections(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """Of a `pjsip.conf`: by name and type; the template's own where it is one."""
    found = {}
    for name, body in re.findall(r"^\[([\w-]+)\][^\n]*\n((?:(?!\[).*\n?)*)", text, re.MULTILINE):
        settings = dict(re.findall(r"^(\w+)=(.*?)\s*(?:;.*)?$", body, re.MULTILINE))
        found[name, settings.pop("type", "")] = settings
    return found
