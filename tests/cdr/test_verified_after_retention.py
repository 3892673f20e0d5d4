"""After retention the chain has holes: what left is told and what stands is proven, and a change is still found."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from pbx112.audit import anchor as anchors
from pbx112.audit.anchored import heads, hold
from pbx112.audit.keys import make_key, private_key
from pbx112.audit.verify import verify
from pbx112.cli import app
from tests.cdr.conftest import Office

GAP = "(SELECT * FROM pbx112.dropped_range ORDER BY journal_id, first_seq DESC LIMIT 1)"
CHANGES = {
    "altered": "UPDATE pbx112.event SET raw = raw || ' ' WHERE seq = $1",
    "removed": "DELETE FROM pbx112.event WHERE seq = $1",
}
LIES = {
    "one more is said to have left": f"""WITH d AS {GAP}, gone AS (
        DELETE FROM pbx112.event e USING d WHERE e.journal_id = d.journal_id AND e.seq = d.last_seq + 1)
        UPDATE pbx112.dropped_range r SET last_seq = d.last_seq + 1 FROM d WHERE r = d""",
    "nothing is said of what left": f"DELETE FROM pbx112.dropped_range r USING {GAP} d WHERE r = d",
    "no run says so": "DELETE FROM pbx112.retention_step WHERE what = 'events'",
    "another hash is said to be the last": f"""
        UPDATE pbx112.dropped_range r SET hash_after = sha256('x') FROM {GAP} d WHERE r = d""",
}


async def test_what_left_is_told_and_the_rest_is_whole(
    office: Office, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, file = tmp_path / "anchor.key", tmp_path / "anchors.txt"
    public = make_key(key)
    (head,), _ = await heads(office.dsn, tmp_path / "none.db")
    anchors.write(file, private_key(key), "kaur", [head])
    done = await office.retain()
    assert sum(done.numbers.values()) > 50
    verified = await verify(office.dsn, processes=1, portion=300)
    assert (verified.faults, verified.unlocked) == ([], [])
    left = verified.left[head.journal]
    assert sum(each.last_seq - each.first_seq + 1 for each in left) == sum(done.events.values()) > 500
    assert {each.run for each in left} == {done.run}
    assert verified.events == head.seq - sum(done.events.values()) > 100
    assert (await hold(office.dsn, anchors.read(file), [public])).wrong == [], "an anchor of before holds on"

    (tmp_path / "key.pub").write_text(f"{public}\n")
    monkeypatch.setenv("PBX112_DSN", office.dsn)
    monkeypatch.setenv("PBX112_AGENCIES", str(Path(__file__).parents[2] / "agencies.yaml"))
    words = ["audit", "verify", "--records", "--anchors", str(file), "--key", str(tmp_path / "key.pub")]
    said = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert said.exit_code == 0, said.output
    for each in left:
        assert f"entries {each.first_seq} to {each.last_seq} left by retention" in said.output
    assert f"{verified.events:,} events are whole, the rows of" in said.output


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_changed_afterwards_is_found_on_both_sides_of_what_left(
    office: Office, db: asyncpg.Connection, change: str
) -> None:
    await office.retain()
    (left,) = (await verify(office.dsn, processes=1)).left.values()
    borders = {left[0].last_seq + 1, left[-1].first_seq - 1, left[-1].last_seq + 1}
    standing = [row[0] for row in await db.fetch("SELECT seq FROM pbx112.event WHERE seq = ANY($1)", borders)]
    assert standing
    for seq in standing:
        async with db.transaction():
            await db.execute("SET LOCAL session_replication_role = replica")
            await db.execute("CREATE TEMP TABLE kept AS SELECT * FROM pbx112.event WHERE seq = " + str(seq))
            await db.execute(CHANGES[change], seq)
        (fault,) = (await verify(office.dsn, processes=1)).faults
        assert (fault.seq, fault.what) == (seq, change)
        async with db.transaction():
            await db.execute("SET LOCAL session_replication_role = replica")
            await db.execute(CHANGES["removed"], seq)
            await db.execute("INSERT INTO pbx112.event SELECT * FROM kept")
            await db.execute("DROP TABLE kept")
    assert (await verify(office.dsn, processes=1)).faults == []


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_said_to_have_left_falsely_is_found(
    office: Office, db: asyncpg.Connection, lie: str
) -> None:
    await office.retain()
    async with db.transaction():
        await db.execute("SET LOCAL session_replication_role = replica")
        assert await db.execute(LIES[lie]) not in ("DELETE 0", "UPDATE 0")
    assert (await verify(office.dsn, processes=1)).faults, lie


@pytest.mark.parametrize("side", ["hash_after of the first", "hash_before of the second"])
async def test_two_that_left_one_after_the_other_have_to_join(
    office: Office, db: asyncpg.Connection, side: str
) -> None:
    await office.retain()
    (left,) = (await verify(office.dsn, processes=1)).left.values()
    first, second = next(two for two in pairwise(left) if two[0].last_seq + 1 == two[1].first_seq)
    column, changed = (
        ("hash_after", first.first_seq)
        if side.startswith("hash_after")
        else ("hash_before", second.first_seq)
    )
    async with db.transaction():
        await db.execute("SET LOCAL session_replication_role = replica")
        statement = f"UPDATE pbx112.dropped_range SET {column} = sha256('x') WHERE first_seq = $1"
        assert await db.execute(statement, changed) == "UPDATE 1"
    (fault,) = (await verify(office.dsn, processes=1)).faults
    assert (fault.seq, fault.what) == (second.first_seq, "altered")
    assert fault.why == "what left by retention does not follow on what was before"
