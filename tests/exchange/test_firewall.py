"""`deploy/nftables/pbx112.nft` as it stands, on a machine of its own: trunks and phones get in, strangers do not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import config
from lab.asterisk import Asterisk
from lab.baresip import Baresip, start_baresip
from lab.certificates import make_certificate
from lab.namespaces import Machine, two_machines
from lab.network import AMI, ARI, SIP
from lab.processes import LabError, Process, eventually
from tests.sip import Talk, Telephone

RULES = config.SAMPLES.parent / "deploy" / "nftables" / "pbx112.nft"
EXCHANGE, SSH, TLS = "203.0.113.112", 22, 5061
TRUNK, TLS_TRUNK, PHONE, STRANGER = "192.0.2.112", "192.0.2.50", "198.51.100.21", "203.0.113.66"
"""The trunks are the samples'; all are in the rules as shipped, but the stranger."""

PASSWORD = "only-for-the-test"
_ECHO = (
    "[pbx112-intake]\nexten => 112,1,Answer()\n same => n,Echo()\n[pbx112-desk]\ninclude => pbx112-intake\n"
)
_ACCOUNT = "<sip:{user}@{exchange}:5061;transport=tls>;auth_pass=%s;regint=0;%saudio_codecs=pcma\n"
_numbers = itertools.count(1)


@dataclass
class Office:
    """The machine of 112, with the rules; and its far side, from which the tests look."""

    machine: Machine
    asterisk: Asterisk

    async def guard(self) -> None:
        """Load the rules, and with them all counters anew."""
        await self.machine.run("nft", "-f", RULES)

    async def unguard(self) -> None:
        """Without the rules."""
        await self.machine.run(*["nft", "delete", "table", "inet", "pbx112"])

    async def counted(self, counter: str) -> int:
        """Packets."""
        said = await self.machine.run(*f"nft list counter inet pbx112 {counter}".split())
        return int(re.findall(r"packets (\d+)", said)[0])

    async def until_counted(self, counter: str, packets: int) -> None:
        """Wait until so many packets were counted."""

        async def were() -> bool:
            return await self.counted(counter) >= packets

        await eventually(were, within=5, pause=0.05)


@pytest.fixture(scope="module")
async def whole_office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """Asterisk with the samples, but for ARI and AMI: those are open to all, so that the firewall alone closes them.
    Who does not choose an address of the far side has the first, the phone's."""
    folder = tmp_path_factory.mktemp("office")
    files = config.shipped("0.0.0.0", PASSWORD)
    samples = "".join((config.SAMPLES / name).read_text() for name in ("pjsip.conf", "phone-tls.conf"))
    samples = samples.replace("CHANGE-ME", PASSWORD).replace(
        "/etc/asterisk/keys", str(config.INSIDE / "keys")
    )
    files |= {"pjsip.conf": samples, "extensions.conf": _ECHO}
    asterisk = Asterisk(folder / "asterisk", files)
    made = make_certificate(asterisk.folder / "keys", EXCHANGE)
    made.shown.rename(made.shown.with_name("pbx112.crt"))
    made.key.rename(made.key.with_name("pbx112.key"))
    async with two_machines(folder, [EXCHANGE], [PHONE, TRUNK, TLS_TRUNK, STRANGER]) as (here, there):
        with here.inside():
            await asterisk.start()
        try:
            with there.inside():
                yield Office(here, asterisk)
        finally:
            await asterisk.stop()


@pytest.fixture
async def office(whole_office: Office) -> Office:
    """With fresh rules."""
    await whole_office.guard()
    return whole_office


@contextlib.asynccontextmanager
async def call_from(address: str) -> AsyncIterator[Talk]:
    """A call to 112 that was answered."""
    phone = await Telephone(address, 5080, "silent").open()
    try:
        talk = phone.call("112", "0812", (EXCHANGE, SIP))
        await talk.until(talk.connected)
        yield talk
        talk.hang_up()
    finally:
        phone.close()


@contextlib.asynccontextmanager
async def encrypted_phone(office: Office, folder: Path, media: str) -> AsyncIterator[Baresip]:
    """Extension 1103 of the sample, which believes our certificate alone."""
    account = _ACCOUNT % (PASSWORD, media and f"mediaenc={media};")
    trusts = f"module srtp.so\nsip_cafile {office.asterisk.folder / 'keys' / 'ca.pem'}\n"
    phone = await start_baresip(folder, "1103", PHONE, EXCHANGE, 440, account=account, more=trusts)
    try:
        yield phone
    finally:
        await phone.stop()


@contextlib.contextmanager
def sip_socket(address: str) -> Iterator[socket.socket]:
    """To ask Asterisk from `address`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((address, 0))
        made.settimeout(5)
        yield made


def options(asks: socket.socket) -> None:
    """Ask for a sign of life, as scanners and gateways do."""
    host, port = asks.getsockname()
    number = next(_numbers)
    asks.sendto(
        f"OPTIONS sip:{EXCHANGE} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKfire{number}\r\n"
        f"From: <sip:x@{host}>;tag=x\r\nTo: <sip:{EXCHANGE}>\r\nCall-ID: fire{number}\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode(),
        (EXCHANGE, SIP),
    )


def answer(asks: socket.socket) -> str:
    """The first line of Asterisk's."""
    return asks.recv(4096).decode().partition("\r\n")[0]


async def lets_in(port: int, source: str) -> bool:
    """Whether a TCP connection stands within a second."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(EXCHANGE, port, local_addr=(source, 0))
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True


async def test_the_trunks_call_passes_and_both_hear_each_other(office: Office) -> None:
    async with call_from(TRUNK) as talk:
        await talk.until_heard(talk)
    assert await office.counted("trunk_sip") >= 2


async def test_a_phones_registration_is_asked_for_its_password(office: Office) -> None:
    with sip_socket(PHONE) as asks:
        options(asks)
        assert answer(asks) == "SIP/2.0 401 Unauthorized"


async def test_a_stranger_gets_no_answer_while_the_trunk_does(office: Office) -> None:
    """Though it sends a thousand requests."""
    with sip_socket(STRANGER) as asks, sip_socket(TRUNK) as trunk:
        for _ in range(1000):
            options(asks)
        await office.until_counted("stranger_sip", 1000)
        options(trunk)
        assert answer(trunk) == "SIP/2.0 200 OK"
        asks.setblocking(False)
        with pytest.raises(BlockingIOError):
            asks.recv(4096)
        assert STRANGER in await office.machine.run(*["nft", "list", "set", "inet", "pbx112", "strangers"])
        assert STRANGER not in (office.asterisk.folder / "log" / "messages").read_text()
        await office.unguard()
        asks.settimeout(5)
        options(asks)
        assert answer(asks) == "SIP/2.0 401 Unauthorized", "without the rules it would have had one"


async def test_a_trunk_with_tls_gets_nothing_in_that_is_not_encrypted(office: Office) -> None:
    with sip_socket(TLS_TRUNK) as asks:
        options(asks)
    await office.until_counted("stranger_sip", 1)
    assert not await lets_in(SIP, TLS_TRUNK)
    assert await office.counted("trunk_sip") == 0
    await lets_in(TLS, TLS_TRUNK)
    await office.until_counted("trunk_sip", 1)


async def test_a_phone_that_floods_is_held_back_and_the_trunk_never(office: Office) -> None:
    with sip_socket(PHONE) as phone, sip_socket(TRUNK) as trunk:
        for _ in range(2000):
            options(phone)
            options(trunk)
    await office.until_counted("trunk_sip", 2000)
    assert await office.counted("too_many") > 1000


async def test_a_phone_speaks_by_tls_and_srtp(office: Office, tmp_path: Path) -> None:
    """It hears its own tone, which the far side could send back only once it was decrypted."""
    async with encrypted_phone(office, tmp_path, "srtp-mand") as phone:
        await phone.dial(f"sip:112@{EXCHANGE}:{TLS};transport=tls")
        await phone.hears(440)


async def test_a_phone_without_srtp_is_refused(office: Office, tmp_path: Path) -> None:
    async with encrypted_phone(office, tmp_path, "") as phone:
        with pytest.raises(LabError, match="488"):
            await phone.dial(f"sip:112@{EXCHANGE}:{TLS};transport=tls")


async def test_a_strangers_speech_does_not_get_into_a_call(office: Office) -> None:
    async with call_from(TRUNK) as talk:
        assert talk.media is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaks:
            speaks.bind((STRANGER, 0))
            speaks.sendto(b"\x80\x08" + bytes(170), talk.media)
        await office.until_counted("stranger_speech", 1)


async def test_the_speech_of_every_trunk_passes_also_of_one_with_tls(office: Office, tmp_path: Path) -> None:
    """By its own set: an operator whose speech comes from where its SIP does need not stand under `media`."""
    rules = RULES.read_text().replace("192.0.2.0/24 }", "192.0.2.200 }")
    assert rules != RULES.read_text()
    (tmp_path / "rules.nft").write_text(rules)
    await office.machine.run(*["nft", "-f", str(tmp_path / "rules.nft")])
    for source in (TRUNK, TLS_TRUNK, PHONE, STRANGER):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaks:
            speaks.bind((source, 0))
            speaks.sendto(b"\x80\x08" + bytes(170), (EXCHANGE, 12_000))
    await office.until_counted("stranger_speech", 1)
    assert await office.counted("stranger_speech") == 1


@pytest.mark.parametrize("source", [TRUNK, PHONE, STRANGER])
async def test_ari_and_ami_are_closed_from_outside_and_ssh_is_not(office: Office, source: str) -> None:
    with office.machine.inside(), socket.create_server(("", SSH)) as ssh:
        pass_on = ssh.dup()
    with pass_on:
        assert await lets_in(SSH, source)
        assert not await lets_in(ARI, source)
        assert not await lets_in(AMI, source)
        with office.machine.inside():
            assert await lets_in(ARI, EXCHANGE)
            assert await lets_in(AMI, EXCHANGE)
        assert await office.counted("closed") >= 2
        await office.unguard()
        assert await lets_in(ARI, source) and await lets_in(AMI, source), "the firewall alone had closed them"


def test_its_samples_addresses_are_documentations_alone() -> None:
    found = re.findall(r"\d+\.\d+\.\d+\.\d+|2001:[0-9a-f:]+", Path(RULES).read_text())
    assert found and all(each.startswith(("192.0.2.", "198.51.100.", "2001:db8:")) for each in found)


async def test_check_says_what_would_be_open_without_the_firewall(office: Office, tmp_path: Path) -> None:
    settings = {"ARI_PASSWORD": PASSWORD, "AMI_PASSWORD": PASSWORD, "JOURNAL": str(tmp_path / "journal.db")}
    told = {f"PBX112_{name}": value for name, value in settings.items()} | {"PATH": os.environ["PATH"]}
    output = tmp_path / "check"
    with office.machine.inside():
        command = [sys.executable, "-m", "pbx112", "check", "--only", "asterisk"]
        await (await Process.start("check", command, output, environment=told)).ended()
    said = output.read_text()
    assert f"! ARI listens without TLS on 0.0.0.0:{ARI}, not for this machine alone" in said
    assert f"! AMI listens without TLS on 0.0.0.0:{AMI}, not for this machine alone" in said
