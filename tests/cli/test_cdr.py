"""The administrator reads the last calls and one call in full, from Postgres or from the journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.postgres import Postgres
from pbx112.model import events as ev
from tests.cdr import calls
from tests.cli.conftest import Pbx112, Write

NUMBER = "+6281311112222"

TWO_CALLS = [*calls.drafts("call-1", calls.answered(NUMBER)), *calls.drafts("call-2", calls.abandoned())]


def check_list(output: str) -> None:
    answered = next(line for line in output.splitlines() if line.endswith("call-1"))
    assert answered.split()[2:] == ["…222", "answered", "damkar", "+6281200000001", "4.5", "60.0", "call-1"]
    assert any("abandoned_ringing" in line for line in output.splitlines() if line.endswith("call-2"))
    assert NUMBER not in output


def check_story(output: str) -> None:
    assert NUMBER not in output
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert "outcome answered, ended by caller" in lines
    assert any(
        line.startswith("1 ") and line.endswith("call takers 1101 busy 17 486 0.5 0.0") for line in lines
    )
    story = [line.split(" ", 1)[1] for line in lines[lines.index("What happened") + 1 :]]
    assert story[0].startswith("call from …222 to 112 by telco")
    assert "leg 1: over: busy (cause 17, SIP 486)" in story
    assert "leg 2: a human accepted, caller joined" in story
    assert "ended by caller: answered" in story


def test_what_the_trunk_said_is_shown_without_telling_who_or_where_unless_asked(
    pbx112: Pbx112, write: Write
) -> None:
    said = ev.CallerDescribed(
        f'"Budi" <sip:{NUMBER}@ims>', "3GPP;cell=510011A2", place="…", latitude=-4.7923, longitude=103.3571
    )
    story = calls.answered(NUMBER)
    write(calls.drafts("call-1", [*story[:1], (0.0, said), *story[1:]]))
    shown = pbx112("cdr", "call-1").stdout
    assert 'identity     "…" <sip:…222@ims>' in shown and "cell         …" in shown
    for arguments in (["cdr", "call-1"], ["cdr", "call-1", "--json"]):
        masked, whole = pbx112(*arguments).stdout, pbx112(*arguments, "--unmask").stdout
        for secret in ("Budi", NUMBER, "510011A2", "-4.7923", "103.3571"):
            assert secret not in masked and secret in whole


def test_from_postgres(pbx112: Pbx112, write: Write, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(TWO_CALLS, dsn)
    monkeypatch.setenv("PBX112_DSN", dsn)
    shown = pbx112("cdr")
    assert (shown.exit_code, shown.stderr) == (0, "")
    check_list(shown.stdout)
    story = pbx112("cdr", "call-1")
    assert (story.exit_code, story.stderr) == (0, "")
    check_story(story.stdout)


def test_from_the_journal_where_postgres_is_gone(
    pbx112: Pbx112, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(TWO_CALLS)
    monkeypatch.setenv("PBX112_DSN", "postgresql://pbx112:top-secret-9@127.117.0.99:5999/pbx112")
    shown = pbx112("cdr")
    assert shown.exit_code == 0
    assert "Postgres cannot be reached" in shown.stderr
    assert "here is the journal of this machine" in shown.stderr
    check_list(shown.stdout)
    check_story(pbx112("cdr", "call-1").stdout)


def test_tables_that_were_never_made(
    pbx112: Pbx112, write: Write, server: Postgres, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(TWO_CALLS)
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(empty_database))
    shown = pbx112("cdr")
    assert shown.exit_code == 0
    assert "run `pbx112 migrate`" in shown.stderr
    check_list(shown.stdout)


def test_whole_numbers_only_when_asked_for(pbx112: Pbx112, write: Write) -> None:
    write(TWO_CALLS)
    assert NUMBER in pbx112("cdr", "--unmask").stdout
    assert NUMBER in pbx112("cdr", "call-1", "--unmask").stdout
    for arguments in (["cdr", "--json"], ["cdr", "call-1", "--json"]):
        masked, whole = pbx112(*arguments), pbx112(*arguments, "--unmask")
        assert NUMBER not in masked.stdout
        assert NUMBER in whole.stdout
        json.loads(masked.stdout)


@pytest.mark.parametrize("arguments", [["cdr", "call-1"], ["cdr", "call-1", "--json"]])
def test_numbers_of_a_call_back_and_of_a_refused_transfer_too(
    pbx112: Pbx112, write: Write, arguments: list[str]
) -> None:
    """The journal holds them whole, and is what is read where Postgres is gone."""
    refused = ev.CallTransferred(2, "081355556666", "")
    back = ev.CallBackPlaced("1101", NUMBER, "gsm")
    story = calls.answered(NUMBER)
    write(calls.drafts("call-1", [*story[:9], (20.0, refused), *story[9:], (90.0, back)]))
    masked, whole = pbx112(*arguments).stdout, pbx112(*arguments, "--unmask").stdout
    assert NUMBER not in masked and "55556666" not in masked
    assert NUMBER in whole and "081355556666" in whole and "…666" in masked


def test_only_the_last(pbx112: Pbx112, write: Write) -> None:
    for hour in range(30):
        for call, story in ((f"first-{hour}", calls.answered()), (f"second-{hour}", calls.abandoned())):
            write(calls.drafts(call, [(after + hour * 3600, event) for after, event in story]))
    rows = json.loads(pbx112("cdr", "--last", "3", "--json").stdout)
    assert len(rows) == 3
    assert {row["call_id"] for row in rows} <= {"first-29", "second-29", "first-28", "second-28"}


def test_a_call_that_goes_on_and_one_that_never_was(pbx112: Pbx112, write: Write) -> None:
    write(calls.drafts("live", calls.answered()[:9]))
    assert pbx112("cdr").stdout == "no calls yet\n"
    live = pbx112("cdr", "live")
    assert "none yet: the call has not ended" in live.stdout
    assert "leg 2: a human accepted, caller joined" in live.stdout
    unknown = pbx112("cdr", "no such \x1b[31mcall")
    assert unknown.exit_code == 1
    assert "`pbx112 cdr` lists the last ones" in unknown.stderr


def test_a_hostile_caller_cannot_speak_to_the_terminal(pbx112: Pbx112, write: Write) -> None:
    hostile = "\x1b[2J\x07[bold]\u202e112"
    write(calls.drafts("call-1", calls.answered(hostile)))
    for arguments in (["cdr"], ["cdr", "call-1"], ["cdr", "--unmask"], ["cdr", "call-1", "--unmask"]):
        output = pbx112(*arguments).output
        assert not {"\x1b", "\x07", "\u202e"} & set(output)
    assert "[bold]" in pbx112("cdr", "--unmask").output


def test_no_journal_at_all(pbx112: Pbx112) -> None:
    result = pbx112("cdr")
    assert result.exit_code == 1
    assert "no journal; has the daemon run on this machine?" in result.stderr


def test_a_journal_that_is_none(pbx112: Pbx112, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").write_text("nonsense " * 1000)
    result = pbx112("cdr")
    assert result.exit_code == 1
    assert "file is not a database" in result.stderr


def test_a_live_call_seen_from_another_machine(
    pbx112: Pbx112, write: Write, dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(calls.drafts("live", calls.answered()[:9]), dsn)
    monkeypatch.setenv("PBX112_DSN", dsn)
    monkeypatch.setenv("PBX112_JOURNAL", str(tmp_path / "elsewhere" / "journal.db"))
    live = pbx112("cdr", "live")
    assert (live.exit_code, live.stderr) == (0, "")
    assert "none yet: the call has not ended" in live.stdout
    assert "leg 2: a human accepted, caller joined" in live.stdout
    unknown = pbx112("cdr", "no-such-call")
    assert unknown.exit_code == 1
    assert unknown.stderr == "no call 'no-such-call' is known; `pbx112 cdr` lists the last ones\n"
