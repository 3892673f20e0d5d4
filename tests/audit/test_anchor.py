"""What no chain can show: its end cut off, or all of it written anew. Anchors outside of the database do."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.postgres import Postgres
from pbx112.audit import anchor as anchors
from pbx112.audit.anchor import Anchor, AnchorError, Head
from pbx112.audit.anchored import Held, heads, hold
from pbx112.audit.keys import KeyFileError, PublicKey, make_key, private_key, read_public_keys
from pbx112.cli import app
from pbx112.cli.checks.findings import Level
from pbx112.cli.checks.machine import check_machine
from pbx112.settings import load_settings
from tests.audit.conftest import Records
from tests.audit.test_verify import ALTERATIONS, DELETE, REHASH
from tests.cdr import arbitrary
from tests.cdr.shipped import ship

SINCE = datetime(2026, 9, 1, tzinfo=UTC)


class Notary:
    """A key, a file of anchors, and the database that they are made of."""

    def __init__(self, folder: Path, records: Records) -> None:
        self.key, self.file, self.records = folder / "anchor.key", folder / "anchors.txt", records
        self.public = make_key(self.key)

    async def anchor(self) -> Anchor:
        found, wrong = await heads(self.records.dsn, self.file.parent / "no.db")
        assert wrong is None
        return anchors.write(self.file, private_key(self.key), "kaur", found)

    async def hold(self, *keys: PublicKey, now: datetime | None = None) -> Held:
        return await hold(self.records.dsn, anchors.read(self.file), keys or (self.public,), now)


@pytest.fixture
async def notary(records: Records, tmp_path: Path) -> Notary:
    """Two anchors, at about two thirds and at the end of the first journal."""
    notary = Notary(tmp_path, records)
    early = records.last * 2 // 3
    await records.tamper(
        "CREATE TABLE pbx112.now AS SELECT last_seq, head FROM pbx112.shipment WHERE {j}",
        "UPDATE pbx112.shipment SET last_seq = {early},"
        " head = (SELECT hash FROM pbx112.event WHERE {j} AND seq = {early}) WHERE {j}",
        early=early,
    )
    await notary.anchor()
    await records.tamper(
        "UPDATE pbx112.shipment SET (last_seq, head) = (SELECT last_seq, head FROM pbx112.now) WHERE {j}",
        "DROP TABLE pbx112.now",
    )
    await notary.anchor()
    return notary


MOVE_END = """
UPDATE pbx112.shipment SET (last_seq, head) =
    (SELECT seq, hash FROM pbx112.event WHERE {j} ORDER BY seq DESC LIMIT 1) WHERE {j}
"""


async def test_what_was_anchored_stands(notary: Notary) -> None:
    held = await notary.hold()
    assert (held.anchors, held.wrong, held.notes) == (2, [], [])
    assert held.protected[notary.records.journal][0] == notary.records.last


async def test_a_tail_that_was_cut_off_is_found(notary: Notary) -> None:
    cut = notary.records.last - 30
    await notary.records.tamper(DELETE, MOVE_END, first=cut, last=notary.records.last)
    assert (await notary.records.verify()).faults == [], "no chain can show it"
    held = await notary.hold()
    assert f"entry {notary.records.last}: anchor 2" in held.wrong[0]
    assert held.protected[notary.records.journal][0] == notary.records.last * 2 // 3


async def test_a_chain_that_was_written_anew_is_found(notary: Notary) -> None:
    seq = random.randint(2, notary.records.last // 2)
    await notary.records.tamper(ALTERATIONS["plan"], REHASH, MOVE_END, seq=seq, many=notary.records.last)
    assert (await notary.records.verify()).faults == [], "no chain can show it"
    held = await notary.hold()
    assert f"entry {notary.records.last * 2 // 3}: anchor 1" in held.wrong[0]
    assert notary.records.journal not in held.protected


async def test_a_journal_that_is_gone_is_found(notary: Notary) -> None:
    await notary.records.tamper("DELETE FROM pbx112.event WHERE {j}", "DELETE FROM pbx112.shipment WHERE {j}")
    assert (await notary.records.verify()).faults == []
    assert "anchor 1" in (await notary.hold()).wrong[0]


async def test_a_beginning_that_is_gone_is_found(notary: Notary) -> None:
    upto = notary.records.last * 2 // 3
    await notary.records.tamper(
        "UPDATE pbx112.shipment SET base_seq = {last},"
        " base_hash = (SELECT hash FROM pbx112.event WHERE {j} AND seq = {last}) WHERE {j}",
        DELETE,
        first=1,
        last=upto,
    )
    verified = await notary.records.verify()
    assert (verified.faults, len(verified.notes)) == ([], 1)
    assert "anchor 1" in (await notary.hold()).wrong[0]


async def test_a_row_of_a_call_that_is_gone_is_counted(notary: Notary) -> None:
    await notary.records.tamper(
        "DELETE FROM pbx112.call WHERE call_id = (SELECT call_id FROM pbx112.call WHERE {j} LIMIT 1)"
    )
    (wrong,) = (await notary.hold()).wrong
    assert "rows of calls were removed" in wrong


def edited(lines: list[str]) -> list[str]:
    return [lines[0].replace('"node":"kaur"', '"node":"kaut"'), lines[1]]


def another_head(lines: list[str]) -> list[str]:
    return [lines[0], re.sub('"calls":[0-9]+', '"calls":1', lines[1])]


def first_removed(lines: list[str]) -> list[str]:
    return lines[1:]


def swapped(lines: list[str]) -> list[str]:
    return lines[::-1]


@pytest.mark.parametrize("change", [edited, another_head, first_removed, swapped])
async def test_an_anchor_that_was_changed_is_found(
    notary: Notary, change: Callable[[list[str]], list[str]]
) -> None:
    lines = notary.file.read_text().splitlines()
    changed = change(lines)
    assert changed != lines
    notary.file.write_text("\n".join(changed) + "\n")
    assert (await notary.hold()).wrong


async def test_another_key_is_not_believed(notary: Notary, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other.key")
    assert "not among those given" in (await notary.hold(other)).wrong[0]
    forged = PublicKey(other.raw)
    line = notary.file.read_text().splitlines()[0]
    as_if = anchors.parse(line.replace(notary.public.name, forged.name))
    assert "its signature is false" in anchors.broken([as_if], [other])[0]
    await notary.anchor()
    notary.key.unlink()
    second = make_key(notary.key)
    await notary.anchor()
    assert (await notary.hold(notary.public, second)).wrong == [], "the key was changed for a new one"


async def test_days_without_an_anchor_are_told_and_none_any_more_is_wrong(notary: Notary) -> None:
    last = datetime.now(UTC)
    held = await notary.hold(now=last + timedelta(hours=25))
    assert (held.notes, held.wrong) == ([], [])
    (wrong,) = (await notary.hold(now=last + timedelta(hours=27))).wrong
    assert "the newest anchor is of" in wrong
    found, _ = await heads(notary.records.dsn, notary.file.parent / "no.db")
    anchors.write(notary.file, private_key(notary.key), "kaur", found, last + timedelta(days=3))
    held = await notary.hold(now=last + timedelta(days=3, hours=1))
    assert held.wrong == []
    (note,) = held.notes
    assert "no anchor was made" in note


async def test_the_check_says_whether_anchors_come_daily(notary: Notary, tmp_path: Path) -> None:
    def said(file: Path) -> tuple[Level, str]:
        (item,) = [
            one
            for one in check_machine(load_settings(anchors=file, ari_password="x")).items
            if str(file) in one.what
        ]
        return item.level, item.what

    assert said(notary.file)[0] is Level.RIGHT
    level, what = said(tmp_path / "none.txt")
    assert (level, "there is no anchor" in what) == (Level.DOUBT, True)
    old = tmp_path / "old.txt"
    anchors.write(old, private_key(notary.key), "kaur", [], datetime.now(UTC) - timedelta(hours=27))
    level, what = said(old)
    assert (level, "more than a day ago" in what) == (Level.DOUBT, True)
    old.write_text("nonsense\n")
    level, what = said(old)
    assert (level, "cannot be read" in what) == (Level.DOUBT, True)


async def test_no_anchor_is_made_of_a_database_that_differs_from_the_machines_journal(
    dsn: str, tmp_path: Path
) -> None:
    calls = arbitrary.calls(random.Random(3), 5, SINCE, SINCE + timedelta(days=1))
    await ship(dsn, tmp_path, calls)
    found, wrong = await heads(dsn, tmp_path / "j.db")
    assert (len(found), wrong) == (1, None)
    records = await _records(dsn, found[0])
    await records.tamper(ALTERATIONS["plan"], REHASH, MOVE_END, seq=1, many=records.last)
    await records.db.close()
    _, wrong = await heads(dsn, tmp_path / "j.db")
    assert wrong is not None
    assert "is not the one in" in wrong


async def _records(dsn: str, head: Head) -> Records:
    import asyncpg

    return Records(dsn, await asyncpg.connect(dsn), head.journal, head.seq)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for content in (b"x", b"\xff\xfe", b"QUJD {}", b"QUJD " + b"[" * 10**5, b"\0" * 1000):
        file.write_bytes(content)
        with pytest.raises(AnchorError, match=r"a\.txt:1"):
            anchors.read(file)
    with pytest.raises(KeyFileError):
        read_public_keys(file)
    key = tmp_path / "k"
    make_key(key)
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="already"):
        make_key(key)
    key.chmod(0o640)
    with pytest.raises(KeyFileError, match="others may read"):
        private_key(key)


async def test_paper_carries_the_anchor(notary: Notary) -> None:
    made = anchors.latest(notary.file)
    assert made is not None
    assert made.says.number == 2
    assert re.fullmatch(r"(\d{5} ){7}\d{5}", made.code)
    assert anchors.parse(made.line).code == made.code
    assert anchors.latest(notary.file, made.says.time).code != made.code  # type: ignore[union-attr]
    assert anchors.qr_svg(made).startswith("<svg")
    assert anchors.latest(notary.file.with_name("none")) is None


async def test_the_commands(
    notary: Notary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Postgres
) -> None:
    import asyncio

    syslog = tmp_path / "log"
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(syslog))
    public = tmp_path / "key.pub"
    plan = Path(__file__).parents[2] / "agencies.yaml"
    for name, value in {
        "PBX112_DSN": notary.records.dsn,
        "PBX112_ANCHOR_KEY": notary.key,
        "PBX112_ANCHORS": notary.file,
        "PBX112_SYSLOG": syslog,
        "PBX112_JOURNAL": tmp_path / "none.db",
        "PBX112_AGENCIES": plan,
    }.items():
        monkeypatch.setenv(name, str(value))

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["audit", *words])
        return done.exit_code, done.output

    code, said = await asyncio.to_thread(run, "key", "--public")
    assert (code, said.strip()) == (0, str(notary.public))
    public.write_text(said)
    code, said = await asyncio.to_thread(run, "anchor")
    assert code == 0, said
    made = anchors.latest(notary.file)
    assert made is not None
    assert made.code in said
    assert made.says.number == 3
    assert heard.recv(10_000).decode() == f"<85>pbx112-anchor: {made.line}"
    heard.close()
    given = ("verify", "--anchors", str(notary.file), "--key", str(public))
    code, said = await asyncio.to_thread(run, *given)
    assert code == 0, said
    assert f"proven up to {notary.records.last}" in said
    await notary.records.tamper(DELETE, MOVE_END, first=notary.records.last, last=notary.records.last)
    code, said = await asyncio.to_thread(run, *given)
    assert code == 1
    assert "it was cut off or written anew" in said
    await notary.records.tamper(ALTERATIONS["raw"], seq=500)
    code, said = await asyncio.to_thread(run, "verify")
    assert code == 1
    assert re.search(r"entry 500, call \d-c\d+, 2026-.*: altered", said)
    notary.key.unlink()
    code, said = await asyncio.to_thread(run, "anchor")
    assert (code, "make one with" in said) == (1, True)
