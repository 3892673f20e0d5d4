from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import TypeVar

import pytest

from pbx112.ari import ALL, AriClient, AriSettings, AsteriskInfo, Event

from .asterisk import Asterisk

E = TypeVar("E", bound=Event)


class Listener:
    """A handler that remembers what it was told and lets a test await it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.connects: list[AsteriskInfo] = []
        self.disconnects: list[str] = []
        self._news = asyncio.Event()

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def on_connect(self, info: AsteriskInfo) -> None:
        self.connects.append(info)
        self._news.set()

    def on_disconnect(self, reason: str) -> None:
        self.disconnects.append(reason)
        self._news.set()

    async def until(self, condition: Callable[[], bool], within: float = 10) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def event(
        self, kind: type[E], which: Callable[[E], bool] = lambda _: True, within: float = 10
    ) -> E:
        def found() -> list[E]:
            return [event for event in self.events if isinstance(event, kind) and which(event)]

        await self.until(lambda: bool(found()), within)
        return found()[0]


@contextlib.asynccontextmanager
async def running(client: AriClient) -> AsyncIterator[asyncio.Task[None]]:
    """The client at work, stopped at the end."""
    task = asyncio.create_task(client.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def connected(
    settings: AriSettings, events: Collection[type[Event]] = ALL
) -> AsyncIterator[tuple[AriClient, Listener]]:
    """A client that has connected, with its listener."""
    listener = Listener()
    client = AriClient(settings, listener, events=events)
    async with running(client):
        await listener.until(lambda: bool(listener.connects))
        yield client, listener


@pytest.fixture
def app() -> str:
    """An application's name that no other test has used."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    """An Asterisk that all tests share; each under an application of its own."""
    asterisk = Asterisk(tmp_path_factory.mktemp("asterisk"))
    await asterisk.start()
    yield asterisk
    await asterisk.kill()


@pytest.fixture
async def own_asterisk(tmp_path: Path) -> AsyncIterator[Asterisk]:
    """An Asterisk that the test may stop and start."""
    asterisk = Asterisk(tmp_path / "asterisk")
    await asterisk.start()
    yield asterisk
    await asterisk.kill()


@pytest.fixture(params=["http", "websocket"])
async def both(
    request: pytest.FixtureRequest, asterisk: Asterisk, app: str
) -> AsyncIterator[tuple[AriClient, Listener]]:
    """A connected client, once with requests over HTTP and once over the WebSocket."""
    async with connected(asterisk.settings(app, transport=request.param)) as pair:
        yield pair
