"""What each role may do, and above all what it may not."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path
from typing import get_args

import asyncpg
import pytest

from lab.postgres import Postgres
from pbx112.cdr import last_calls, story_of
from pbx112.cdr.access import masked, note_access
from pbx112.journal import Draft
from pbx112.model import events as ev
from tests.cdr.calls import BEGAN_NS, BEGAN_US, PLAN, Timed, abandoned, answered, drafts
from tests.cdr.shipped import ship

CHANGES = [
    "UPDATE pbx112.{} SET call_id = 'x'",
    "DELETE FROM pbx112.{}",
    "TRUNCATE pbx112.{} CASCADE",
    "DROP TABLE pbx112.{} CASCADE",
]


async def login(server: Postgres, database: str, role: str) -> str:
    """A DSN of an account that belongs to `role`."""
    name = f"{role}_{database}"
    await server.add_account(name, role)
    return server.dsn_of(database, name)


async def ship_a_call(dsn: str, folder: Path) -> list[str]:
    return await ship(dsn, folder, drafts("c1", answered()))


async def test_the_writer_ships_and_can_change_nothing(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    dsn = await login(server, database, "pbx112_writer")
    assert await ship_a_call(dsn, tmp_path) == []
    writer = await asyncpg.connect(dsn)
    try:
        for table in ("event", "call", "leg", "recording", "mark", "stage", "call_back", "access_log"):
            for change in CHANGES:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await writer.execute(change.format(table))
        for statement in (
            "DELETE FROM pbx112.shipment",
            "UPDATE pbx112.shipment SET base_seq = 7",
            "CREATE TABLE pbx112.mine (x int)",
            "DELETE FROM pbx112.migration",
            "DELETE FROM pbx112.event_other",
            "SELECT * FROM pbx112.caller_description",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await writer.execute(statement)
        assert await writer.fetchval("SELECT pbx112.ensure_partitions(5)") == 2 * 10
    finally:
        await writer.close()


async def test_the_auditor_reads_everything_but_numbers_and_writes_nothing(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    story: list[Timed] = [*answered(), (70.0, ev.CallerDescribed(identity="<sip:+6281311112222@telco>"))]
    back: list[Timed] = [
        (80.0, ev.CallBackPlaced("1101", "+6281311112222", "gsm")),
        (90.0, ev.CallBackEnded("1101", "answer")),
    ]
    like_one = [(0.0, ev.CallArrived("in", "p:+6281311113333", None, False, "112")), *abandoned()[1:]]
    await ship(server.dsn_of(database), tmp_path, [*drafts("c1", [*story, *back]), *drafts("c2", like_one)])
    auditor = await asyncpg.connect(await login(server, database, "pbx112_auditor"))
    try:
        for table in ("leg", "recording", "stage", "call_back", "shipment", "calls", "events", "kpi_month"):
            assert await auditor.fetchval(f"SELECT count(*) FROM pbx112.{table}") > 0
        for table in ("leg", "recording", "stage", "call_back", "shipment"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auditor.execute(f"INSERT INTO pbx112.{table} SELECT * FROM pbx112.{table}")
        assert await auditor.fetch("SELECT * FROM pbx112.broken_link") == []
        for table in ("call", "event", "event_other", "call_other", "caller_description", "calls_unmasked"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auditor.execute(f"SELECT count(*) FROM pbx112.{table}")
        for change in CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auditor.execute(change.format("leg"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await auditor.execute("SELECT pbx112.ensure_partitions()")
        shown = await everything_that_can_be_read(auditor)
    finally:
        await auditor.close()
    assert "…222" in shown
    assert "1311112222" not in shown
    assert "1311113333" not in shown, "no pseudonym, though it begins like one"


async def everything_that_can_be_read(reader: asyncpg.Connection) -> str:
    """All rows of all tables and views on which this account has the right to read, as text."""
    names = await reader.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'pbx112'::regnamespace AND relkind IN ('r', 'p', 'v')"
        " AND has_table_privilege(oid, 'SELECT') AND relname NOT LIKE '%\\_definition'"
    )
    assert len(names) > 25
    rows = [await reader.fetch(f"SELECT t::text FROM pbx112.{row['relname']} t") for row in names]
    return "\n".join(str(row[0]) for found in rows for row in found)


async def test_no_view_asks_an_auditors_own_function_about_what_it_does_not_show(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    """A function of the auditor's, which Postgres takes for cheaper than the view's own condition."""
    back: list[Timed] = [(80.0, ev.CallBackPlaced("1101", "+6281311112222", "gsm"))]
    lifted = drafts("", [(90.0, ev.NuisanceLifted("9001", "+6281311112222"))])
    await ship(server.dsn_of(database), tmp_path, [*drafts("c1", [*answered(), *back]), *lifted])
    auditor = await asyncpg.connect(await login(server, database, "pbx112_auditor"))
    heard: list[str] = []
    auditor.add_log_listener(lambda _, message: heard.append(str(message.message)))
    try:
        await auditor.execute(
            "CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001"
            " AS $$ BEGIN RAISE NOTICE '%', $1; RETURN false; END $$"
        )
        for setting in ("cpu_operator_cost = 0", "enable_indexscan = off", "enable_bitmapscan = off"):
            await auditor.execute(f"SET {setting}")
        columns = await auditor.fetch(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE c.relnamespace = 'pbx112'::regnamespace AND c.relkind = 'v'"
            " AND has_table_privilege(c.oid, 'SELECT') AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype)"
        )
        assert len(columns) > 50
        for view, column in columns:
            await auditor.execute(f"SELECT count(*) FROM pbx112.{view} WHERE pg_temp.tell({column}::text)")
        await asyncio.sleep(0.1)
    finally:
        await auditor.close()
    assert any("…222" in told for told in heard)
    assert not [told for told in heard if "1311112222" in told]


async def test_whoever_may_see_numbers_sees_them(server: Postgres, database: str, tmp_path: Path) -> None:
    await ship_a_call(server.dsn_of(database), tmp_path)
    reader = await asyncpg.connect(await login(server, database, "pbx112_unmasked"))
    try:
        assert await reader.fetchval("SELECT caller FROM pbx112.calls_unmasked") == "+6281311112222"
        assert await reader.fetchval("SELECT caller FROM pbx112.calls") == "…222"
        assert await reader.fetchval("SELECT count(*) FROM pbx112.event WHERE raw IS NOT NULL") == len(
            answered()
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute("DELETE FROM pbx112.call")
    finally:
        await reader.close()


async def test_an_event_of_a_kind_of_tomorrow_is_hidden_from_the_masked(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    body = b'{"kind":"CallerTexted","from":"+6281311112222"}'
    await ship(
        server.dsn_of(database), tmp_path, [Draft("c1", BEGAN_US, BEGAN_NS, PLAN, "CallerTexted", body)]
    )
    auditor = await asyncpg.connect(await login(server, database, "pbx112_auditor"))
    try:
        assert "masked" in await auditor.fetchval("SELECT body::text FROM pbx112.events")
        assert "222" not in await auditor.fetchval("SELECT body::text FROM pbx112.events")
    finally:
        await auditor.close()


async def test_who_reads_is_written_down_and_nobody_can_unwrite_it(
    server: Postgres, database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await ship_a_call(server.dsn_of(database), tmp_path)
    dsn = await login(server, database, "pbx112_auditor")
    auditor = await asyncpg.connect(dsn)
    try:
        await note_access(
            auditor, "cdr", f"calls of {masked('+6281311112222')}", why="keluhan 7", unmasked=False
        )
        found = await auditor.fetch("SELECT * FROM pbx112.calls_of('+6281311112222', 'keluhan 7')")
        assert [row["call_id"] for row in found] == ["c1"]
        with pytest.raises(asyncpg.InvalidParameterValueError, match="say why"):
            await auditor.fetch("SELECT * FROM pbx112.calls_of('+6281311112222', ' ')")
        rows = await auditor.fetch("SELECT * FROM pbx112.access_log ORDER BY at")
        for change in (
            "INSERT INTO pbx112.access_log SELECT * FROM pbx112.access_log",
            "UPDATE pbx112.access_log SET why = ''",
            "DELETE FROM pbx112.access_log",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auditor.execute(change)
    finally:
        await auditor.close()
    assert [(row["program"], row["what"], row["why"]) for row in rows] == [
        ("cdr", "calls of …222", "keluhan 7"),
        ("sql", "calls of …222", "keluhan 7"),
    ]
    assert {row["account"] for row in rows} == {f"pbx112_auditor_{database}"}
    assert rows[0]["os_user"].startswith(pwd.getpwuid(os.getuid()).pw_name)
    for change in ("UPDATE pbx112.access_log SET why = ''", "DELETE FROM pbx112.access_log"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await db.execute(change)


async def test_not_even_the_owner_changes_an_event_by_accident(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await ship_a_call(dsn, tmp_path)
    for change in CHANGES[:3]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await db.execute(change.format("event"))
    await db.fetch("SELECT pbx112.make_partitions('2020-01-01', '2020-01-01')")
    months = await db.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
        " WHERE inhparent IN ('pbx112.event'::regclass, 'pbx112.access_log'::regclass)"
    )
    assert len(months) == 2 * (1 + 4 + 1)
    for month in months:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await db.execute(f"TRUNCATE {month['name']}")
    assert await db.fetchval("SELECT count(*) FROM pbx112.event") == len(answered())


@pytest.mark.parametrize(
    ("role", "table", "values"),
    [
        ("pbx112_keeper", "legal_hold (os_user, call_id, reason{})", "'x', 'c1', 'x'"),
        ("pbx112_keeper", "legal_hold_lifted (hold_id, os_user, reason{})", "1, 'x', 'x'"),
        ("pbx112_writer", "office (timezone, plan{})", "'Asia/Jayapura', 'x'"),
        ("pbx112_writer", "agency (key, name, kind, plan{})", "'a', 'x', 'agency', 'x'"),
        (
            "pbx112_writer",
            "retention_policy (personal_months, recording_days, access_months, plan{})",
            "1, 1, 1, 'x'",
        ),
    ],
)
async def test_who_wrote_a_row_and_when_is_the_servers_word(
    server: Postgres, database: str, db: asyncpg.Connection, role: str, table: str, values: str
) -> None:
    await db.execute("INSERT INTO pbx112.legal_hold (os_user, call_id, reason) VALUES ('x', 'c1', 'x')")
    account = await asyncpg.connect(await login(server, database, role))
    moment = "lifted_at" if "lifted" in table else "placed_at" if "hold" in table else "stated_at"
    forged = [(f", {moment}", ", 'infinity'")] + (
        [] if "agency" in table else [(", account", ", 'somebody'")]
    )
    try:
        for column, value in forged:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await account.execute(f"INSERT INTO pbx112.{table.format(column)} VALUES ({values}{value})")
        await account.execute(f"INSERT INTO pbx112.{table.format('')} VALUES ({values})")
    finally:
        await account.close()


async def test_an_event_of_a_month_without_partition_is_kept(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    """The test's calls lie in another month than the machine's clock."""
    await ship_a_call(dsn, tmp_path)
    rows = await db.fetch("SELECT DISTINCT tableoid::regclass::text AS name FROM pbx112.event")
    assert len(rows) == 1
    assert (
        await db.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'pbx112.event'::regclass") == 5
    )


async def test_an_event_once_shipped_under_a_name_is_refused_a_second_time(
    dsn: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await ship_a_call(dsn, tmp_path)
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute("INSERT INTO pbx112.event SELECT * FROM pbx112.event")


async def test_of_every_kind_of_event_it_was_decided_what_the_masked_may_see(
    server: Postgres, database: str, db: asyncpg.Connection
) -> None:
    """A new kind is hidden until it stands in the view `events`, or here: does it hold anything of a citizen?"""
    hidden = {"CallerDescribed"}
    kinds = {kind.__name__ for kind in get_args(ev.Event)}
    view = await db.fetchval("SELECT pg_get_viewdef('pbx112.events'::regclass)")
    assert {kind for kind in kinds if f"'{kind}'" not in view} == hidden


async def test_the_auditor_reads_calls_by_the_command_and_that_is_written_down(
    server: Postgres, database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await ship_a_call(server.dsn_of(database), tmp_path)
    dsn = await login(server, database, "pbx112_auditor")
    (call,) = await last_calls(dsn)
    assert (call.caller, call.ring_seconds) == ("…222", 4.5)
    story = await story_of(dsn, "c1")
    assert story is not None
    assert len(story.events) == len(answered())
    assert "1311112222" not in str(story)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await story_of(dsn, "c1", unmasked=True)
    log = await db.fetch("SELECT program, what, call_id, unmasked FROM pbx112.access_log ORDER BY at")
    assert [tuple(row) for row in log] == [
        ("cdr", "the last 20 calls", None, False),
        ("cdr", "one call", "c1", False),
        ("cdr", "one call", "c1", True),
    ]
