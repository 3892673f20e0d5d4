"""The end of retention: what is due leaves, what is held stays, the chain can be followed, and no figure changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from lab.postgres import Postgres
from lab.traffic import guide
from pbx112.cdr import rebuild, retention
from pbx112.cdr.holds import holds_in_force, lift_hold, place_hold
from pbx112.cdr.pseudonym import read_key
from pbx112.cdr.recordings import Deleted, Recordings
from pbx112.cdr.subject import held_about
from pbx112.plan.types import Retention
from tests.cdr.calls import BEGAN_US, answered, drafts, gap
from tests.cdr.conftest import Office, months_ago
from tests.cdr.shipped import ship
from tests.cdr.test_rights import login

NUMBER = "+62812000007"
FIGURES = (
    "SELECT md5(string_agg(k::text, '|' ORDER BY k::text)) FROM (SELECT k FROM pbx112.kpi_month k"
    " UNION ALL SELECT NULL WHERE false) x(k)",
    "SELECT md5(string_agg(k::text, '|' ORDER BY k::text)) FROM pbx112.agency_hour k",
    "SELECT md5(string_agg(k::text, '|' ORDER BY k::text)) FROM pbx112.load_hour k",
    "SELECT md5(string_agg((month, calls, nuisance)::text, '|' ORDER BY month, calls, nuisance, first_at))"
    " FROM pbx112.repeat_caller",
)


async def test_what_is_due_leaves_and_every_figure_stays(office: Office, db: asyncpg.Connection) -> None:
    before = [await db.fetchval(figure) for figure in FIGURES]
    held = await db.fetchrow(
        "SELECT call_id, arrived_at FROM pbx112.call WHERE caller IS NOT NULL AND arrived_at >= $1 AND arrived_at < $2"
        " ORDER BY arrived_at OFFSET 5 LIMIT 1",
        datetime.combine(months_ago(4), datetime.min.time(), UTC),
        datetime.combine(months_ago(3), datetime.min.time(), UTC),
    )
    assert held is not None
    hold, more = await place_hold(office.keeper, "Surat Polres 7", call_id=held["call_id"])
    assert more == 1
    told = await office.retain(dry=True)
    assert set(told.events) == {months_ago(5), months_ago(3), months_ago(2)}
    assert set(told.held) == {months_ago(4)}
    assert await db.fetchval("SELECT count(*) FROM pbx112.retention_run") == 0, "only told"

    done = await office.retain()
    assert done.trouble == []
    assert set(done.events) == set(told.events)
    assert done.held == {months_ago(4): 1}
    left = await db.fetch(
        "SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM pbx112.event ORDER BY 1"
    )
    assert [row["month"] for row in left] == [months_ago(4), months_ago(1)]
    assert await db.fetch("SELECT * FROM pbx112.broken_link") == []
    assert await db.fetchval("SELECT sum(last_seq - first_seq + 1) FROM pbx112.dropped_range") == sum(
        done.events.values()
    )
    for path in guide.GUIDES:
        (whole,) = (query for query in guide.queries(path.read_text()) if "without_holes" in query)
        (answer,) = await db.fetch(whole)
        found = (answer["without_holes"], answer["broken"], answer["false"])
        assert found == (True, 0, 0), "what left between months that stay is no hole"
    assert [await db.fetchval(figure) for figure in FIGURES] == before
    looked = await rebuild(office.dsn, write=False)
    assert (looked.different, looked.calls > 50, looked.kept > 0) == ([], True, True)
    assert await db.fetchval("SELECT caller LIKE '+62%' FROM pbx112.call WHERE call_id = $1", held["call_id"])
    pseudonyms = "SELECT count(*) FROM pbx112.call WHERE caller_raw LIKE 'p:%'"
    some = await db.fetchval(pseudonyms)
    assert some > 50

    assert [kept.reason for kept in await holds_in_force(office.keeper)] == ["Surat Polres 7"]
    assert await lift_hold(office.keeper, hold, "selesai")
    assert not await lift_hold(office.keeper, hold, "selesai")
    again = await office.retain()
    assert set(again.events) == {months_ago(4)}
    assert await db.fetchval(pseudonyms) > some
    assert await db.fetch("SELECT * FROM pbx112.broken_link") == []
    assert [await db.fetchval(figure) for figure in FIGURES] == before
    assert (await rebuild(office.dsn, write=False)).different == []
    whole = "SELECT count(*) FROM pbx112.call WHERE arrived_at < $1 AND caller_raw LIKE 'p:+%'"
    assert await db.fetchval(whole, datetime.combine(months_ago(2), datetime.min.time(), UTC)) == 0
    third = await office.retain()
    assert (third.events, third.numbers, third.recordings) == ({}, {}, 0)
    steps = await db.fetch("SELECT what, sum(many) AS many FROM pbx112.retention_step GROUP BY what")
    assert {row["what"] for row in steps} == {"events", "numbers", "recordings", "held", "access_log"}


async def test_nothing_leaves_earlier_than_the_daemon_has_stated(
    office: Office, db: asyncpg.Connection
) -> None:
    longer = replace(office.plan, retention=Retention(2, 1))
    await db.execute("SELECT pbx112.state_retention('later', 2, 30, 1)")
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="kept for 2 months"):
        await office.retain()
    done = await replace(office, plan=longer).retain()
    assert months_ago(2) not in done.events
    assert [row[0] for row in await db.fetch("SELECT personal_months FROM pbx112.retention_policy")] == [1, 2]


async def test_recordings_leave_from_their_folder_alone_and_held_ones_stay(
    office: Office, db: asyncpg.Connection
) -> None:
    outside = office.where.recordings.parent / "outside.wav"
    outside.write_bytes(b"RIFF")
    (office.where.recordings / "linked.wav").symlink_to(outside)
    await db.execute(
        "INSERT INTO pbx112.recording (call_id, name, started_at, ended_at, seconds, result, reason, arrived_at)"
        " SELECT call_id, name, NULL, arrived_at, 1, 'finished', '', arrived_at"
        " FROM (SELECT call_id, arrived_at FROM pbx112.call ORDER BY arrived_at LIMIT 1) c,"
        " unnest(ARRAY['../outside', '/etc/hostname', 'linked', 'outside\n', 'of-held']) name"
    )
    (office.where.recordings / "of-held.wav").write_bytes(b"RIFF")
    call = await db.fetchval("SELECT call_id FROM pbx112.call ORDER BY arrived_at LIMIT 1")
    await db.execute("UPDATE pbx112.recording SET call_id = 'held' WHERE name = 'of-held'")
    await place_hold(office.keeper, "x", call_id="held")
    done = await office.retain()
    assert outside.exists()
    assert (office.where.recordings / "linked.wav").is_symlink()
    assert (office.where.recordings / "of-held.wav").exists()
    assert not (office.where.recordings / "r.wav").exists()
    assert (done.files, done.bytes) == (1, 4), "all recordings of the test's calls have one name"
    deleted = await db.fetch("SELECT name, files FROM pbx112.recording_deleted WHERE call_id = $1", call)
    assert {(row["name"], row["files"]) for row in deleted} >= {("../outside", 0), ("linked", 0)}
    assert await db.fetchval("SELECT count(*) FROM pbx112.recording_deleted WHERE call_id = 'held'") == 0


@pytest.mark.parametrize(("call_id", "number"), [("unended", None), (None, "+6281311112222")])
async def test_a_held_call_whose_end_was_never_told_keeps_its_month(
    office: Office, db: asyncpg.Connection, tmp_path: Path, call_id: str | None, number: str | None
) -> None:
    """It has no row in call: the journal that knew its end was lost."""
    began = datetime.combine(months_ago(5), datetime.min.time(), UTC)
    shift = int(began.timestamp() * 1e6) + 10**12 - BEGAN_US
    story = [draft._replace(utc_us=draft.utc_us + shift) for draft in drafts("unended", answered()[:5])]
    await ship(office.dsn, tmp_path, story)
    assert await db.fetchval("SELECT count(*) FROM pbx112.call WHERE call_id = 'unended'") == 0
    await place_hold(office.keeper, "Surat 7", call_id=call_id, number=number)
    done = await office.retain()
    assert (months_ago(5) in done.events, done.held) == (False, {months_ago(5): 1})
    assert await db.fetchval("SELECT count(*) FROM pbx112.event WHERE call_id = 'unended'") == len(story)


async def test_who_reads_for_long_holds_up_a_month_and_nobody_who_adds(
    office: Office, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump in the night: dropping a month would wait for it, and everybody else for that."""
    monkeypatch.setattr(retention, "_PATIENCE", 0.2)
    dump = await asyncpg.connect(office.dsn)
    try:
        async with dump.transaction():
            await dump.fetchval("SELECT count(*) FROM pbx112.event")
            async with asyncio.timeout(30):
                done = await office.retain()
                assert await ship(office.dsn, tmp_path, [gap(1, "")]) == []
        assert set(done.events) == {months_ago(3)}, "which has no partition"
        assert len(done.trouble) == 3 and all("somebody reads" in trouble for trouble in done.trouble)
    finally:
        await dump.close()
    after = await office.retain()
    assert (len(after.events), after.trouble) == (3, [])


async def test_each_machine_deletes_the_recordings_that_it_made(
    office: Office, db: asyncpg.Connection
) -> None:
    """Two exchanges, one database: whoever runs first does not take the other's files for deleted."""
    await db.execute(
        "WITH moved AS (UPDATE pbx112.call SET node = 'kaur2' WHERE call_id IN"
        " (SELECT call_id FROM pbx112.recording ORDER BY arrived_at LIMIT 3) RETURNING call_id)"
        " UPDATE pbx112.recording r SET name = 'of-kaur2-' || r.call_id FROM moved WHERE moved.call_id = r.call_id"
    )
    there = office.where.recordings.parent / "kaur2"
    there.mkdir()
    theirs = await db.fetch("SELECT name FROM pbx112.recording WHERE name LIKE 'of-kaur2-%'")
    for row in theirs:
        (there / f"{row['name']}.wav").write_bytes(b"RIFF")
    first = await office.retain()
    assert first.elsewhere == len(theirs) > 0
    kaur2 = replace(office, where=replace(office.where, recordings=there, node="kaur2"))
    second = await kaur2.retain()
    assert (second.recordings, second.files, second.elsewhere) == (len(theirs), len(theirs), 0)
    assert not list(there.iterdir())
    assert (await office.retain()).elsewhere == 0


async def test_the_keeper_can_delete_nothing_that_is_not_due(office: Office) -> None:
    keeper = await asyncpg.connect(office.keeper)
    try:
        run = await keeper.fetchval("SELECT pbx112.begin_retention('x', 'kaur', 'p', 1, 30, 1)")
        for statement in (
            f"SELECT pbx112.drop_events({run}, '{months_ago(1)}')",
            f"SELECT pbx112.drop_events({run}, '{months_ago(0)}')",
            f"SELECT pbx112.drop_access_log({run}, '{months_ago(1)}')",
            f"SELECT pbx112.pseudonymise({run}, '{months_ago(1)}', '{{}}')",
            "SELECT pbx112.drop_events(4711, '2020-01-01')",
            "SELECT pbx112.begin_retention('x', 'kaur', 'p', 0, 30, 1)",
            "SELECT pbx112.begin_retention('x', 'kaur', 'p', 1, 29, 1)",
            "SELECT pbx112.state_retention('p', 1, 1, 1)",
            "SELECT * FROM pbx112.months_due('call', 1)",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await keeper.execute(statement)
        assert await keeper.fetch("SELECT pbx112.numbers_of($1, $2)", run, months_ago(1)) == []
        for statement in (
            "DELETE FROM pbx112.event",
            "DROP TABLE pbx112.event_other",
            "SELECT count(*) FROM pbx112.call",
            "UPDATE pbx112.call SET caller = NULL",
            "DELETE FROM pbx112.legal_hold",
            "INSERT INTO pbx112.dropped_range SELECT * FROM pbx112.dropped_range",
            "SELECT pbx112.make_partitions('2020-01-01', '2020-02-01')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await keeper.execute(statement)
    finally:
        await keeper.close()


@pytest.mark.parametrize("which", [0, 20])
async def test_a_month_that_was_tampered_with_stays_as_evidence(
    office: Office, db: asyncpg.Connection, which: int
) -> None:
    async with db.transaction():
        await db.execute("SET LOCAL session_replication_role = replica")
        await db.execute(
            "UPDATE pbx112.event SET raw = '{}' WHERE at < $1 AND seq = (SELECT seq FROM pbx112.event WHERE at < $1"
            " ORDER BY seq OFFSET $2 LIMIT 1)",
            datetime.combine(months_ago(4), datetime.min.time(), UTC),
            which,
        )
    done = await office.retain()
    assert months_ago(5) not in done.events
    assert len(done.trouble) == 1
    assert "as evidence" in done.trouble[0]
    assert set(done.events) == {months_ago(4), months_ago(3), months_ago(2)}, "the others leave all the same"


async def test_a_citizen_is_told_all_that_is_held(
    server: Postgres, database: str, office: Office, db: asyncpg.Connection
) -> None:
    reader = await login(server, database, "pbx112_unmasked")
    calls = await db.fetchval("SELECT count(*) FROM pbx112.call WHERE caller = $1", NUMBER)
    told = await held_about(reader, "0812000007", office.plan, "permintaan 17", None)
    assert (len(told.calls), told.pseudonyms) == (calls, False)
    assert calls > 3
    assert all(call.events > 0 and call.events_until for call in told.calls)
    await office.retain()
    key = read_key(office.where.key)
    assert key is not None
    after = await held_about(reader, NUMBER, office.plan, "permintaan 18", key)
    assert [call.call_id for call in after.calls] == [call.call_id for call in told.calls]
    gone = [call for call in after.calls if call.events_until is None]
    assert gone
    assert {call.events for call in gone} == {0}
    assert all(recording.deleted_at for call in gone for recording in call.recordings)
    office.where.key.unlink()
    forgotten = await held_about(reader, NUMBER, office.plan, "permintaan 19", read_key(office.where.key))
    assert len(forgotten.calls) == calls - len(gone), "without the secret a pseudonym is nobody's"
    log = await db.fetch("SELECT what, why, unmasked FROM pbx112.access_log ORDER BY at")
    assert [row["why"] for row in log] == ["permintaan 17", "permintaan 18", "permintaan 19"]
    assert all("2000007" not in row["what"] and row["unmasked"] for row in log)


def test_a_recordings_name_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"1234")
    (tmp_path / "a.gsm").write_bytes(b"12")
    (tmp_path / "b.wav").mkdir()
    with Recordings(tmp_path) as recordings:
        assert recordings.delete("a") == Deleted(2, 6)
        assert recordings.delete("a") == Deleted(0, 0)
        for name in ("../a", "/etc/hostname", "b", "", ".", "..", "x\0y", "a/b"):
            assert recordings.delete(name) == Deleted(0, 0)
    assert (tmp_path / "b.wav").is_dir()
