"""Records reach Postgres: once, in order, whatever happens to the connection, the server or the cursor."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from lab.postgres import Postgres
from pbx112.cdr import Shipper, last_calls, rebuild, story_of
from pbx112.cdr.send import rows_of
from pbx112.cdr.store import add_calls
from pbx112.cdr.trouble import explain
from pbx112.journal import Draft, Journal, JournalError
from pbx112.model import events as ev
from pbx112.plan.load import parse_plan
from tests.cdr.calls import BEGAN_NS, BEGAN_US, PLAN, abandoned, answered, drafts
from tests.cdr.conftest import Eventually
from tests.cdr.shipped import Alarms, assert_all_arrived_once, shipping


async def test_a_call_stands_in_postgres_as_it_was(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c1", answered()))
        journal.append(drafts("c2", abandoned()))
        assert await shipper.flush(10)
        await assert_all_arrived_once(db, journal)
    calls = {call.call_id: call for call in await last_calls(dsn)}
    assert calls["c1"].outcome == "answered"
    assert (calls["c1"].ring_seconds, calls["c1"].talk_seconds) == (4.5, 60.0)
    assert calls["c2"].outcome == "abandoned_ringing"
    story = await story_of(dsn, "c1")
    assert story is not None
    assert [leg.result for leg in story.legs] == ["busy", "accepted"]
    assert [recording.name for recording in story.recordings] == ["talk-1"]
    assert [event.kind for event in story.events] == [type(event).__name__ for _, event in answered()]
    assert story.events[0].at.isoformat() == "2026-07-23T09:46:40+00:00"
    assert await story_of(dsn, "nobody") is None
    assert alarms == []


async def test_a_record_arrives_soon_after_the_call(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("first", abandoned()))
        assert await shipper.flush(10)
        loop = asyncio.get_running_loop()
        began = loop.time()
        journal.append(drafts("second", abandoned()))
        assert await shipper.flush(10)
        assert loop.time() - began < 1.0  # 0.2 s on an idle machine


async def test_a_call_is_added_to_a_month_that_was_analysed_before_it_was_loaded(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    """Whether its id stands there already is looked up, not searched for."""
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c", answered()))
        assert await shipper.flush(10)
        await db.execute("ANALYZE")
        await db.execute(
            "INSERT INTO pbx112.call SELECT more.* FROM pbx112.call t, generate_series(1, 9999) n,"
            " jsonb_populate_record(t, jsonb_build_object('call_id', call_id || n)) more"
        )
    (call,) = await last_calls(dsn, 1)
    read = (
        "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables "
        "WHERE relname LIKE 'call\\_%'"
    )
    async with db.transaction():
        assert await add_calls(db, [call]) == set()
        assert await add_calls(db, [msgspec.structs.replace(call, call_id="new")]) == {"new"}
        assert await db.fetchval(read) < 10


async def test_a_recording_that_is_closed_after_the_call_is_added(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    *call, recorded = drafts("c1", answered())
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(call)
        assert await shipper.flush(10)
        assert await db.fetchval("SELECT count(*) FROM pbx112.recording") == 0
        journal.append([recorded, recorded])
        assert await shipper.flush(10)
        assert await db.fetchval("SELECT seconds::text FROM pbx112.recording") == "59.900"
        assert await db.fetchval("SELECT started_at < ended_at FROM pbx112.recording")
        assert await db.fetchval("SELECT last_seq FROM pbx112.call") == len(call)
    assert alarms == []


async def test_connections_killed_again_and_again_neither_lose_nor_double(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'pbx112 ship%'"
    )
    killed = 0
    async with shipping(journal, dsn, alarms.append) as shipper:
        for number in range(300):
            journal.append(drafts(f"c{number:03}", answered() if number % 3 else abandoned()))
            if number % 10 == 0:
                await asyncio.sleep(0.03)
                killed += await db.fetchval(kill)
        assert await shipper.flush(30)
    assert killed > 3
    await assert_all_arrived_once(db, journal)
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 300
    assert await db.fetchval("SELECT count(*) FROM pbx112.leg") == 200 * 2 + 100
    assert await db.fetchval("SELECT count(*) FROM pbx112.recording") == 200


async def test_what_the_plan_says_of_the_office_is_stated_again_where_it_did_not_arrive(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    """Else months would be counted in another office's time, and the retention would go by what was stated before."""
    text = (Path(__file__).parents[2] / "agencies.yaml").read_text().replace("Asia/Jakarta", "Asia/Jayapura")
    plan = parse_plan(text, "agencies.yaml").plan
    await db.execute("ALTER FUNCTION pbx112.state_office(text, text, jsonb) RENAME TO away")
    shipper = Shipper(journal, dsn, "kaur", alarms.append, plan=lambda: plan)
    task = asyncio.create_task(shipper.run())
    try:
        async with asyncio.timeout(20):
            while not any("of the office is not known" in alarm for alarm in alarms):
                await asyncio.sleep(0.02)
        await db.execute("ALTER FUNCTION pbx112.away(text, text, jsonb) RENAME TO state_office")
        await db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pbx112 ship kaur' AND datname = current_database()"
        )
        journal.append(drafts("c1", answered()))
        assert await shipper.flush(20)
        assert await db.fetchval("SELECT pbx112.office_zone()") == "Asia/Jayapura"
        assert await db.fetchval("SELECT count(*) FROM pbx112.retention_policy") == 1
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_postgres_away_for_a_while_is_caught_up_with_and_told_once(
    server: Postgres, journal: Journal, dsn: str, alarms: Alarms, eventually: Eventually
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("before", answered()))
        assert await shipper.flush(10)
        await server.stop()
        try:
            await asyncio.wait_for(journal.append(drafts("during", answered())), 1)
            assert not await shipper.flush(0.5)
        finally:
            await server.start()
        assert await shipper.flush(20)
    db = await asyncpg.connect(dsn)
    try:
        await assert_all_arrived_once(db, journal)
        assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 2
    finally:
        await db.close()
    assert ["not arriving" in alarm for alarm in alarms] == [True, False]


async def test_the_database_is_restored_from_an_old_backup(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c1", answered()))
        assert await shipper.flush(10)
    backup = await db.fetchrow("SELECT last_seq, head FROM pbx112.shipment")
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c2", answered()))
        assert await shipper.flush(10)
    assert backup is not None
    async with db.transaction():
        await db.execute("SET LOCAL session_replication_role = replica")
        await db.execute("DELETE FROM pbx112.event WHERE call_id = 'c2'")
        await db.execute("DELETE FROM pbx112.leg WHERE call_id = 'c2'")
        await db.execute("DELETE FROM pbx112.call WHERE call_id = 'c2'")
        await db.execute("DELETE FROM pbx112.recording WHERE call_id = 'c2'")
        await db.execute("UPDATE pbx112.shipment SET last_seq = $1, head = $2", *backup)
    async with shipping(journal, dsn, alarms.append) as shipper:
        assert await shipper.flush(10)
    await assert_all_arrived_once(db, journal)
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 2
    assert alarms == []


async def test_a_journal_that_tells_another_story_is_not_shipped(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms, eventually: Eventually
) -> None:
    await journal.append(drafts("c1", abandoned()))
    async with shipping(journal, dsn, alarms.append) as shipper:
        assert await shipper.flush(10)
    await db.execute("UPDATE pbx112.shipment SET head = sha256('forged')")
    await journal.append(drafts("c2", abandoned()))
    async with shipping(journal, dsn, alarms.append):

        async def alarmed() -> bool:
            return bool(alarms)

        await eventually(alarmed)
    assert "is not the one in Postgres" in alarms[0]
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 1


async def test_hostile_texts_are_kept_to_the_byte_and_hold_nothing_up(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    nasty = "\0'); DROP TABLE pbx112.call;-- ${EXTEN}\r\n\u202e\N{FIRE ENGINE}" + "9" * 500
    story = [(0.0, ev.CallArrived("in", nasty, None, False, "112")), *abandoned()[1:]]
    bodies = [b'{"x":"\\ud800"}', b"\xff\xfe", b"", b'{"n":1e99999999}', b'{"x":' * 900 + b"1" + b"}" * 900]
    strange = [Draft("odd", BEGAN_US, BEGAN_NS, PLAN, "Odd", body) for body in bodies]
    async with shipping(journal, dsn, alarms.append) as shipper:
        await journal.append([*strange, *drafts("c1", story)])
        await journal.append(drafts("c2", abandoned()))
        assert await shipper.flush(10)
        await assert_all_arrived_once(db, journal)
    assert await db.fetchval("SELECT count(*) FROM pbx112.call") == 2
    stored = await db.fetchval("SELECT caller_raw FROM pbx112.call WHERE call_id = 'c1'")
    assert stored == nasty.replace("\0", "\ufffd")
    assert (
        await db.fetchval("SELECT body->>'caller_raw' FROM pbx112.event WHERE kind = 'CallArrived'") == stored
    )


async def test_a_row_that_the_database_refuses_goes_without_its_view_and_the_others_with_theirs(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms
) -> None:
    await db.execute("ALTER TABLE pbx112.call ADD CHECK (call_id <> 'refused')")
    for name in ("good", "refused", "after"):
        await journal.append(drafts(name, abandoned()))
    async with shipping(journal, dsn, alarms.append) as shipper:
        assert await shipper.flush(10)
        await assert_all_arrived_once(db, journal)
    assert {row["call_id"] for row in await db.fetch("SELECT call_id FROM pbx112.call")} == {"good", "after"}
    assert len(alarms) == 1
    assert "refuses its view" in alarms[0]


async def test_a_call_of_which_our_own_fault_makes_no_record_keeps_none_of_the_others_back(
    journal: Journal,
    dsn: str,
    db: asyncpg.Connection,
    alarms: Alarms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(stories: Any, *more: Any, **named: Any) -> Any:
        if "bad" in stories:
            raise TypeError("no such thing")
        return rows_of(stories, *more, **named)

    monkeypatch.setattr("pbx112.cdr.ship.rows_of", build)
    for name in ("good", "bad", "after"):
        await journal.append(drafts(name, abandoned()))
    async with shipping(journal, dsn, alarms.append) as shipper:
        assert await shipper.flush(10)
        await assert_all_arrived_once(db, journal)
    assert {row["call_id"] for row in await db.fetch("SELECT call_id FROM pbx112.call")} == {"good", "after"}
    assert len(alarms) == 1 and "TypeError: no such thing" in alarms[0]
    monkeypatch.undo()
    assert (await rebuild(dsn)).different == ["bad"]


def test_what_is_no_fault_of_postgres_is_not_looked_for_there() -> None:
    for error in (JournalError("journal.db: disk I/O error"), TypeError("no such thing")):
        assert "Postgres" not in "; ".join(explain(error))


async def test_a_replaced_journal_goes_on_under_its_new_name(
    journal: Journal, dsn: str, db: asyncpg.Connection, alarms: Alarms, eventually: Eventually
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c1", abandoned()))
        assert await shipper.flush(10)
        for suffix in ("-wal", "-shm", ""):
            Path(f"{journal.path}{suffix}").unlink()
        before = journal.journal_id
        journal.append(drafts("c2", abandoned()))

        async def renamed() -> bool:
            return journal.journal_id != before

        await eventually(renamed)
        journal.append(drafts("c3", abandoned()))
        assert await shipper.flush(10)
    assert await db.fetchval("SELECT count(*) FROM pbx112.shipment") == 2
    assert await db.fetchval("SELECT count(*) FROM pbx112.call WHERE call_id = 'c3'") == 1
    assert any("was removed" in alarm for alarm in alarms)


@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        ("UPDATE pbx112.event SET raw = '{}' WHERE seq = 3", [(3, "does not fit its hash")]),
        ("UPDATE pbx112.event SET at = at + interval '1 us' WHERE seq = 4", [(4, "does not fit its hash")]),
        ("UPDATE pbx112.event SET call_id = 'c2' WHERE seq = 5", [(5, "does not fit its hash")]),
        ("DELETE FROM pbx112.event WHERE seq = 2", [(3, "missing before it")]),
        ("DELETE FROM pbx112.event WHERE seq = 1", [(2, "missing before it")]),
        ("DELETE FROM pbx112.event WHERE seq = 6", [(6, "missing at the end")]),
        ("UPDATE pbx112.event SET body = '{}'", []),
    ],
)
async def test_a_forged_record_is_found_by_a_query(
    journal: Journal,
    dsn: str,
    db: asyncpg.Connection,
    alarms: Alarms,
    forgery: str,
    found: list[tuple[int, str]],
) -> None:
    async with shipping(journal, dsn, alarms.append) as shipper:
        journal.append(drafts("c1", abandoned()))
        assert await shipper.flush(10)
    await db.execute("SET session_replication_role = replica")  # a superuser who gets past the trigger
    await db.execute(forgery)
    rows = await db.fetch("SELECT seq, why FROM pbx112.broken_link")
    assert [(row["seq"], row["why"]) for row in rows] == found
