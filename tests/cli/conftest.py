from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pbx112.cli import app
from tests.ari.asterisk import PASSWORD, USER
from tests.cdr.conftest import database, dsn, empty_database, server
from tests.cli.exchange import ADDRESS, AMI_PASSWORD, AMI_PORT, PLAN, READER_PASSWORD, Office

__all__ = ["database", "dsn", "empty_database", "server"]

SECRETS = (PASSWORD, AMI_PASSWORD, READER_PASSWORD, "top-secret-9")

Pbx112 = Callable[..., Result]


def safe(output: str) -> str:
    """What a command printed, once it is sure that it holds no traceback, no secret and no colour."""
    assert "Traceback" not in output
    assert "\x1b" not in output
    for secret in SECRETS:
        assert secret not in output
    return output


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office's settings, everything in the test's own folder; no Postgres unless the test sets one."""
    for name in [name for name in os.environ if name.startswith("PBX112_")]:
        monkeypatch.delenv(name)
    plan = tmp_path / "agencies.yaml"
    plan.write_text(PLAN)
    settings = {
        "AGENCIES": plan,
        "JOURNAL": tmp_path / "state" / "journal.db",
        "DIALPLAN": tmp_path / "etc" / "pbx112.conf",
        "FALLBACK_RECORDS": "/mnt/log/fallback.csv",
        "ARI_URL": f"http://{ADDRESS}:8088",
        "ARI_USER": USER,
        "ARI_PASSWORD": PASSWORD,
        "AMI_HOST": ADDRESS,
        "AMI_PORT": AMI_PORT,
        "AMI_PASSWORD": AMI_PASSWORD,
    }
    (tmp_path / "etc").mkdir()
    for name, value in settings.items():
        monkeypatch.setenv(f"PBX112_{name}", str(value))


@pytest.fixture
def pbx112() -> Pbx112:
    """Run a command; its output is checked for what must never be in it."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        safe(result.output)
        return result

    return run


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One Asterisk for all tests of the command line; its dialplan is loaded by the tests."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.start()
    yield office
    office.stop()
