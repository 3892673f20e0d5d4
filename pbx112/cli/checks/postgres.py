"""Postgres: reachable, new enough, migrated, with the rights the daemon needs and no more, and of the same time."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import asyncpg

from pbx112.cdr import MigrationError, pending
from pbx112.cdr.derived import TABLES
from pbx112.cdr.trouble import connected
from pbx112.cli.checks.findings import CHOOSE_ONE, Section, is_example
from pbx112.cli.database import REFUSALS, explain
from pbx112.settings import Settings

SECONDS = 5.0
OLDEST = 14
"""The first Postgres whose `extract` is exact, which the chain of hashes needs."""
CLOCKS_APART = 2.0
"""Seconds."""

RETENTION_AT_LEAST = timedelta(days=3)
"""Without a run for so long, the timer does not run."""

_TABLES = ("event", *TABLES)


async def check_postgres(settings: Settings) -> Section:
    """All that the database tells. Bounded: 5 s for each of two connections."""
    section = Section("Postgres")
    if settings.dsn is None:
        remedy = "set it to postgresql://USER:PASSWORD@HOST/DATABASE; what waits is shipped then"
        section.doubt("PBX112_DSN is not set: records stay in the journal", remedy)
        return section
    dsn = settings.dsn.get_secret_value()
    if is_example(dsn):
        section.wrong("PBX112_DSN has still the example's password", CHOOSE_ONE)
    try:
        async with asyncio.timeout(SECONDS):
            connection = await connected(dsn, timeout=SECONDS, command_timeout=SECONDS)
            try:
                await _look(section, connection)
            finally:
                connection.terminate()
        async with asyncio.timeout(SECONDS):
            await _migrations(section, dsn)
    except REFUSALS as error:
        what, _, remedy = explain(error).rpartition("; ")
        section.wrong(what, remedy)
    return section


async def _look(section: Section, connection: asyncpg.Connection) -> None:
    version = connection.get_server_version()
    text = f"{version.major}.{version.minor}"
    if version.major < OLDEST:
        section.wrong(f"Postgres {text} is too old", f"install {OLDEST} or newer")
    else:
        section.right(f"Postgres {text}")
    before = time.time()
    theirs = (await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")) or 0.0
    after = time.time()
    apart = max(before - theirs, theirs - after, 0.0)
    if apart > CLOCKS_APART:
        remedy = "let both keep time by NTP (`timedatectl`, `chronyc tracking`)"
        section.doubt(f"this machine's clock and Postgres' are {apart:.1f} s apart", remedy)
    else:
        section.right("this machine's clock and Postgres' agree")


async def _migrations(section: Section, dsn: str) -> None:
    try:
        missing = await pending(dsn)
    except MigrationError as error:
        what, _, remedy = str(error).partition("; ")
        section.wrong(what, remedy)
        return
    except asyncpg.InsufficientPrivilegeError as error:
        section.wrong(f"this account may not read the records ({error})", "GRANT pbx112_writer TO it")
        return
    if missing:
        names = ", ".join(missing)
        section.wrong(
            f"migrations are missing: {names}", "`pbx112 migrate`, as an account that may create tables"
        )
        return
    section.right("all migrations are applied")
    connection = await connected(dsn, timeout=SECONDS, command_timeout=SECONDS)
    try:
        await _rights(section, connection)
        await _retention(section, connection)
    finally:
        connection.terminate()


async def _rights(section: Section, connection: asyncpg.Connection) -> None:
    user = await connection.fetchval("SELECT current_user")
    may: dict[str, list[str]] = {}
    for right in ("INSERT", "DELETE"):
        query = "SELECT has_table_privilege($1, $2)"
        may[right] = [t for t in _TABLES if await connection.fetchval(query, f"pbx112.{t}", right)]
    lacking = [table for table in _TABLES if table not in may["INSERT"]]
    if lacking:
        section.wrong(
            f"account {user!r} may not add records ({', '.join(lacking)})", f"GRANT pbx112_writer TO {user}"
        )
    else:
        section.right(f"account {user!r} may add records")
    if may["DELETE"]:
        remedy = (
            "give the daemon an account with nothing but pbx112_writer; owner and superuser are for `migrate`"
        )
        section.doubt(f"account {user!r} may also delete records, which an auditor will ask about", remedy)


async def _retention(section: Section, connection: asyncpg.Connection) -> None:
    """Whether what is due leaves, where there is anything that may be due."""
    if not await connection.fetchval("SELECT has_table_privilege('pbx112.retention_run', 'SELECT')"):
        return
    row = await connection.fetchrow(
        "SELECT (SELECT min(arrived_at) < now() - interval '35 days' FROM pbx112.calls) AS old,"
        " (SELECT max(began_at) FROM pbx112.retention_run) AS last, now() AS now"
    )
    if row is None or not row["old"]:
        return
    if row["last"] is None or row["now"] - row["last"] > RETENTION_AT_LEAST:
        since = "ever" if row["last"] is None else f"since {row['last']:%Y-%m-%d}"
        remedy = "`systemctl enable --now pbx112-retention.timer`, see docs/admin"
        section.doubt(
            f"no retention was carried out {since}: records are kept for longer than they may be", remedy
        )
    else:
        section.right(f"retention was last carried out on {row['last']:%Y-%m-%d}")
