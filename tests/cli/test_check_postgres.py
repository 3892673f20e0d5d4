"""The administrator asks `pbx112 check` about a real Postgres, and brings it up to date with `pbx112 migrate`."""

from __future__ import annotations

import asyncio
import itertools

import asyncpg
import pytest

from lab.postgres import Postgres
from tests.cli.conftest import Pbx112

_numbers = itertools.count(1)


def as_admin(dsn: str, statement: str) -> None:
    """Run a statement as the server's owner."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def test_migrations_are_missing_then_applied_once(
    server: Postgres, empty_database: str, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(empty_database))
    before = pbx112("check", "--only", "postgres")
    assert before.exit_code == 1
    assert "✗ migrations are missing: 0001_roles.sql, 0002_records.sql" in before.output
    assert "`pbx112 migrate`" in before.output

    first = pbx112("migrate")
    assert first.exit_code == 0
    assert "0002_records.sql" in first.output
    assert "migrations applied: the tables are up to date" in first.output

    second = pbx112("migrate")
    assert second.exit_code == 0
    assert second.output == "nothing to do: the tables are up to date\n"
    assert "✓ all migrations are applied" in pbx112("check", "--only", "postgres").output


def test_the_daemons_account_may_add_and_not_delete(
    server: Postgres, database: str, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, stranger = f"cli_writer{next(_numbers)}", f"cli_stranger{next(_numbers)}"
    asyncio.run(server.add_account(writer, "pbx112_writer"))
    asyncio.run(server.add_account(stranger, "pbx112_auditor"))
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database, writer))
    fit = pbx112("check", "--only", "postgres")
    assert fit.exit_code == 0
    assert f"✓ account '{writer}' may add records" in fit.output
    assert fit.output.splitlines()[-1] == "0 errors, 0 doubts"

    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database, stranger))
    unfit = pbx112("check", "--only", "postgres")
    assert unfit.exit_code == 1
    assert f"✗ account '{stranger}' may not add records (event, call, leg, stage," in unfit.output

    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database))
    mighty = pbx112("check", "--only", "postgres")
    assert mighty.exit_code == 0
    assert "! account 'postgres' may also delete records" in mighty.output


def test_a_migration_that_was_changed_afterwards(
    server: Postgres, database: str, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_admin(server.dsn_of(database), "UPDATE pbx112.migration SET checksum = 'other' WHERE number = 2")
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database))
    checked = pbx112("check", "--only", "postgres")
    assert checked.exit_code == 1
    assert "✗ sql/0002_records.sql was changed after it had been applied" in checked.output
    migrated = pbx112("migrate")
    assert migrated.exit_code == 1
    assert migrated.stderr.startswith("sql/0002_records.sql was changed after it had been applied")


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("postgresql://pbx112:top-secret-9@127.117.0.99:5999/pbx112", "Postgres cannot be reached"),
        (
            "postgresql://pbx112:top-secret-9@127.117.0.99:top-secret-9/x",
            "PBX112_DSN cannot be used as it is",
        ),
        ("host=127.117.0.99 password=top-secret-9", "PBX112_DSN cannot be used as it is"),
        ("postgresql://pbx112:CHANGE-ME@127.117.0.99:5999/pbx112", "still the example's password"),
    ],
)
def test_a_database_that_cannot_be_reached(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, dsn: str, says: str
) -> None:
    monkeypatch.setenv("PBX112_DSN", dsn)
    checked = pbx112("check", "--only", "postgres")
    assert checked.exit_code == 1
    assert says in checked.output
    migrated = pbx112("migrate")
    assert migrated.exit_code == 1
    assert len(migrated.stderr.splitlines()) == 1


def test_a_database_and_an_account_that_do_not_exist(
    server: Postgres, database: str, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_DSN", server.dsn_of("nowhere"))
    assert 'database "nowhere" does not exist; create it' in pbx112("migrate").stderr
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database, "nobody_here"))
    assert "nobody_here" in pbx112("migrate").stderr


def test_an_auditor_who_needs_more_is_told_of_which_role(
    server: Postgres, database: str, pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = f"cli_reader{next(_numbers)}"
    asyncio.run(server.add_account(reader, "pbx112_auditor"))
    monkeypatch.setenv("PBX112_DSN", server.dsn_of(database, reader))
    result = pbx112("rebuild", "--check")
    assert result.exit_code == 1 and "pbx112_unmasked" in result.output


def test_no_database_is_a_doubt_for_the_service_and_an_error_for_migrate(pbx112: Pbx112) -> None:
    checked = pbx112("check", "--only", "postgres")
    assert checked.exit_code == 0
    assert "! PBX112_DSN is not set: records stay in the journal" in checked.output
    migrated = pbx112("migrate")
    assert migrated.exit_code == 78
    assert "PBX112_DSN is not set" in migrated.stderr
