"""An orderly stop waits for nobody who is connected: a supervisor listens for hours, a verification takes minutes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pbx112.desk import DeskServer
from pbx112.switch.ledger import Ledger
from pbx112.switch.switch import Switch
from pbx112.verify import OrderServer

HOST = "127.112.77.1"


@pytest.fixture(autouse=True)
def waits_for_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Server.wait_closed` as it is from Python 3.12.1 on (gh-104344)."""

    async def wait_closed(server: asyncio.base_events.Server) -> None:
        while server._active_count:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)

    if sys.version_info < (3, 12):
        monkeypatch.setattr(asyncio.base_events.Server, "wait_closed", wait_closed)


def switch() -> Switch:
    """One that has taken up what there was, which is nothing."""

    async def note(subject: str, event: object) -> None:
        pass

    known = asyncio.Event()
    known.set()
    calls = SimpleNamespace(desk_known=known)
    return cast(Switch, SimpleNamespace(calls=calls, ledger=Ledger(), note=note, heeds=[]))


async def stops(
    run: Callable[[], Awaitable[None]],
    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]],
) -> None:
    running = asyncio.ensure_future(run())
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await connect()
                break
            except OSError:
                await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=1)
    writer.close()
    await asyncio.wait([running])
    assert done, "it waited for its client"


async def test_the_desk_waits_for_no_phone() -> None:
    desk = DeskServer(switch(), HOST, 4573, {})
    await stops(desk.run, lambda: asyncio.open_connection(HOST, 4573))


async def test_the_orders_wait_for_no_command(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    orders = OrderServer(switch(), path)
    await stops(orders.run, lambda: asyncio.open_unix_connection(path))
    assert not path.exists()
