"""A small exchange on loopback: Asterisk with no daemon behind it, and phones."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from lab import config
from lab.asterisk import Asterisk
from lab.network import SIP, Network, free_net
from lab.processes import eventually
from pbx112.plan.dialplan import render
from pbx112.plan.types import Plan
from tests.sip import WITHIN, Talk, Telephone

PARTIES = config.Parties(("1101", "1102", "2101", "2102", "2103", "2199"), ("gsm",))
RECORDS = "log/fallback.csv"
_BREAKS = "[2199](lab-party)\n"
"""After a second without sound the talk with this one is over."""


class Exchange:
    """Asterisk with the dialplan of one plan."""

    def __init__(self, home: Path) -> None:
        self.network = Network(free_net())
        files = config.shipped(self.network.exchange, "nobody asks")
        pjsip = config.pjsip(self.network, PARTIES)
        files["pjsip.conf"] = pjsip.replace(_BREAKS, f"{_BREAKS}rtp_timeout=1\n")
        files["pbx112.conf"] = ""
        self.asterisk = Asterisk(home, files)
        self._phones: list[Telephone] = []

    async def start(self) -> None:
        """Start Asterisk, with an endpoint for each party."""
        await self.asterisk.start()

    async def use(self, plan: Plan, sounds: Path | None = None) -> None:
        """Load the dialplan of `plan`; forget records and log of what was before."""
        spoken = self.asterisk.sounds / "pbx112"
        shutil.rmtree(spoken, ignore_errors=True)
        if sounds is not None:
            shutil.copytree(sounds, spoken)
        self.records.write_text("")
        self._log.write_text("")
        await self.asterisk.ask("logger reload")
        await self.asterisk.configure({"pbx112.conf": render(plan, records=f"{config.INSIDE}/{RECORDS}")})
        shown = await self.asterisk.ask("dialplan show globals")
        assert f"PBX112_PLAN={plan.hash}" in shown, shown

    @property
    def records(self) -> Path:
        """Where the dialplan notes what happened."""
        return self.asterisk.folder / RECORDS

    def log(self) -> str:
        """What Asterisk had to say."""
        return self._log.read_text(errors="replace")

    async def phone(self, name: str, behaves: str) -> Telephone:
        """The phone of an extension, or the gateway."""
        place = self.network.trunk if name in PARTIES.trunks else self.network.extension
        return await self._open(place(name), behaves)

    async def call(self, dialled: str = "112", caller: str = "081234567890") -> Talk:
        """A citizen dials 112."""
        trunk = await self._open(self.network.incoming_trunk, "486")
        return trunk.call(dialled, caller, (self.network.exchange, SIP))

    def again(self, talk: Talk) -> Talk:
        """Another citizen dials 112, over the same trunk as the one of `talk`."""
        return talk.phone.call("112", "081234567891", (self.network.exchange, SIP))

    async def quiet(self) -> None:
        """Wait until no channel is left, then take the phones away."""
        await self.no_channels()
        self._unplug()
        await asyncio.sleep(0)  # asyncio frees a closed socket in its next turn

    async def no_channels(self) -> None:
        """Wait until no channel is left."""
        await self.channels(0)

    async def channels(self, count: int) -> None:
        """Wait until Asterisk has as many channels."""

        async def as_many() -> bool:
            said = await self.asterisk.ask("core show channels count")
            return said.startswith(f"{count} active channel")

        await eventually(as_many, WITHIN, pause=0.05)

    async def stop(self) -> None:
        """End Asterisk."""
        self._unplug()
        await self.asterisk.stop()

    @property
    def _log(self) -> Path:
        return self.asterisk.folder / "log" / "full"

    async def _open(self, address: str, behaves: str) -> Telephone:
        phone = await Telephone(address, SIP, behaves).open()
        self._phones.append(phone)
        return phone

    def _unplug(self) -> None:
        for phone in self._phones:
            phone.close()
        self._phones.clear()
