"""Citizens who dial 112 through the operator's trunk."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from dataclasses import dataclass, field
from pathlib import Path

from lab.network import SIP, Network, free_udp_ports
from lab.sipp import REFUSALS, Key, Message, Sipp, milliseconds, piece, talk

LONGEST = 900.0
"""Seconds after which a caller is gone in any case."""

_numbers = itertools.count(random.randrange(20_000_000, 80_000_000))  # noqa: S311
"""So that no two callers are the same, in one records' database over many runs."""


@dataclass(frozen=True)
class Caller:
    """How a citizen calls. Times are in seconds; None is for ever.

    `number` and `display` are the caller ID; `from_header` replaces the whole From header (what a hostile network
    sends), `headers` are further lines. `patience`: how long the caller lets it ring. `talk`: how long the caller
    talks before hanging up. `location`: a document (PIDF-LO) that comes with the call, beside its SDP.
    """

    number: str = field(default_factory=lambda: f"0812{next(_numbers):08d}")
    display: str = ""
    dials: str = "112"
    patience: float | None = None
    talk: float | None = None
    keys: tuple[Key, ...] = ()
    from_header: str | None = None
    headers: tuple[str, ...] = ()
    location: str = ""

    def scenario(self, folder: Path) -> str:
        """What SIPp shall do."""
        name = f'"{self.display}" ' if self.display else ""
        sender = self.from_header or f"From: {name}<sip:{self.number}@[local_ip]>"
        headers, begins, ends = self.headers, "", ""
        if self.location:
            headers = (*headers, "Geolocation: <cid:place@lab>")
            begins = "--part\nContent-Type: application/sdp\n\n"
            ends = "\n--part\nContent-Type: application/pidf+xml\nContent-ID: <place@lab>\n\n"
            # SIPp reads brackets of its scenario, and a dash in a file's name, as its own.
            file = f"location{self.number}.xml"
            (folder / file).write_text(self.location, encoding="utf-8")
            ends += f"[file name={file}]\n--part--\n"
        return piece(
            "caller",
            content_type="multipart/mixed;boundary=part" if self.location else "application/sdp",
            body_begins=begins,
            body_ends=ends,
            talk=talk("caller", self.keys, self.talk, "hangs_up", folder),
            refusals="".join(f'  <recv response="{s}" optional="true" next="refused"/>\n' for s in REFUSALS),
            patience=milliseconds(self.patience),
            headers="".join(f"\n      {header}" for header in headers),
            **{"from": sender},
        )


@dataclass
class Calling:
    """A call on its way, as the caller sees it."""

    sipp: Sipp
    call_id: str

    async def ringing(self, within: float = 10) -> Message:
        """Wait until the caller hears it ring."""
        return await self.sipp.until_received(180, within)

    async def answered(self, within: float = 30) -> Message:
        """Wait until the call is answered. Raises :class:`TimeoutError`."""
        return await self.sipp.until_received(200, within)

    async def refused(self, within: float = 30) -> int:
        """Wait for the final answer; its status."""
        async with asyncio.timeout(within):
            await self.sipp.process.ended()
        return max(m.status for m in self.sipp.messages if not m.sent)

    async def ended(self, within: float = 60) -> None:
        """Wait until the call is over, by whomever."""
        async with asyncio.timeout(within):
            await self.sipp.process.ended()

    @property
    def setup_seconds(self) -> float:
        """From INVITE to 200."""
        return (self.sipp.received(200)[0].at - self.sipp.sent("INVITE")[0].at).total_seconds()

    @property
    def hung_up_by_exchange(self) -> bool:
        """Whether the other side ended the talk."""
        return bool(self.sipp.received("BYE"))

    def hang_up(self) -> None:
        """Hang up now, ringing or talking."""
        _tell(self.sipp, self.call_id)


def _tell(sipp: Sipp, call_id: str) -> None:
    """An INFO within the call, from the test itself: the scenarios take it as "hang up"."""
    text = (
        "INFO sip:lab SIP/2.0\r\nVia: SIP/2.0/UDP lab\r\nFrom: <sip:lab>\r\nTo: <sip:lab>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), (sipp.address, sipp.port))


async def start_call(caller: Caller, folder: Path, network: Network, via: str = "") -> Calling:
    """Dial; the call comes from the address `via` (else: the incoming trunk's)."""
    folder.mkdir(parents=True, exist_ok=True)
    number = next(_numbers)
    address = via or network.incoming_trunk
    ports = free_udp_ports(address)
    call_id = f"citizen-{number}@{address}"
    sipp = await Sipp.start(
        f"citizen-{number}",
        folder,
        caller.scenario(folder),
        address,
        next(ports),
        to=f"{network.exchange}:{SIP}",
        life=LONGEST,
        options=("-m", "1", "-s", caller.dials, "-cid_str", call_id, "-mp", str(next(ports)), "-rtp_echo"),
    )
    return Calling(sipp, call_id)
