"""Two exchanges, each with its pbx112, one Postgres, and Kamailio in front; in a network of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.exchange import Exchange
from lab.kamailio import Kamailio
from lab.namespaces import one_machine
from lab.network import Network

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


@dataclass
class Province:
    """What a citizen's operator sees is `kamailio`; behind it are `nodes`."""

    network: Network
    kamailio: Kamailio
    nodes: tuple[Exchange, Exchange]
    folder: Path


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[None]:
    """Nobody else is there, and packets can be lost without harm to anybody."""
    loop = asyncio.get_running_loop()
    async with one_machine(tmp_path) as machine:
        with machine.inside(), ThreadPoolExecutor() as threads:
            loop.set_default_executor(threads)
            yield
    loop.set_default_executor(ThreadPoolExecutor())  # a thread stays in the network that it was begun in


@pytest.fixture
async def province(network: None, tmp_path: Path) -> AsyncIterator[Province]:
    """All is up, and no phone answers yet."""
    front = Network("127.112")
    pjsip = f"\n[kamailio]\ntype=identify\nendpoint=trunk-112\nmatch={front.exchange}\n"
    # Who hears nothing gives up in 6 s, not in 32.
    pjsip += "[system]\ntype=system\ntimer_t1=100\ntimer_b=6400\n"
    more = {"pjsip.conf": pjsip}
    first = Exchange(tmp_path / "node1", _PLAN, net="127.113", more=more, settings={"node": "node1"})
    second = Exchange(
        tmp_path / "node2",
        _PLAN,
        net="127.114",
        more=more,
        settings={"node": "node2"},
        postgres=first.postgres,
    )
    kamailio = Kamailio(
        tmp_path / "kamailio",
        front.exchange,
        front.incoming_trunk,
        [first.network.exchange, second.network.exchange],
    )
    async with first, second:
        await kamailio.start()
        try:
            yield Province(front, kamailio, (first, second), tmp_path)
        finally:
            await kamailio.stop()
