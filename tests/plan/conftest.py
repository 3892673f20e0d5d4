"""An exchange without a daemon, shared by the stories of the fallback."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fallback_exchange import Exchange


@pytest.fixture(scope="session")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    exchange = Exchange(tmp_path_factory.mktemp("asterisk"))
    try:
        await exchange.start()
        yield exchange
    finally:
        await exchange.stop()


@pytest.fixture
async def exchange(asterisk: Exchange) -> AsyncIterator[Exchange]:
    """The exchange; afterwards no channel is left."""
    yield asterisk
    await asterisk.quiet()


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts of a fifth of a second."""
    folder = tmp_path_factory.mktemp("sounds")
    for name in "menu", "menu_incident_1", "menu_incident_2", "accept", "all_failed":
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(3200))
    return folder
