"""What breaks, when, and for how long: all of it follows from the seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from lab.cable import Cable
from lab.daemon import Daemon
from lab.exchange import Exchange
from lab.processes import eventually
from lab.storm.phones import Phones
from lab.supervisor import Supervisor
from pbx112.journal import holder

EVERY = 11.0
"""Seconds between two faults."""

CALM = 8.0
"""Seconds of calls before the first fault, and after the last one."""

SERVES_WITHIN = 20.0
"""Seconds after which a service that has not come back is not waited for any longer."""

KINDS = ("kill", "hang", "kill both", "cable", "postgres", "disk", "ari reload", "phone")
"""The process of the daemon that serves ends, or stops in its tracks; both daemons end; the connection to ARI is cut
without a word; Postgres is gone; the journal's disk is full; Asterisk reloads ARI and its HTTP server; a phone is
gone in the middle of its talks."""


@dataclass(frozen=True)
class Fault:
    """One of :data:`KINDS`, `at` so many seconds after the first call, for `lasting` seconds where it lasts."""

    kind: str
    at: float
    lasting: float


def schedule(seed: int, seconds: float) -> list[Fault]:
    """The faults of a storm: all kinds in an order of their own, again and again."""
    dice = random.Random(seed)  # noqa: S311 (it is to be repeatable)
    faults: list[Fault] = []
    kinds: list[str] = []
    moment = CALM
    while moment < seconds - CALM:
        kinds = kinds or dice.sample(KINDS, len(KINDS))
        faults.append(Fault(kinds.pop(), round(moment, 1), round(dice.uniform(3, 8), 1)))
        moment += EVERY * dice.uniform(0.8, 1.2)
    return faults


class Faults:
    """Brings the faults about, and measures how long each kept the daemon from serving (`recoveries`: kind and
    seconds)."""

    def __init__(
        self,
        exchange: Exchange,
        pair: tuple[Supervisor, Supervisor],
        cable: Cable,
        phones: Phones,
        disk: Path,
        tell: Callable[[str], None],
    ) -> None:
        self._exchange, self._pair, self._cable, self._phones = exchange, pair, cable, phones
        self._disk, self._tell = disk, tell
        self.recoveries: list[tuple[str, float]] = []
        self.phone_gone: list[float] = []
        """When the phone was taken away; seconds since the epoch."""
        self._doing: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._kill,
            "hang": self._hang,
            "kill both": self._kill_both,
            "cable": self._cut,
            "postgres": self._postgres,
            "disk": self._fill,
            "ari reload": self._reload,
            "phone": self._phone,
        }

    async def run(self, faults: list[Fault]) -> None:
        """One after the other, each at its moment."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for fault in faults:
            await asyncio.sleep(max(0.0, began + fault.at - clock()))
            self._tell(f"{fault.at:5.0f} s  {fault.kind}")
            await self._doing[fault.kind](fault)

    # --- what is done ------------------------------------------------------------------------------------------

    async def _kill(self, fault: Fault) -> None:
        serving = await self._serving()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._until_served(fault.kind))
            both.create_task(serving.kill())

    async def _hang(self, fault: Fault) -> None:
        serving = await self._serving()
        waiting = asyncio.create_task(self._until_served(fault.kind))
        await asyncio.sleep(0)
        serving.freeze()
        await waiting

    async def _kill_both(self, fault: Fault) -> None:
        await self._serving()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._until_served(fault.kind))
            for supervisor in self._pair:
                both.create_task(supervisor.daemon.kill())

    async def _cut(self, fault: Fault) -> None:
        waiting = asyncio.create_task(self._until_served(fault.kind))
        await asyncio.sleep(0)
        self._cable.silence_connections()
        await waiting

    async def _postgres(self, fault: Fault) -> None:
        await self._exchange.stop_postgres()
        await asyncio.sleep(fault.lasting)
        await self._exchange.start_postgres()

    async def _fill(self, fault: Fault) -> None:
        """Whoever ended now would lose what waits in memory: nothing else breaks meanwhile."""
        ballast = self._disk / "ballast"
        await asyncio.to_thread(fill, ballast)
        await asyncio.sleep(fault.lasting)
        ballast.unlink()
        serving = await self._serving()
        await eventually(lambda: _alarms(serving)[-1:] == [WRITTEN_AGAIN], SERVES_WITHIN)

    async def _reload(self, fault: Fault) -> None:
        for module in ("res_ari.so", "res_http_websocket.so", "http"):
            await self._exchange.asterisk.ask(f"module reload {module}")

    async def _phone(self, fault: Fault) -> None:
        self.phone_gone.append(time.time())
        await self._phones.take_away("1101")
        await asyncio.sleep(fault.lasting)
        await self._phones.bring_back("1101")

    # --- how it goes on ------------------------------------------------------------------------------------------

    async def _serving(self) -> Daemon:
        """The daemon that holds the journal; waited for, lest a fault falls on nobody."""
        found: list[Daemon] = []

        def some() -> bool:
            process = holder(Path(self._exchange.daemon.settings["journal"]))
            found[:] = [each.daemon for each in self._pair if process and each.daemon.pid == process]
            return bool(found)

        await eventually(some, SERVES_WITHIN)
        return found[0]

    async def _until_served(self, kind: str) -> None:
        """From now until a daemon has (again) connected to Asterisk and taken up its calls."""
        clock = asyncio.get_running_loop().time
        began = clock()
        before = self._connections()
        await eventually(lambda: self._connections() > before, SERVES_WITHIN)
        self.recoveries.append((kind, clock() - began))

    def _connections(self) -> int:
        return sum(len(each.daemon.said("connected")) for each in self._pair)


WRITTEN_AGAIN = "journal: all is written again"


def _alarms(daemon: Daemon) -> list[str]:
    return [line["event"] for line in daemon.said("alarm") if line["event"].startswith("journal:")]


def fill(ballast: Path) -> None:
    """Until not one byte more fits on its disk."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 65536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
