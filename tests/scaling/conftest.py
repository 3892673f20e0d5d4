"""Two exchanges, each with its pbx112 on a machine of its own; Kamailio and Postgres on a third one between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.exchange import Exchange
from lab.kamailio import Kamailio
from lab.namespaces import Machine, one_machine, star
from lab.network import Network
from lab.phones import Behaviour
from lab.postgres import Postgres

_PLAN = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}
trunks: {}
default_agency: damkar
agencies:
  damkar:
    name: Dinas Damkar
    code: "13"
    lines: [{extension: "2101", ring_for: 20}]
incidents: {}
recording: {enabled: false, keep_days: 90}
"""


NET, NODES = "127.112", {"node1": "127.113", "node2": "127.114"}


@dataclass
class Node:
    """An exchange, and the machine on which all of it runs, phones too."""

    machine: Machine
    exchange: Exchange
    cable: tuple[tuple[Machine, str], tuple[Machine, str]]
    """Its two ends."""

    async def phones(self, behaviours: Mapping[str, Behaviour]) -> None:
        """From now on these phones, and no others."""
        with self.machine.inside():
            await self.exchange.phones(behaviours)

    async def kill(self) -> None:
        """Asterisk and pbx112 are gone at once."""
        await self.exchange.asterisk.kill()
        await self.exchange.daemon.kill()

    async def start_again(self) -> None:
        """After :meth:`kill`."""
        with self.machine.inside():
            await self.exchange.asterisk.start()
            await self.exchange.daemon.start()


@dataclass
class Province:
    """What a citizen's operator sees is `kamailio`; behind it are `nodes`."""

    network: Network
    kamailio: Kamailio
    nodes: tuple[Node, ...]
    dsn: str
    folder: Path


@asynccontextmanager
async def _inside(machine: Machine) -> AsyncIterator[None]:
    """What follows happens on that machine, in threads as well."""
    loop = asyncio.get_running_loop()
    with machine.inside(), ThreadPoolExecutor() as threads:
        loop.set_default_executor(threads)
        yield
    loop.set_default_executor(ThreadPoolExecutor())  # a thread stays in the network that it was begun in


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[None]:
    """Nobody else is there, and packets can be lost without harm to anybody."""
    async with one_machine(tmp_path) as machine, _inside(machine):
        yield


@pytest.fixture
async def province(tmp_path: Path) -> AsyncIterator[Province]:
    """All is up, and no phone answers yet."""
    front = Network(NET)
    pjsip = f"\n[kamailio]\ntype=identify\nendpoint=trunk-112\nmatch={front.exchange}\n"
    # Who hears nothing gives up in 6 s, not in 32.
    pjsip += "[system]\ntype=system\ntimer_t1=100\ntimer_b=6400\n"
    async with AsyncExitStack() as stack:
        centre, *machines = await stack.enter_async_context(star(tmp_path, NET, NODES))
        await stack.enter_async_context(_inside(centre))
        records = Postgres(tmp_path / "postgres", front.exchange)
        await records.start()
        stack.push_async_callback(records.stop)
        nodes = []
        for machine, (name, net) in zip(machines, NODES.items(), strict=True):
            exchange = Exchange(
                tmp_path / name,
                _PLAN,
                net=net,
                more={"pjsip.conf": pjsip},
                settings={"node": name},
                postgres=records,
            )
            with machine.inside():
                await exchange.start()
            stack.push_async_callback(exchange.stop)
            nodes.append(Node(machine, exchange, ((centre, name), (machine, "cable"))))
        exchanges = [node.exchange.network.exchange for node in nodes]
        kamailio = Kamailio(tmp_path / "kamailio", front.exchange, front.incoming_trunk, exchanges)
        await kamailio.start()
        stack.push_async_callback(kamailio.stop)
        yield Province(front, kamailio, tuple(nodes), records.dsn, tmp_path)
