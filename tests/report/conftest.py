from __future__ import annotations

import pytest

from lab.postgres import Postgres
from pbx112.cdr import migrate
from tests.report import november


@pytest.fixture(scope="session")
async def november_dsn(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A masked auditor's account of a database that holds November 2026."""
    await server.create_database("november")
    await migrate(server.dsn_of("november"))
    await november.ship(server.dsn_of("november"), tmp_path_factory.mktemp("november"))
    await server.add_account("november_auditor", "pbx112_auditor")
    return server.dsn_of("november", "november_auditor")
