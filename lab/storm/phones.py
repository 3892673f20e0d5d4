"""The storm's plan, and phones that treat each caller by the last digit of the number: so what a line does with a
call is the same in every run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.exchange import Exchange
from lab.phones import BUSY, DECLINES, SILENT, Answers, Behaviour, Rejects, block
from lab.sipp import Key, Sipp, piece

PLAN = """\
version: 1
service: {name: Layanan 112 badai, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}
trunks:
  gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", max_calls: 500, max_per_hour: 10000, allow: ["+628"]}
call_takers:
  ring: in_order
  ring_for: 2
  max_wait: 0  # its phones talk in as many calls as come
  lines: [{extension: "1101"}, {extension: "1102"}]
  then: damkar
default_agency: satpol_pp
recording: {enabled: false, keep_days: 90}
agencies:
  damkar:
    name: Dinas Pemadam Kebakaran
    code: "13"
    ring: in_order
    lines:
      - {extension: "2101", ring_for: 2}
      - {mobile: "+6281200000001", trunk: gsm, ring_for: 6, accept: press_1, accept_for: 8}
    then: satpol_pp
  satpol_pp:
    name: Satuan Polisi Pamong Praja
    code: "12"
    lines: [{extension: "2121", ring_for: 10}]
"""

SOON = Answers(after=0.3, sound=True)
PRESSES_1 = Answers(after=0.5, keys=(Key("1", 1.0),), sound=True)
UNAVAILABLE = Rejects(503)

HABITS: dict[str, dict[str, Behaviour]] = {
    "1101": {"01234": SOON, "5": BUSY, "6": DECLINES, "7": SILENT, "8": UNAVAILABLE, "9": SILENT},
    "1102": {"0123456": SOON, "7": BUSY, "8": SILENT, "9": DECLINES},
    "2101": {"0123457": SOON, "6": BUSY, "8": BUSY, "9": DECLINES},
    "+6281200000001": {"0123456789": PRESSES_1},
    "2121": {"0123456789": SOON},
}
"""What each line does with callers whose number ends in one of these digits. Those who are sent on find a human
further along the plan."""

_CHOICE = """\
  <nop>
    <action>
      <ereg regexp="[{digits}]@" search_in="var" variable="from" assign_to="chosen_{name}"/>
    </action>
  </nop>
  <nop next="{name}" test="chosen_{name}"/>
"""


class Phones:
    """One SIPp for each line of the plan; each may be taken away and come back."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._folder = exchange.folder / "phones"
        self._sipp: dict[str, Sipp] = {}

    async def start(self) -> None:
        """All of them ring from now on."""
        await asyncio.gather(*map(self.bring_back, HABITS))

    async def bring_back(self, number: str) -> None:
        """This one is there (again)."""
        address = self._exchange.addresses()[number]
        self._sipp[number] = await Sipp.start(
            f"phone-{address}",
            self._folder,
            scenario(HABITS[number], self._folder),
            address,
            options=("-rtp_echo", "-l", "3000"),
            trace=False,
        )

    async def take_away(self, number: str) -> None:
        """Its network is gone: in the middle of whatever it does, without a word."""
        await self._sipp[number].stop()

    async def stop(self) -> None:
        """All of them are gone."""
        await asyncio.gather(*(sipp.stop() for sipp in self._sipp.values()))


def scenario(habits: dict[str, Behaviour], folder: Path) -> str:
    """What SIPp shall do for one line."""
    folder.mkdir(parents=True, exist_ok=True)
    choices, lines = [], []
    for number, (digits, behaviour) in enumerate(habits.items()):
        name = f"habit_{number}"
        choices.append(_CHOICE.format(digits=digits, name=name))
        lines.append(block(name, behaviour, folder))
    unused = '  <Reference variables="number"/>\n'
    return piece("phone", dispatch=unused + "".join(choices), lines="".join(lines))
