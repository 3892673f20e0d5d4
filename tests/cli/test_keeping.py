"""The administrator keeps, deletes, answers a citizen, and makes rows anew."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from lab.postgres import Postgres
from tests.cdr import calls
from tests.cli.conftest import Pbx112, Write
from tests.cli.test_check_postgres import as_admin

NUMBER = "+6281311112222"
AGO_US = 100 * 86_400_000_000


@pytest.fixture
def kept(
    server: Postgres,
    database: str,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Two calls of a hundred days ago, in Postgres; kept for a month. Returns the folder of recordings."""
    shift = time.time_ns() // 1000 - AGO_US - calls.BEGAN_US
    two = [*calls.drafts("call-1", calls.answered(NUMBER)), *calls.drafts("call-2", calls.abandoned())]
    write([draft._replace(utc_us=draft.utc_us + shift) for draft in two], server.dsn_of(database))
    folder = tmp_path / "recording"
    folder.mkdir()
    (folder / "talk-1.wav").write_bytes(b"RIFF")
    with (tmp_path / "agencies.yaml").open("a") as plan:
        plan.write("\nretention: {personal_months: 1}\n")
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database))
    monkeypatch.setenv("PBX112_RECORDINGS", str(folder))
    monkeypatch.setenv("PBX112_PSEUDONYM_KEY", str(tmp_path / "pseudonym.key"))
    return folder


def test_a_hold_keeps_and_afterwards_all_that_is_due_goes(
    kept: Path, pbx112: Pbx112, server: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = f"cli_keeper_{database}"
    asyncio.run(server.add_account(keeper, "pbx112_keeper"))
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database, keeper))
    assert pbx112("hold").output == "nothing is held\n"
    assert "a hold has a reason" in pbx112("hold", "--call", "call-1").output
    assert pbx112("hold", "--call", "call-1", "--reason", "Surat 7").output == (
        "hold 1 is placed: 1 more call is held by it\n"
    )
    assert "Surat 7" in pbx112("hold").output
    told = pbx112("retention", "--dry-run").output
    assert "stay: 1 held call" in told
    assert "due" not in told
    assert (kept / "talk-1.wav").exists()
    assert pbx112("hold", "--lift", "1", "--reason", "selesai").output == "hold 1 is lifted\n"
    assert pbx112("hold", "--lift", "1", "--reason", "selesai").exit_code == 1
    due = pbx112("retention", "--dry-run").output
    assert "recordings due: 1" in due and "are due" in due
    early = pbx112("retention")
    assert (early.exit_code, "start it once" in early.output) == (1, True)
    as_admin(server.dsn_of(database), "SELECT pbx112.state_retention('p', 1, 90, 60)")
    done = pbx112("retention")
    assert done.exit_code == 0
    assert "recordings deleted: 1 (1 files, 0.0 MB; 0 had no file any more)" in done.output
    assert "events dropped" in done.output and "calls pseudonymised" in done.output
    assert not (kept / "talk-1.wav").exists()
    assert pbx112("retention").output.startswith("nothing is due")
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database))
    assert pbx112("rebuild", "--check").exit_code == 0
    assert "✓ retention was last carried out on" in pbx112("check", "--only", "postgres").output


def test_a_hold_that_keeps_nothing_is_not_taken_for_one_that_does(kept: Path, pbx112: Pbx112) -> None:
    mistyped = pbx112("hold", "--call", "call-11", "--reason", "Surat 7")
    assert mistyped.exit_code == 0, "the call may be still going on"
    assert "hold 1 is placed: 0 more calls are held by it" in mistyped.output
    assert "no call in the records is meant" in mistyped.output and "--lift 1" in mistyped.output
    nothing = pbx112("hold", "--reason", "Surat 8")
    assert nothing.exit_code == 1 and "say what is held: --call" in nothing.output
    turned = pbx112("hold", "--from", "2026-02-01", "--to", "2026-01-01", "--reason", "Surat 9")
    assert turned.exit_code == 1 and "--to 2026-01-01 is before --from 2026-02-01" in turned.output


@pytest.mark.parametrize(
    ("command", "account"),
    [
        (["hold", "--call", "call-1", "--reason", "x"], "pbx112_keeper"),
        (["retention", "--dry-run"], "pbx112_keeper"),
        (["rebuild"], "the owner's account"),
        (["rebuild", "--check"], "pbx112_unmasked"),
        (["audit", "verify"], "pbx112_unmasked"),
    ],
)
def test_who_comes_with_another_account_is_told_which_it_takes(
    command: list[str],
    account: str,
    kept: Path,
    pbx112: Pbx112,
    server: Postgres,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    auditor = f"cli_auditor_{database}"
    asyncio.run(server.add_account(auditor, "pbx112_auditor"))
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database, auditor))
    refused = pbx112(*command)
    assert refused.exit_code == 1
    assert account in refused.output and "pbx112_writer" not in refused.output


def test_a_citizen_asks(kept: Path, pbx112: Pbx112) -> None:
    assert "! no retention was carried out ever" in pbx112("check", "--only", "postgres").output
    assert pbx112("subject", NUMBER).exit_code == 2, "without a reason nothing is looked up"
    told = pbx112("subject", "081311112222", "--why", "permintaan 17").output
    assert f"looked for: 081311112222, {NUMBER}, 6281311112222" in told
    assert "call-1" in told and "call-2" not in told
    assert "recording talk-1 (finished): kept until" in told
    whole = json.loads(pbx112("subject", NUMBER, "--why", "permintaan 18", "--json").output)
    assert [call["call_id"] for call in whole["calls"]] == ["call-1"]
    assert pbx112("subject", "+62811", "--why", "x").output.endswith("nothing is held about this number\n")


def test_rows_that_differ_are_named_and_mended(
    kept: Path, pbx112: Pbx112, server: Postgres, database: str
) -> None:
    as_admin(server.dsn_of(database), "UPDATE pbx112.call SET ring_seconds = 1 WHERE call_id = 'call-1'")
    looked = pbx112("rebuild", "--check")
    assert looked.exit_code == 1
    assert (
        looked.output == "  call-1: differs from its events\n2 calls compared with their events, 1 differ\n"
    )
    assert pbx112("rebuild").output.endswith("2 calls compared with their events, 1 differed\n")
    assert pbx112("rebuild", "--check").exit_code == 0
