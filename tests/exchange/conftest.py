"""A whole exchange for the stories: real Asterisk, Postgres, daemon and SIP phones, on a net of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from lab.exchange import Exchange
from lab.network import free_net

PLAN = Path(__file__).parent.parent.parent / "agencies.yaml"

_running: list[Exchange] = []


@pytest.fixture(scope="session")
async def whole_exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    """An exchange with the example plan, up for the whole session."""
    async with Exchange(tmp_path_factory.mktemp("exchange"), PLAN.read_text(), net=free_net()) as exchange:
        _running.append(exchange)
        yield exchange
        _running.remove(exchange)


@pytest.fixture
async def exchange(whole_exchange: Exchange) -> AsyncIterator[Exchange]:
    """The exchange, with its daemon and database up and no call in it; without phones until the test puts some."""
    await whole_exchange.daemon.start()
    yield whole_exchange
    await whole_exchange.hang_up_all()
    await whole_exchange.phones({})
    await whole_exchange.start_postgres()
    await whole_exchange.daemon.start()
    await whole_exchange.quiet()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the exchange said, beside a failure."""
    report = yield
    if report.failed:
        for running in _running:
            for name, words in running.last_words().items():
                report.sections.append((name, words))
    return report
