"""An administrator brings the records' schema up, twice, from two machines, and after somebody edited a file."""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg
import pytest

from lab.postgres import Postgres
from pbx112.cdr import MigrationError, migrate, pending
from pbx112.cdr.migrate import Migration, shipped


async def test_every_file_is_applied_once_and_in_order(server: Postgres, empty_database: str) -> None:
    dsn = server.dsn_of(empty_database)
    names = [migration.name for migration in shipped()]
    assert await pending(dsn) == names
    steps: list[str] = []
    assert await migrate(dsn, steps.append) == names
    assert [step for step in steps if step.endswith(".sql")] == names
    assert await pending(dsn) == []
    assert await migrate(dsn) == []


async def test_daemons_that_start_together_do_not_disturb_each_other(
    server: Postgres, empty_database: str
) -> None:
    dsn = server.dsn_of(empty_database)
    done = await asyncio.gather(*(migrate(dsn) for _ in range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, len(shipped())]


RIGHTS = """
SELECT 'schema' AS what, nspname::text AS name, nspacl::text[] AS acl, nspowner::regrole::text AS owner
FROM pg_namespace WHERE nspname = 'pbx112'
UNION ALL
SELECT 'relation', relname, coalesce(relacl, acldefault('r', relowner))::text[], relowner::regrole::text
FROM pg_class WHERE relnamespace = 'pbx112'::regnamespace AND relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'column', c.relname || '.' || attname, coalesce(attacl, '{}')::text[], ''
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'pbx112'::regnamespace
UNION ALL
SELECT 'function', oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))::text[], proowner::regrole::text
FROM pg_proc WHERE pronamespace = 'pbx112'::regnamespace
"""


async def test_roles_that_were_made_later_get_what_the_files_give(dsn: str, db: asyncpg.Connection) -> None:
    """As the notice advises an administrator whose account may make no role."""

    async def rights() -> dict[tuple[str, str], tuple[set[str], str]]:
        rows = await db.fetch(RIGHTS)
        return {(row["what"], row["name"]): (set(row["acl"]), row["owner"]) for row in rows}

    before = await rights()
    roles = "pbx112_writer, pbx112_auditor, pbx112_unmasked, pbx112_keeper"
    for what in ("SCHEMA pbx112", "ALL TABLES IN SCHEMA pbx112", "ALL FUNCTIONS IN SCHEMA pbx112"):
        await db.execute(f"REVOKE ALL ON {what} FROM {roles}")
    assert await rights() != before
    assert await migrate(dsn) == []
    assert await rights() == before
    await db.execute("REVOKE ALL ON SCHEMA pbx112 FROM pbx112_keeper")
    steps: list[str] = []
    await migrate(dsn, steps.append)
    assert await rights() == before
    assert "rights: pbx112_keeper" in steps


async def test_roles_that_were_made_later_get_it_by_an_upgrade_too(
    server: Postgres, empty_database: str, db: asyncpg.Connection
) -> None:
    """Made after the files of the version before, given their rights by the migrate of this one: at once."""
    dsn = server.dsn_of(empty_database)
    before = [migration for migration in shipped() if migration.number < 101]
    await migrate(dsn, migrations=before)
    connection = await asyncpg.connect(dsn)
    try:
        for what in ("SCHEMA pbx112", "ALL TABLES IN SCHEMA pbx112", "ALL FUNCTIONS IN SCHEMA pbx112"):
            await connection.execute(
                f"REVOKE ALL ON {what} FROM pbx112_writer, pbx112_auditor, pbx112_unmasked"
            )
        steps: list[str] = []
        await migrate(dsn, steps.append)
        upgraded, fresh = await connection.fetch(RIGHTS), await db.fetch(RIGHTS)
    finally:
        await connection.close()
    assert {(row["what"], row["name"], frozenset(row["acl"])) for row in upgraded} == {
        (row["what"], row["name"], frozenset(row["acl"])) for row in fresh
    }
    assert "rights: pbx112_auditor, pbx112_unmasked, pbx112_writer" in steps


async def test_records_of_before_move_into_their_months(server: Postgres, empty_database: str) -> None:
    """0020: what an older version had written stands as it stood; what staff did comes by rebuilding."""
    dsn = server.dsn_of(empty_database)
    await migrate(dsn, migrations=[migration for migration in shipped() if migration.number < 20])
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "INSERT INTO pbx112.call SELECT 'c' || n, gen_random_uuid(), 'kaur', 'daemon', '0812', NULL, false,"
            " '112', '', arrived, NULL, NULL, arrived + interval '1 min', 'unanswered', 'caller', 60, 0,"
            " NULL, NULL, NULL, 0, 1, 'p', 0, 1, 9 FROM"
            " (SELECT n, timestamptz '2026-05-01Z' + n * interval '20 days' AS arrived FROM generate_series(0, 3) n) a"
        )
        await connection.execute(
            "INSERT INTO pbx112.leg SELECT call_id, 1, 'damkar', '2101', 'extension', NULL, 'PJSIP/2101', 1,"
            " arrived_at, NULL, NULL, NULL, ended_at, 'no_answer', NULL, NULL, '', 20, 0, 'p' FROM pbx112.call"
        )
        notices: list[str] = []
        await migrate(dsn, notices.append)
        rows = await connection.fetch(
            "SELECT c.tableoid::regclass::text AS month, c.call_id, l.result FROM pbx112.call c"
            " JOIN pbx112.leg l USING (call_id, arrived_at) ORDER BY c.arrived_at"
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [
        ("pbx112.call_2026_05", "c0", "no_answer"),
        ("pbx112.call_2026_05", "c1", "no_answer"),
        ("pbx112.call_2026_06", "c2", "no_answer"),
        ("pbx112.call_2026_06", "c3", "no_answer"),
    ]
    assert any("pbx112 rebuild" in notice for notice in notices)


async def test_details_that_stood_twice_and_those_that_stand_once_read_the_same(
    server: Postgres, empty_database: str
) -> None:
    """0080: every view says of the rows of an older version what it said, and of the same events written now too."""
    dsn = server.dsn_of(empty_database)
    await migrate(dsn, migrations=[migration for migration in shipped() if migration.number < 80])
    connection = await asyncpg.connect(dsn)
    told = (
        ("CallerDescribed", '{"identity": "<sip:0812@a>", "place": "Bintuhan", "latitude": -4.8}'),
        ("CallArrived", '{"caller": "+62812", "caller_raw": "0812", "nuisance": 3}'),
        ("CallTransferred", '{"by": 1, "to": "13", "owner": "damkar", "line": "2101"}'),
        ("ListenStarted", '{"by": "1109", "line": "1101", "leg": 1, "channel": "x"}'),
        ("LegOffered", '{"leg": 1, "target": {"owner": "kab", "number": "9", "neighbour": true}}'),
        ("LinesSeen", '{"first": true, "lines": [{"owner": "damkar", "number": "2101", "state": "free"}]}'),
    )
    views = (
        "caller_description",
        "events",
        "nuisance",
        "transfer",
        "listening",
        "across_border",
        "line_watch",
    )

    async def seen() -> Counter[str]:
        found = Counter[str]()
        for view in views:
            whose = "'{journal_id,seq,call_id,node}'::text[]"
            rows = await connection.fetch(f"SELECT to_jsonb(v) - {whose} AS row FROM pbx112.{view} v")
            assert rows, view
            found.update(f"{view} {row['row']}" for row in rows)
        return found

    async def tell(call: str, *, twice: bool) -> None:
        for seq, (kind, body) in enumerate(told, 1):
            await connection.execute(
                "INSERT INTO pbx112.event (journal_id, seq, call_id, at, mono_ns, plan, kind, body, raw, hash, node)"
                " VALUES (md5($1)::uuid, $2, $1, '2026-05-01Z', 0, 'p', $3, $4, $5, sha256('x'), $1)",
                *(call, seq, kind, body if twice else None, body.encode()),
            )

    try:
        await tell("before", twice=True)
        before = await seen()
        await migrate(dsn)
        assert await seen() == before
        await tell("now", twice=False)
        assert await seen() == before + before
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.execute(
                "INSERT INTO pbx112.event SELECT journal_id, 99, call_id, at, 0, plan, kind, NULL, 'no JSON', hash,"
                " node FROM pbx112.event LIMIT 1"
            )
    finally:
        await connection.close()


async def test_an_applied_file_that_was_changed_is_named(dsn: str) -> None:
    first, *rest = shipped()
    forged = [Migration(first.number, first.name, first.sql + "-- a change"), *rest]
    with pytest.raises(MigrationError, match=first.name):
        await migrate(dsn, migrations=forged)


async def test_a_file_that_fails_leaves_the_database_as_it_was(dsn: str, db: asyncpg.Connection) -> None:
    broken = Migration(
        9000, "9000_broken.sql", "CREATE TABLE pbx112.half (x int); SELECT no_such_function();"
    )
    with pytest.raises(MigrationError, match="9000_broken"):
        await migrate(dsn, migrations=[*shipped(), broken])
    assert await db.fetchval("SELECT to_regclass('pbx112.half')") is None
    assert await pending(dsn) == []


async def test_an_account_without_rights_is_told_what_to_do(server: Postgres, empty_database: str) -> None:
    await server.add_account(f"poor_{empty_database}")
    with pytest.raises(MigrationError, match="may create in this database"):
        await migrate(server.dsn_of(empty_database, f"poor_{empty_database}"))


async def test_an_account_that_may_not_make_roles_gets_its_schema_and_a_notice(
    server: Postgres, empty_database: str
) -> None:
    """The roles are renamed away, as on a server that never saw pbx112."""
    name = f"modest_{empty_database}"
    await server.add_account(name)
    admin = await asyncpg.connect(server.dsn_of(empty_database))
    roles = [f"pbx112_{name}" for name in ("owner", "writer", "auditor", "unmasked", "keeper")]
    await admin.execute(f"GRANT CREATE ON DATABASE {empty_database} TO {name}")
    there = [r for r in roles if await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", r)]
    for role in there:
        await admin.execute(f"ALTER ROLE {role} RENAME TO away_{role}")
    try:
        notices: list[str] = []
        assert await migrate(server.dsn_of(empty_database, name), notices.append)
        assert all(any(f"role {role} is missing" in notice for notice in notices) for role in roles)
        assert await admin.fetchval("SELECT pbx112.ensure_partitions()") == 0
    finally:
        for role in there:
            await admin.execute(f"ALTER ROLE away_{role} RENAME TO {role}")
        await admin.close()


async def test_everything_in_the_schema_is_explained_in_both_languages(db: asyncpg.Connection) -> None:
    silent = await db.fetch(
        """
        WITH things AS (
            SELECT c.relname AS name, obj_description(c.oid, 'pg_class') AS words
            FROM pg_class c WHERE relnamespace = 'pbx112'::regnamespace AND relkind IN ('r', 'p', 'v')
            UNION ALL
            SELECT c.relname || '.' || a.attname, col_description(c.oid, a.attnum)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE relnamespace = 'pbx112'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT c.relispartition
            UNION ALL
            SELECT proname, obj_description(oid, 'pg_proc') FROM pg_proc WHERE pronamespace = 'pbx112'::regnamespace
            UNION ALL
            SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'pbx112'
        )
        SELECT name FROM things WHERE words IS NULL OR words NOT LIKE '% / %'
        """
    )
    assert [row["name"] for row in silent] == []
