"""Brings the records' schema up to date: the numbered files in `sql/`, each once, each in a transaction.

Several daemons and administrators may try at once: a lock in the database lets one after the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from pbx112.cdr.trouble import connected

_LOCK = 0x70627831_31320001  # any number that nobody else in this database uses
_LOCK_SECONDS = 30
_MOST_SECONDS = 3600  # one file's
_ROLES = ("pbx112_writer", "pbx112_auditor", "pbx112_unmasked", "pbx112_keeper")
_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")

_BEGINNING = """
CREATE SCHEMA IF NOT EXISTS pbx112;
CREATE TABLE IF NOT EXISTS pbx112.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT current_user
);
"""

_RIGHTS = re.compile(r"^DO \$\$$.*?^\$\$;$", re.DOTALL | re.MULTILINE)
"""A part of a file that gives each role its rights where that role is there; all of them together may be repeated."""

# Whom no file has given its rights: made after them, by somebody else.
_LATE = """
SELECT rolname::text FROM pg_catalog.pg_roles r WHERE rolname = ANY($1) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
    WHERE n.nspname = 'pbx112' AND a.grantee = r.oid AND a.privilege_type = 'USAGE')
UNION ALL
SELECT 'pbx112_owner' FROM pg_catalog.pg_roles o, pg_catalog.pg_namespace n
WHERE o.rolname = 'pbx112_owner' AND n.nspname = 'pbx112' AND n.nspowner <> o.oid
ORDER BY 1
"""

_ABSENT = """
SELECT name FROM unnest($1::text[]) name
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) ORDER BY name
"""

# Everything in the schema belongs to pbx112_owner, where that role exists and this account may hand it over.
_HAND_OVER = """
DO $$
DECLARE
    item record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pbx112_owner') THEN
        RETURN;
    END IF;
    IF NOT pg_has_role(current_user, 'pbx112_owner', 'MEMBER') THEN
        EXECUTE 'GRANT pbx112_owner TO CURRENT_USER';
    END IF;
    FOR item IN
        SELECT format('TABLE pbx112.%I', relname) AS name FROM pg_catalog.pg_class
        WHERE relnamespace = 'pbx112'::regnamespace AND relkind IN ('r', 'p')
            AND relowner <> 'pbx112_owner'::regrole
        UNION ALL
        SELECT format('VIEW pbx112.%I', relname) FROM pg_catalog.pg_class
        WHERE relnamespace = 'pbx112'::regnamespace AND relkind = 'v' AND relowner <> 'pbx112_owner'::regrole
        UNION ALL
        SELECT format('FUNCTION %s', oid::regprocedure) FROM pg_catalog.pg_proc
        WHERE pronamespace = 'pbx112'::regnamespace AND proowner <> 'pbx112_owner'::regrole
        UNION ALL
        SELECT 'SCHEMA pbx112' FROM pg_catalog.pg_namespace
        WHERE nspname = 'pbx112' AND nspowner <> 'pbx112_owner'::regrole
    LOOP
        EXECUTE format('ALTER %s OWNER TO pbx112_owner', item.name);
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'the schema stays with %, which may not hand it to pbx112_owner', current_user;
END
$$;
"""


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """The migrations that came with this version, in order."""
    files = (resources.files("pbx112") / "sql").iterdir()
    named = [(match, file) for file in files if (match := _NAME.match(file.name))]
    found = [Migration(int(match[1]), file.name, file.read_text(encoding="utf-8")) for match, file in named]
    return sorted(found, key=lambda migration: migration.number)


async def migrate(
    dsn: str,
    on_step: Callable[[str], None] = lambda _: None,
    migrations: Sequence[Migration] | None = None,
) -> list[str]:
    """Apply what is missing in the database at `dsn`; returns the names of the files applied.

    `on_step` is told each file before it runs, and each notice of the server. Waits half a minute while another
    process migrates, then raises :class:`asyncpg.LockNotAvailableError`. Raises :class:`MigrationError` where an
    applied file was changed since, where a file fails (the database is then as before it), and where this account
    may not create the schema. Roles that were made after the files were applied are given their rights.
    """
    connection = await _connect(dsn)
    connection.add_log_listener(lambda _, message: on_step(str(message.message)))
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if await connection.fetchval("SELECT to_regclass('pbx112.migration')") is None:
            await _run(connection, "the schema", _BEGINNING)
        known = shipped() if migrations is None else migrations
        missing = await _missing(connection, known)
        for migration in missing:
            on_step(migration.name)
            async with connection.transaction():
                await _run(connection, migration.name, migration.sql)
                await connection.execute(
                    "INSERT INTO pbx112.migration (number, name, checksum) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.checksum,
                )
        late = [row[0] for row in await connection.fetch(_LATE, _ROLES)]
        if late and (not missing or late != ["pbx112_owner"]):  # who is owner is said below
            on_step(f"rights: {', '.join(late)}")
            async with connection.transaction():
                await _run(connection, f"the rights of {', '.join(late)}", _rights(known))
        if missing or late:
            await connection.execute(_HAND_OVER)
        if absent := await connection.fetch(_ABSENT, ("pbx112_owner", *_ROLES)):
            names = ", ".join(row[0] for row in absent)
            on_step(
                f"without {names} there is nobody to give rights to: once made, run `pbx112 migrate` again"
            )
        return [migration.name for migration in missing]
    finally:
        await connection.close()


def _rights(migrations: Sequence[Migration]) -> str:
    """What the files say of rights, in their order; a later one may take away what an earlier one gave."""
    parts = (part for migration in migrations for part in _RIGHTS.findall(migration.sql))
    return "\n".join(part for part in parts if "pg_catalog.pg_roles" in part)


async def pending(dsn: str) -> list[str]:
    """The files that :func:`migrate` would apply. Raises :class:`MigrationError` where an applied one changed."""
    connection = await _connect(dsn)
    try:
        if await connection.fetchval("SELECT to_regclass('pbx112.migration')") is None:
            return [migration.name for migration in shipped()]
        return [migration.name for migration in await _missing(connection, shipped())]
    finally:
        await connection.close()


async def _connect(dsn: str) -> asyncpg.Connection:
    """With a bound on waiting for a lock, and on a server that says nothing at all."""
    settings = {"application_name": "pbx112 migrate", "lock_timeout": f"{_LOCK_SECONDS * 1000}"}
    return await connected(dsn, timeout=10, command_timeout=_MOST_SECONDS, server_settings=settings)


async def _missing(connection: asyncpg.Connection, migrations: Sequence[Migration]) -> list[Migration]:
    rows = await connection.fetch("SELECT number, name, checksum FROM pbx112.migration")
    applied = {row["number"]: row for row in rows}
    missing = []
    for migration in migrations:
        row = applied.get(migration.number)
        if row is None:
            missing.append(migration)
        elif row["checksum"] != migration.checksum:
            raise MigrationError(
                f"sql/{migration.name} was changed after it had been applied (as {row['name']}); "
                "restore the file as released, and put the change into a new number"
            )
    return missing


async def _run(connection: asyncpg.Connection, name: str, sql: str) -> None:
    try:
        await connection.execute(sql)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"{name}: {error}; run `pbx112 migrate` as an account that may create in this database"
        ) from None
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{name}: {error}") from None
