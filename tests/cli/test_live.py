"""The daemon as systemd starts it, and what an administrator sees beside it: real processes, a real Asterisk."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import typer

from pbx112.ari import AriHttp
from pbx112.cli.errors import reported
from tests.cdr import calls
from tests.cli.conftest import Pbx112, Write, safe
from tests.cli.exchange import PLAN, Office

COMMAND = [sys.executable, "-m", "pbx112"]
LONGEST = 30.0
"""Seconds after which a process that does not do what is waited for is killed."""


@contextmanager
def daemon(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`pbx112 run`, from the moment it has connected."""
    process = subprocess.Popen([*COMMAND, "run", *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    limit = threading.Timer(LONGEST, process.kill)
    limit.start()
    try:
        for line in process.stderr:
            if json.loads(line).get("action") == "connected":
                break
        yield process
    finally:
        limit.cancel()
        process.terminate()
        safe(process.communicate(timeout=20)[1])


def finish(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, its output into pipes."""
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    safe(ended.stdout + ended.stderr)
    return ended


async def ask(office: Office, method: str, path: tuple[str, ...], body: object = None) -> None:
    async with AriHttp(office.settings()) as ari:
        await ari.request(method, path, body=body)


def until(condition: str, *arguments: str) -> str:
    """What a command says as soon as it says `condition`."""
    deadline = time.monotonic() + 20
    while condition not in (output := finish(*arguments).stdout):
        assert time.monotonic() < deadline, output
    return output


def test_a_live_call_and_then_its_record(
    office: Office, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PBX112_DIALPLAN", str(office.dialplan))
    monkeypatch.setenv("PBX112_FALLBACK_RECORDS", str(tmp_path / "fallback.csv"))
    pbx112("dialplan", "--write")
    office.reload_dialplan()
    assert "daemon: unknown." in pbx112("status").stdout
    with daemon() as process:
        caller = {
            "endpoint": "Local/112@pbx112-intake", "channelId": "citizen", "callerId": '"x" <081311112222>',
            "extension": "answers", "context": "phones",
        }  # fmt: skip
        asyncio.run(ask(office, "POST", ("channels",), caller))
        shown = until("Live calls: 1", "status")
        assert f"daemon: running (process {process.pid})" in shown
        [call] = [line for line in shown.splitlines() if "…222" in line]
        assert "ringing call takers 1101 Meja 1" in call
        assert "081311112222" not in shown
        [line] = [line for line in shown.splitlines() if " 1102 " in line]
        assert "no contact; line watch: unreachable since" in line

        asyncio.run(ask(office, "DELETE", ("channels", "citizen")))
        assert "abandoned_ringing" in until("abandoned_ringing", "cdr")
        assert process.poll() is None
    assert process.returncode == 0
    assert "daemon: not running" in pbx112("status").stdout


def test_the_daemon_refuses_a_bad_plan_and_says_every_mistake(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(PLAN.replace("then: damkar", "then: dmakar").replace("trunk: gsm", "trunk: gsm2"))
    ended = finish("run", "--agencies", str(bad))
    assert ended.returncode == 78
    assert [line.split(": ")[0] for line in ended.stderr.splitlines()] == [f"{bad}:9", f"{bad}:16"]


def test_the_daemon_refuses_a_journal_in_a_folder_it_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_JOURNAL", "/proc/pbx112/journal.db")
    ended = finish("run")
    assert ended.returncode == 1
    assert "the journal's folder must be writable" in ended.stderr


def test_the_daemon_refuses_a_url_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX112_ARI_URL", "http://:8088")
    ended = finish("run")
    assert ended.returncode == 78
    assert (
        ended.stderr
        == "PBX112_ARI_URL, PBX112_ARI_CA: ARI URL 'http://:8088': write it as http://HOST:PORT\n"
    )


def test_a_daemon_that_is_replaced_says_so(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PBX112_FALLBACK_RECORDS", str(tmp_path / "fallback.csv"))
    with daemon() as first:
        monkeypatch.setenv("PBX112_JOURNAL", str(tmp_path / "other" / "journal.db"))
        with daemon():
            assert first.stderr is not None
            said = safe(first.stderr.read())
            assert first.wait(10) == 75
    assert "another pbx112 has connected to Asterisk as 'pbx112'" in said.splitlines()[-1]


def test_status_of_a_bad_plan(pbx112: Pbx112, tmp_path: Path) -> None:
    (tmp_path / "agencies.yaml").write_text("nonsense")
    result = pbx112("status")
    assert result.exit_code == 0
    assert "plan: 1 error in" in result.stdout


def test_an_unexpected_error_is_one_line_and_its_details_are_for_who_wants_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @reported
    def broken() -> None:
        raise KeyError("line 3")

    with pytest.raises(typer.Exit) as ended:
        broken()
    assert ended.value.exit_code == 1
    [line] = safe(capsys.readouterr().err).splitlines()
    assert line.startswith("unexpected error, KeyError: 'line 3'; PBX112_DEBUG=1")
    monkeypatch.setenv("PBX112_DEBUG", "1")
    with pytest.raises(typer.Exit):
        broken()
    assert "in broken" in capsys.readouterr().err


def test_how_far_the_records_are(
    pbx112: Pbx112, write: Write, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_DSN", dsn)
    write(calls.drafts("call-1", calls.answered()), dsn)
    assert "records: all have arrived in Postgres" in pbx112("status").stdout
    write(calls.drafts("call-2", calls.abandoned()))
    assert "records: 6 of 21 entries have yet to arrive in Postgres" in pbx112("status").stdout


def test_watching_on_a_terminal_until_interrupted(pbx112: Pbx112, write: Write) -> None:
    write(calls.drafts("live", calls.answered()[:9]))
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *COMMAND, "status", "--watch"],  # a CI may have it ignored
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    limit = threading.Timer(LONGEST, process.kill)
    limit.start()
    os.close(theirs)
    seen = b""
    while seen.count(b"Live calls: 1") < 2:
        seen += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # the end of the terminal
        while os.read(ours, 65536):
            pass
    assert process.wait() == 0
    limit.cancel()
    os.close(ours)
    assert pbx112("status", "--watch").exit_code == 2


@pytest.mark.parametrize(
    "command",
    ["", "check", "dialplan", "prompts", "migrate", "run", "status", "wallboard", "alarms", "cdr", "schema"],
)
def test_each_help_has_an_example(pbx112: Pbx112, command: str) -> None:
    shown = pbx112(*command.split(), "--help")
    assert shown.exit_code == 0
    told = shown.output.partition("Usage: ")[2].partition("Options")[0].splitlines()[1:]
    assert any(f"pbx112 {command}" in line for line in told)


def test_a_terminal_of_another_alphabet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = finish("check", "--only", "file")
    assert ended.returncode == 0
    assert "1 agencies" in ended.stdout
    helped = finish("--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "pbx112 check --only file" in helped.stdout


def test_a_reader_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | head -c 1', "pipe", *COMMAND, "dialplan"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    safe(piped.stderr)


def test_schema_is_the_one_beside_the_example(pbx112: Pbx112) -> None:
    assert pbx112("schema").stdout == Path("agencies.schema.json").read_text()


def test_the_demo_comes_with_the_source(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert finish("demo", "--nonsense").returncode == 2  # it is the demo itself that does not know this
    monkeypatch.setattr("pbx112.__file__", str(tmp_path / "site-packages" / "pbx112" / "__init__.py"))
    installed = pbx112("demo")
    assert installed.exit_code == 1
    assert "run `make demo` there" in installed.stderr
