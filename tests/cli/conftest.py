from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.network import AMI, ARI, Network, free_net
from pbx112.cdr import Shipper
from pbx112.cli import app
from pbx112.journal import Draft, Journal
from pbx112.plan.load import parse_plan
from pbx112.sounds import texts
from tests.ari.asterisk import PASSWORD, USER
from tests.cdr import calls
from tests.cli.exchange import AMI_PASSWORD, PLAN, READER_PASSWORD, Office

SECRETS = (PASSWORD, AMI_PASSWORD, READER_PASSWORD, "top-secret-9")

Pbx112 = Callable[..., Result]
Write = Callable[..., None]


def safe(output: str) -> str:
    """What a command printed, once it is sure that it holds no traceback, no secret and no colour."""
    assert "Traceback" not in output
    assert "\x1b" not in output
    for secret in SECRETS:
        assert secret not in output
    return output


@pytest.fixture(scope="session")
def network() -> Network:
    """The office's addresses."""
    return Network(free_net())


@pytest.fixture(autouse=True)
def environment(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        "ARI_URL": f"http://{network.exchange}:{ARI}",
        "ARI_USER": USER,
        "ARI_PASSWORD": PASSWORD,
        "AMI_HOST": network.exchange,
        "AMI_PORT": AMI,
        "AMI_PASSWORD": AMI_PASSWORD,
        "WATCH_HOST": network.exchange,
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
async def office(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """One Asterisk for all tests of the command line; its dialplan is loaded by the tests."""
    office = Office(tmp_path_factory.mktemp("office"), network)
    prompts = office.sounds / "pbx112"
    prompts.mkdir()
    for key in texts(parse_plan(PLAN, "agencies.yaml").plan):
        with wave.open(str(prompts / f"{key}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(1600))
    await office.start()
    yield office
    await office.stop()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write drafts to the journal as the daemon would, and ship them where `dsn` is given."""

    def run(drafts: Sequence[Draft], dsn: str | None = None) -> None:
        asyncio.run(_write(tmp_path / "state" / "journal.db", drafts, dsn))

    return run


async def _write(path: Path, drafts: Sequence[Draft], dsn: str | None) -> None:
    journal = await Journal.open(path, closing=["CallEnded"], gap=calls.gap, on_alarm=pytest.fail)
    try:
        await journal.append(drafts)
        if dsn is not None:
            shipper = Shipper(journal, dsn, "node", pytest.fail)
            shipping = asyncio.create_task(shipper.run())
            assert await shipper.flush(10)
            shipping.cancel()
            await asyncio.gather(shipping, return_exceptions=True)
    finally:
        await journal.close()
