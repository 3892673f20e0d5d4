"""Journals that know nothing of 112: their subjects are parcels, which are sent, and closed when delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pbx112.journal import Draft, Journal, Limits

CLOSING = {"Delivered"}


def sent(subject: str, kind: str = "Sent", body: bytes = b"{}", utc_us: int = 1_000_000) -> Draft:
    return Draft(subject, utc_us, 7, "plan", kind, body)


def gap(lost: int, reason: str) -> Draft:
    return Draft("", 0, 0, "", "Gap", f'{{"lost":{lost},"reason":"{reason}"}}'.encode())


class Opener:
    """Opens journals at one path and closes them at the test's end; keeps the alarms."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.alarms: list[str] = []

    @asynccontextmanager
    async def opened(self, limits: Limits | None = None) -> AsyncIterator[Journal]:
        journal = await Journal.open(
            self.path, closing=CLOSING, gap=gap, on_alarm=self.alarms.append, limits=limits
        )
        try:
            yield journal
        finally:
            await journal.close()


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    return Opener(tmp_path / "state" / "journal.db")


@pytest.fixture
async def journal(opener: Opener) -> AsyncIterator[Journal]:
    async with opener.opened() as journal:
        yield journal


Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
