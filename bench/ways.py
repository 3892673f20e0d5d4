"""The ways to bring a caller to a phone that are compared, and the exchange on which they all live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.exchange import Exchange
from pbx112.plan.load import load_plan

PHONE = "2101"
Key = Literal["dial", "app_queue", "pbx112", "pbx112_recorded"]


@dataclass(frozen=True)
class Way:
    """One way. Callers `dial` a number that leads to it."""

    key: Key
    title: str
    dials: str

    @property
    def ours(self) -> bool:
        """Whether pbx112 handles the call."""
        return self.dials == "112"

    @property
    def recorded(self) -> bool:
        """Whether talks are recorded."""
        return self.key == "pbx112_recorded"


DIAL = Way("dial", "Dial()", "8001")
QUEUE = Way("app_queue", "app_queue", "8002")
PBX112 = Way("pbx112", "pbx112", "112")
RECORDED = Way("pbx112_recorded", "pbx112, recording", "112")
WAYS = (DIAL, QUEUE, PBX112, RECORDED)

_PLAN = """
version: 1
service: {{name: Layanan 112, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}}
trunks: {{}}
agencies:
  damkar:
    name: Dinas Pemadam Kebakaran
    code: "13"
    ring: in_order
    lines:
      - {{extension: "{phone}", ring_for: 15}}
incidents: {{}}
default_agency: damkar
recording: {{enabled: {recorded}, keep_days: 90}}
"""

_ASTERISK = {
    "extensions.conf": f"""
[pbx112-intake](+)
exten => {DIAL.dials},1,Dial(PJSIP/{PHONE},15)
 same => n,Hangup()
exten => {QUEUE.dials},1,Queue(bench,,,,15)
 same => n,Hangup()
""",
    "queues.conf": f"""
[general]
autofill=yes
persistentmembers=no
[bench]
strategy=ringall
timeout=15
ringinuse=yes
member => PJSIP/{PHONE}
""",
    # What Asterisk logs of itself is not what is measured: as it comes, no line for each step of a call.
    "logger.conf": "[logfiles]\nmessages => notice,warning,error\n",
}


def plan(*, recorded: bool) -> str:
    """An `agencies.yaml` in which the caller rings one line, as in the other ways."""
    return _PLAN.format(phone=PHONE, recorded=str(recorded).lower())


def exchange_of_all(folder: Path, net: str) -> Exchange:
    """An exchange that knows all ways; not yet started."""
    return Exchange(folder, plan(recorded=False), net=net, more=_ASTERISK)


async def open_queue(exchange: Exchange) -> None:
    """Load `app_queue`, for which pbx112 has no use. Raises :class:`lab.processes.LabError`."""
    await exchange.asterisk.ask("module load app_queue.so")


async def switch_to(exchange: Exchange, way: Way) -> None:
    """Have the daemon record talks, or not, as `way` wants it; no call is up."""
    if way.ours and exchange.plan.recording.enabled != way.recorded:
        exchange.agencies.write_text(plan(recorded=way.recorded), encoding="utf-8")
        exchange.plan = load_plan(exchange.agencies).plan
        await exchange.daemon.reload(exchange.plan.hash)
