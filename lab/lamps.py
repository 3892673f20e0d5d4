"""Lamps of desk phones (BLF): each shows the state of one number, as real phones subscribe to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.network import SIP, free_udp_ports
from lab.processes import LabError, eventually
from lab.sipp import REFUSALS, Message, Sipp, piece

Package = Literal["dialog", "presence"]
_ACCEPT = {"dialog": "application/dialog-info+xml", "presence": "application/pidf+xml"}
_DIALOG = {"terminated": "free", "early": "ringing", "confirmed": "busy"}


@dataclass
class Lamp:
    """What a phone sees of `number`; `package` is the way in which it asks (RFC 4235 or RFC 3856)."""

    number: str
    package: Package
    sipp: Sipp

    @property
    def shown(self) -> list[str]:
        """All states so far, without repetitions: `free`, `ringing`, `busy`, `unreachable`."""
        states = [self._state(message) for message in self.sipp.received("NOTIFY")]
        return [state for index, state in enumerate(states) if index == 0 or states[index - 1] != state]

    async def until(self, state: str, within: float = 10) -> None:
        """Wait until this is what it shows. Raises :class:`LabError` with what it shows instead."""
        try:
            await eventually(lambda: self.shown[-1:] == [state], within)
        except TimeoutError:
            raise LabError(f"the lamp of {self.number} shows {self.shown}, not {state}") from None

    async def refused(self, within: float = 10) -> int:
        """Wait until the exchange refuses the lamp; the SIP status."""
        await eventually(lambda: any(m.status >= 300 for m in self.sipp.messages if not m.sent), within)
        return max(m.status for m in self.sipp.messages if not m.sent)

    def _state(self, message: Message) -> str:
        if self.package == "dialog":
            found = re.search(r"<state>(\w+)</state>", message.text)
            return _DIALOG[found[1]] if found else "free"
        note = re.search(r"<note>([^<]*)</note>", message.text)
        said = note[1].lower() if note else ""
        if said.startswith("ring"):
            return "ringing"
        if "phone" in said:
            return "busy"
        return "unreachable" if "<basic>closed</basic>" in message.text else "free"


async def start_lamp(
    folder: Path, user: str, address: str, exchange: str, number: str, package: Package = "dialog"
) -> Lamp:
    """Put a lamp for `number` on the phone of `user` at `address`."""
    sipp = await Sipp.start(
        f"lamp-{user}-{number}-{package}",
        folder,
        piece(
            "lamp",
            user=user,
            event=package,
            accept=_ACCEPT[package],
            refusals="".join(f'  <recv response="{s}" optional="true" next="refused"/>\n' for s in REFUSALS),
        ),
        address,
        next(free_udp_ports(address)),
        to=f"{exchange}:{SIP}",
        options=("-m", "1", "-s", number),
    )
    return Lamp(number, package, sipp)
