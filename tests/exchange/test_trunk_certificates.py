"""The operator's certificate: a real Asterisk with `dialplan/trunks/sip-tls.conf` judges it before it says a word."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.network import free_net
from lab.processes import eventually

from .trunks import ENCRYPTED, Field, field_plan

REFUSED = "nothing"
ASKS = "pjsip qualify operator-tls"
CALLS = f"channel originate PJSIP/{ENCRYPTED}@operator-tls application Echo"


class FarEnd:
    """Whoever is at the operator's address and shows this certificate. `heard` is the first word of each request, and
    that there was none where a connection ended without any."""

    def __init__(self, shows: Certificate) -> None:
        self.heard: list[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(shows.shown, shows.key)
        self._met: list[asyncio.StreamWriter] = []

    async def hears(self, word: str) -> None:
        """Wait for it."""
        with suppress(TimeoutError):
            await eventually(lambda: word in self.heard, within=10, pause=0.05)
        assert word in self.heard, f"{word} was expected, {self.heard} came"

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._met.append(writer)
        before = len(self.heard)
        with suppress(ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            await writer.start_tls(self._context)
            word = "OPTIONS"
            while word == "OPTIONS":
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heard.append(word := request.partition(" ")[0])
                first = "SIP/2.0 200 OK" if word == "OPTIONS" else "SIP/2.0 486 Busy Here"
                kept = re.findall(r"^(?:Via|From|To|Call-ID|CSeq):.*(?=\r)", request, re.MULTILINE)
                writer.write("\r\n".join([first, *kept, "Content-Length: 0", "", ""]).encode())
            await reader.read()
        if len(self.heard) == before:
            self.heard.append(REFUSED)
        writer.close()

    def hang_up(self) -> None:
        """End all connections, so that the next request needs a new one."""
        for writer in self._met:
            writer.transport.abort()


class Office:
    """An Asterisk that believes one authority, and the address at which it expects the operator."""

    def __init__(self, folder: Path) -> None:
        field = Field(folder, field_plan(), net=free_net())
        self.asterisk = field.asterisk
        self.operator, self.gsm = field.network.trunk("operator-tls"), field.network.trunk("gsm")
        self.believes = Authority(folder / "believed")
        known = self.asterisk.folder / "keys" / "operator-ca.crt"
        known.write_bytes(self.believes.shown.read_bytes())

    @asynccontextmanager
    async def meets(self, shows: Certificate) -> AsyncIterator[FarEnd]:
        """The operator shows this."""
        far = FarEnd(shows)
        async with await asyncio.start_server(far.meet, self.operator, 5061):
            yield far
            far.hang_up()
            await eventually(lambda: not self._connected(), within=10, pause=0.05)

    async def finds(self, state: str) -> None:
        """Wait until the operator is of that state."""

        async def is_so() -> bool:
            return bool(re.search(rf"\b{state}\b", await self.asterisk.ask("pjsip show aor operator-tls")))

        await eventually(is_so, within=10, pause=0.1)

    def _connected(self) -> bool:
        """Whether Asterisk still has a connection to the operator, as the kernel says (proc(5), net/tcp)."""
        there = f"{ip_address(self.operator).packed[::-1].hex().upper()}:{5061:04X}"
        return any(line.split()[2] == there for line in Path("/proc/net/tcp").read_text().splitlines())

    def log(self) -> str:
        return (self.asterisk.folder / "log" / "messages").read_text()


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    office = Office(tmp_path_factory.mktemp("certificates"))
    async with office.asterisk:
        await office.asterisk.ask("module load res_clioriginate.so")
        yield office


async def test_an_operator_whose_certificate_fits_is_called(office: Office, tmp_path: Path) -> None:
    async with office.meets(office.believes.vouch(tmp_path, office.operator)) as far:
        await office.asterisk.ask(ASKS)
        await far.hears("OPTIONS")
        await office.finds("Avail")
        await office.asterisk.ask(CALLS)
        await far.hears("INVITE")


@pytest.mark.parametrize("wrong", ["untrusted", "does not match", "has expired"])
async def test_one_whose_certificate_does_not_hears_nothing(
    office: Office, tmp_path: Path, wrong: str
) -> None:
    """Not even who is called: the connection ends as soon as the certificate is seen, whether for a call or a sign of
    life; and Asterisk's log says why. It was the right one before, so that Asterisk does try to call."""
    shows = {
        "untrusted": Authority(tmp_path / "else").vouch(tmp_path / "else", office.operator),
        "does not match": office.believes.vouch(tmp_path / "other", office.gsm),
        "has expired": office.believes.vouch(tmp_path / "old", office.operator, timedelta(minutes=-1)),
    }[wrong]
    async with office.meets(office.believes.vouch(tmp_path / "right", office.operator)) as far:
        await office.asterisk.ask(ASKS)
        await far.hears("OPTIONS")
        await office.finds("Avail")
    before = len(office.log())
    for command in (CALLS, ASKS):
        async with office.meets(shows) as far:
            await office.asterisk.ask(command)
            await far.hears(REFUSED)
            assert set(far.heard) == {REFUSED}
    await office.finds("Unavail")
    assert wrong in office.log()[before:]
