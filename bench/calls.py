"""One run: so many calls, at such a rate, one way; what the wire, SIPp and the machine say of it."""

from __future__ import annotations

import asyncio
import csv
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.capture import Capture, Seen
from bench.ways import PHONE, Way
from lab.exchange import Exchange
from lab.network import SIP
from lab.sipp import Sipp

SCENARIOS = Path(__file__).parent / "scenarios"

PATIENCE = 30.0
"""Seconds beyond their planned length after which calls that still go on are given up, as failed."""

QUIET_WITHIN = 30.0
"""Seconds that Asterisk may take after a run until no channel and no bridge is left."""

_OPTIONS = ("-default_behaviors", "all", "-l", "100000", "-watchdog_interval", "0")


@dataclass(frozen=True)
class Load:
    """`count` calls, `rate` a second, each of `talk` seconds. `number` tells this run's callers from all others'."""

    rate: int
    count: int
    talk: float
    number: int

    @property
    def caller(self) -> str:
        """What the numbers of all its callers begin with; the whole is an Indonesian mobile's (E.164 where checked)."""
        return f"08127{self.number:03d}1"

    @property
    def seconds(self) -> float:
        """How long it takes where all goes well."""
        return self.count / self.rate + self.talk


@dataclass(frozen=True)
class Run:
    """What became of a load. CPU is in seconds, of the whole run."""

    way: Way
    load: Load
    calls: tuple[Seen, ...]
    failed: int
    """Calls that SIPp did not see through: refused, not answered, not ended in good order."""
    asterisk_cpu: float
    daemon_cpu: float

    @property
    def lost(self) -> int:
        """Calls that got neither an answer nor a refusal."""
        return self.load.count - sum(1 for call in self.calls if call.answered or call.refused)

    @property
    def accepted(self) -> set[str]:
        """The numbers of the callers whose call Asterisk took."""
        return {call.number for call in self.calls if call.taken}

    @property
    def carried(self) -> float:
        """Calls answered a second, from the first INVITE to the last answer."""
        answers = [call.answered for call in self.calls if call.answered]
        if not answers:
            return 0.0
        first = min(call.invited for call in self.calls)
        # N calls at an even pace span N - 1 pauses.
        return max(0, len(answers) - 1) / max(1e-9, max(answers) - first)

    @property
    def setup(self) -> list[float]:
        """INVITE to 200 as the caller sees it, of each call that was answered; milliseconds."""
        return [1000 * (call.answered - call.invited) for call in self.calls if call.answered]

    @property
    def to_phone(self) -> list[float]:
        """From the caller's INVITE to the one that reaches the phone; milliseconds."""
        return [1000 * (call.phone_invited - call.invited) for call in self.calls if call.phone_invited]

    @property
    def back(self) -> list[float]:
        """From the phone's 200 to the one that reaches the caller; milliseconds."""
        return [
            1000 * (call.answered - call.phone_answered)
            for call in self.calls
            if call.answered and call.phone_answered
        ]


async def run(exchange: Exchange, way: Way, load: Load) -> Run:
    """Make the calls, wait until all is over, and say what became of them.

    Raises :class:`lab.processes.LabError` where something did not start or Asterisk does not come to rest,
    :class:`bench.capture.CaptureError` where the wire could not be watched.
    """
    folder = exchange.folder / "load"
    caller, phone = exchange.network.incoming_trunk, exchange.network.extension(PHONE)
    life = load.seconds + PATIENCE
    statistics = folder / "statistics.csv"
    statistics.unlink(missing_ok=True)
    picks_up = await Sipp.start(
        "phone",
        folder,
        (SCENARIOS / "phone.xml").read_text(),
        phone,
        options=_OPTIONS,
        life=life + QUIET_WITHIN,
        trace=False,
    )
    try:
        before = _cpu(exchange)
        with Capture(caller, phone) as capture:
            dials = await Sipp.start(
                "caller",
                folder,
                (SCENARIOS / "caller.xml").read_text().replace("@NUMBER@", load.caller),
                caller,
                to=f"{exchange.network.exchange}:{SIP}",
                options=(
                    *_OPTIONS,
                    *("-s", way.dials, "-m", str(load.count), "-r", str(load.rate)),
                    *("-d", f"{load.talk * 1000:.0f}", "-trace_stat", "-stf", str(statistics), "-fd", "1"),
                ),
                life=life,
                trace=False,
            )
            try:
                await asyncio.wait_for(dials.process.ended(), life + 5)
            except TimeoutError:
                await dials.stop()
            await exchange.quiet(QUIET_WITHIN)
        after = _cpu(exchange)
    finally:
        await picks_up.stop()
    return Run(
        way,
        load,
        tuple(capture.calls.values()),
        load.count - _seen_through(statistics),
        after[0] - before[0],
        after[1] - before[1],
    )


def _seen_through(statistics: Path) -> int:
    """Calls that went as the scenario wants, says SIPp; none where it did not even begin to count."""
    if not statistics.exists():
        return 0
    with statistics.open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row.get("SuccessfulCall(C)")]
    return int(rows[-1]["SuccessfulCall(C)"]) if rows else 0


def _cpu(exchange: Exchange) -> tuple[float, float]:
    """Seconds of CPU that Asterisk and the daemon have used."""
    return _cpu_of(exchange.asterisk.pid), _cpu_of(exchange.daemon.pid or 0)


def _cpu_of(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)
