"""What Kamailio does with the files of `deploy/kamailio/`: whom it hears, and to whom it sends on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from lab.kamailio import Kamailio
from lab.network import SIP, Network
from lab.processes import eventually

HERE, TRUNK = Network("127.112").exchange, Network("127.112").incoming_trunk
FIRST, SECOND = Network("127.113").exchange, Network("127.114").exchange
OTHER = "127.115.0.1"


class Party(asyncio.DatagramProtocol):
    """Whoever has this address: sends SIP to Kamailio, keeps what comes, and says 200 to OPTIONS while `alive`."""

    _transport: asyncio.DatagramTransport

    def __init__(self, address: str) -> None:
        self.address, self.alive, self.heard = address, True, list[str]()

    @classmethod
    async def at(cls, address: str) -> Self:
        """Be there."""
        where = (address, SIP)
        transport, party = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(address), local_addr=where
        )
        party._transport = transport
        return party

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Part of asyncio's protocol."""
        text = data.decode()
        if not text.startswith("OPTIONS "):
            self.heard.append(text)
        elif self.alive:
            self.answer(text, "200 OK")

    def answer(self, request: str, status: str) -> None:
        """Say this to a request."""
        same = re.findall(r"^(?:Via|From|To|Call-ID|CSeq): .*$", request.replace("\r", ""), re.MULTILINE)
        self._send([f"SIP/2.0 {status}", *same])

    def leave(self) -> None:
        """Be there no more."""
        self._transport.close()

    def request(self, line: str, *headers: str, within: bool = False, call: str = "call") -> None:
        """Send a request; `within` a call that there is."""
        method = line.partition(" ")[0]
        branch = "INVITE" if method == "CANCEL" else method
        self._send([
            f"{line} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address}:{SIP};branch=z9hG4bK{branch}{call}",
            f"From: <sip:081271000001@{self.address}>;tag=a",
            f"To: <sip:112@{HERE}>{';tag=b' if within else ''}",
            f"Call-ID: {call}@{self.address}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:081271000001@{self.address}>",
            "Max-Forwards: 70",
            *headers,
        ])  # fmt: skip

    async def hears(self, beginning: str) -> str:
        """Wait for a message that begins so."""
        await eventually(lambda: any(text.startswith(beginning) for text in self.heard))
        return next(text for text in self.heard if text.startswith(beginning))

    def _send(self, lines: list[str]) -> None:
        text = "\r\n".join([*lines, "Content-Length: 0", "", ""])
        self._transport.sendto(text.encode(), (HERE, SIP))


@dataclass(frozen=True)
class Parties:
    """Who is there."""

    trunk: Party
    first: Party
    second: Party
    other: Party

    async def taken(self) -> tuple[Party, Party]:
        """Wait until one of the exchanges has a call: that one, and the other."""
        await eventually(lambda: bool(self.first.heard or self.second.heard))
        return (self.first, self.second) if self.first.heard else (self.second, self.first)


@pytest.fixture
async def parties(network: None) -> AsyncIterator[Parties]:
    """The operator's trunk, two exchanges, and somebody else."""
    there = [await Party.at(address) for address in (TRUNK, FIRST, SECOND, OTHER)]
    yield Parties(*there)
    for party in there:
        party.leave()
    await asyncio.sleep(0)


@pytest.fixture
async def kamailio(network: None, tmp_path: Path) -> AsyncIterator[Kamailio]:
    """In front of two exchanges, which are whoever is at their addresses."""
    kamailio = Kamailio(tmp_path / "kamailio", HERE, TRUNK, [FIRST, SECOND])
    await kamailio.start()
    try:
        yield kamailio
    finally:
        await kamailio.stop()


async def test_a_stranger_gets_no_answer_and_no_exchange_hears_of_it(
    kamailio: Kamailio, parties: Parties
) -> None:
    parties.other.request(f"INVITE sip:112@{HERE}")
    parties.other.request(f"OPTIONS sip:{HERE}")
    await eventually(lambda: kamailio.log.count(f"a stranger: OPTIONS from {OTHER}") == 1)
    assert f"a stranger: INVITE from {OTHER}" in kamailio.log
    assert [each.heard for each in (parties.other, parties.first, parties.second)] == [[], [], []]


async def test_the_trunk_reaches_the_exchanges_and_nobody_else(kamailio: Kamailio, parties: Parties) -> None:
    parties.trunk.request(f"BYE sip:112@{OTHER}", f"Route: <sip:{HERE};lr>", within=True)
    await parties.trunk.hears("SIP/2.0 403")
    parties.trunk.request(f"INVITE sip:112@{OTHER}", f"Route: <sip:{OTHER};lr>")
    await parties.taken()
    assert parties.other.heard == []


async def test_an_exchange_does_not_call_out_by_kamailio(kamailio: Kamailio, parties: Parties) -> None:
    parties.first.request(f"INVITE sip:112@{OTHER}")
    await parties.first.hears("SIP/2.0 403")
    assert parties.other.heard == []


async def test_who_gives_up_while_it_rings_is_taken_back_from_the_exchange(
    kamailio: Kamailio, parties: Parties
) -> None:
    parties.trunk.request(f"INVITE sip:112@{HERE}")
    taken, other = await parties.taken()
    taken.answer(taken.heard[0], "180 Ringing")
    await parties.trunk.hears("SIP/2.0 180")
    parties.trunk.request(f"CANCEL sip:112@{HERE}")
    await taken.hears("CANCEL ")
    taken.answer(taken.heard[0], "487 Request Terminated")
    await parties.trunk.hears("SIP/2.0 487")
    assert not other.heard


@pytest.mark.parametrize("said", ["100 Trying", "180 Ringing"])
async def test_a_call_that_a_dead_exchange_had_taken_goes_to_the_other(
    kamailio: Kamailio, parties: Parties, said: str
) -> None:
    parties.trunk.request(f"INVITE sip:112@{HERE}")
    taken, other = await parties.taken()
    taken.answer(taken.heard[0], said)
    taken.alive = False
    other.answer(await other.hears("INVITE "), "200 OK")
    await parties.trunk.hears("SIP/2.0 200")
    assert kamailio.log.count("is dead") == 1


async def test_an_exchange_that_fails_is_not_the_last_word(kamailio: Kamailio, parties: Parties) -> None:
    parties.trunk.request(f"INVITE sip:112@{HERE}")
    taken, other = await parties.taken()
    taken.answer(taken.heard[0], "500 Server Internal Error")
    other.answer(await other.hears("INVITE "), "200 OK")
    await parties.trunk.hears("SIP/2.0 200")


async def test_an_exchange_that_refuses_is_believed(kamailio: Kamailio, parties: Parties) -> None:
    parties.trunk.request(f"INVITE sip:112@{HERE}")
    taken, other = await parties.taken()
    taken.answer(taken.heard[0], "486 Busy Here")
    await parties.trunk.hears("SIP/2.0 486")
    assert other.heard == []


async def test_an_exchange_that_is_taken_out_gets_no_new_call(kamailio: Kamailio, parties: Parties) -> None:
    await kamailio.tell("dispatcher.set_state", "i", "1", f"sip:{FIRST}:{SIP}")
    for number in range(4):
        parties.trunk.request(f"INVITE sip:112@{HERE}", call=str(number))
    await eventually(lambda: sum(text.startswith("INVITE ") for text in parties.second.heard) >= 4)
    assert parties.first.heard == []
