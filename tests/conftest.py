"""One real Postgres for all tests that want one; a database of its own for each of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from lab.network import free_net
from lab.postgres import Postgres
from pbx112.cdr import migrate

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """Started once; stopped and started again by the tests that want to."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), f"{free_net()}.0.1")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def empty_database(server: Postgres) -> str:
    """A new database's name."""
    name = f"test{next(_numbers)}"
    await server.create_database(name)
    return name


@pytest.fixture(scope="session")
async def migrated(server: Postgres) -> str:
    """The name of a migrated database that nobody uses: the pattern for all others."""
    await server.create_database("pattern")
    await migrate(server.dsn_of("pattern"))
    return "pattern"


@pytest.fixture
async def database(server: Postgres, migrated: str) -> str:
    """A migrated database's name."""
    name = f"test{next(_numbers)}"
    await server.create_database(name, like=migrated)
    return name


@pytest.fixture
def dsn(server: Postgres, database: str) -> str:
    """A migrated database of the test's own, as its owner."""
    return server.dsn_of(database)
