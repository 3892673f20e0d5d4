"""One storm, from the first call until every one of them is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from lab.cable import Cable, cable
from lab.exchange import Exchange
from lab.network import ARI, free_net
from lab.processes import LabError, eventually
from lab.storm import tally
from lab.storm.callers import Callers
from lab.storm.faults import SERVES_WITHIN, Faults, schedule
from lab.storm.phones import PLAN, Phones
from lab.storm.tally import Storm
from lab.supervisor import Supervisor
from pbx112.journal import verify

DISK = "256m"
"""The journal's disk."""

GONE_WITHIN = 40.0
"""Seconds after the last call in which Asterisk must have come to rest: a phone that is gone answers no BYE, and SIP
gives it 32 s (RFC 3261, 17.1.2.2)."""

RECORDED_WITHIN = 90.0
"""Seconds after the last call in which the records must be complete."""

Tell = Callable[[str], None]


async def storm(folder: Path, *, seed: int, rate: float, seconds: float, tell: Tell) -> Storm:
    """Let it blow. `tell` hears what happens. Raises :class:`LabError` where the storm itself does not come about."""
    with _disk(folder / "journal") as disk:
        async with _exchange(folder) as (exchange, pair, way):
            phones = Phones(exchange)
            await phones.start()
            try:
                callers = Callers(exchange, rate, seconds)
                faults = Faults(exchange, pair, way, phones, disk, tell)
                return await _blow(exchange, callers, faults, seed, tell)
            finally:
                await phones.stop()


async def _blow(exchange: Exchange, callers: Callers, faults: Faults, seed: int, tell: Tell) -> Storm:
    planned = schedule(seed, callers.seconds)
    since = tally.now()
    try:
        await callers.start()
        await faults.run(planned)
        tell("the last calls")
        await callers.ended()
    finally:
        await callers.stop()
    with contextlib.suppress(LabError):
        await exchange.quiet(GONE_WITHIN)
    left = await exchange.leftovers()
    seen = await asyncio.to_thread(callers.seen)
    accepted = {call.number for call in seen if call.taken}
    tell("the records")
    rows = await _records(exchange, since, accepted)
    for daemon in (exchange.daemon, exchange.standby):
        await daemon.stop()
    journal = Path(exchange.daemon.settings["journal"])
    verdict = await asyncio.to_thread(verify, journal)
    shutil.copy(journal, exchange.folder / "journal-after.db")  # its own disk goes
    silence = tally.silence_of(seen, callers.ear, faults.phone_gone)
    return Storm(
        seed=seed,
        rate=callers.rate,
        seconds=callers.seconds,
        faults=dict(Counter(fault.kind for fault in planned)),
        channels_left=len(left.channels),
        bridges_left=len(left.bridges),
        chain_ok=verdict.sound,
        chain_why=verdict.why or "",
        **msgspec.structs.asdict(silence),
        **tally.accounted(seen, rows),
        **tally.recovery(faults.recoveries),
    )


async def _records(exchange: Exchange, since: datetime, accepted: set[str]) -> list[tally.Recorded]:
    """The records, once they tell of all these callers, or once it has lasted too long."""
    rows: list[tally.Recorded] = []

    async def all_there() -> bool:
        rows[:] = await tally.recorded_since(exchange.dsn, since)
        return accepted <= {row.caller for row in rows if row.outcome}

    with contextlib.suppress(TimeoutError):
        await eventually(all_there, RECORDED_WITHIN, pause=0.5)
    return rows


@asynccontextmanager
async def _exchange(folder: Path) -> AsyncIterator[tuple[Exchange, tuple[Supervisor, Supervisor], Cable]]:
    """An exchange with two daemons under supervision, whose way to ARI leads over a cable."""
    net = free_net()
    where = {"ari_url": f"http://{net}.0.2:{ARI}", "journal": str(folder / "journal" / "journal.db")}
    exchange = Exchange(folder, PLAN, net=net, unregistered=(), settings=where)
    await exchange.start(daemon=False)
    try:
        async with (
            cable(exchange.ari_url, f"{net}.0.2", ARI) as way,
            Supervisor(exchange.daemon, folder) as one,
            Supervisor(exchange.standby, folder) as other,
        ):
            await eventually(
                lambda: any(each.daemon.said("connected") for each in (one, other)), SERVES_WITHIN
            )
            await asyncio.wait_for(asyncio.gather(one.ready.wait(), other.ready.wait()), SERVES_WITHIN)
            yield exchange, (one, other), way
    finally:
        await exchange.stop()


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """A small disk of its own at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
