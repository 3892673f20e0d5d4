"""A small part of `make matrix`: the records on the Postgres of Debian 12; and a combination that fails is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg

from lab import matrix, versions
from lab.postgres import Postgres, programs
from lab.versions import OLDER_POSTGRES, said

RECORDS = (
    "tests/test_matrix.py::test_the_server_is_the_one_that_was_asked_for",
    *(f"tests/cdr/test_{what}.py" for what in ("migrate", "record")),
    "tests/cdr/test_ship.py::test_a_call_stands_in_postgres_as_it_was",
    "tests/audit/test_verify.py::test_what_nobody_touched_is_whole",
)


async def test_the_server_is_the_one_that_was_asked_for(
    server: Postgres, record_testsuite_property: Any
) -> None:
    connection = await asyncpg.connect(server.dsn_of("postgres"))
    try:
        serves = str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()
    record_testsuite_property("postgres", serves)
    assert serves == said(programs() / "postgres", "--version")


def test_the_records_stand_in_the_older_postgres(tmp_path: Path) -> None:
    outcome = matrix.run(matrix.Combination(postgres=OLDER_POSTGRES), RECORDS, tmp_path)
    assert (outcome.trouble, outcome.failed) == ("", []), Path(outcome.log).read_text()[-4000:]
    assert outcome.versions["postgres"].startswith(f"{OLDER_POSTGRES}.")
    assert outcome.good and outcome.passed > len(RECORDS)


def test_what_fails_and_what_is_not_here_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "def test_good(): pass\ndef test_bad(): assert False\ndef test_worse(): assert 0"
    )
    outcome = matrix.run(matrix.Combination(), [str(tmp_path / "test_one.py")], tmp_path / "log")
    assert not outcome.good and not outcome.missing
    assert [name.partition("::")[2] for name in outcome.failed] == ["test_bad", "test_worse"]
    nobody = matrix.run(matrix.Combination(python=99), ["tests"], tmp_path / "log")
    assert nobody.missing and "no python3.99 on the path" in nobody.trouble
    assert versions.postgres(99) is None
