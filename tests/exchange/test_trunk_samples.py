"""The samples of trunks are taken by a real Asterisk and by the plan as they stand."""

from __future__ import annotations

import asyncio
import math
import re
import struct
from pathlib import Path

import pytest
import yaml

from lab.asterisk import Asterisk
from lab.config import SAMPLES
from lab.network import SIP, free_net
from lab.processes import eventually
from pbx112.plan.load import parse_plan
from tests.sip import Talk, Telephone

from .trunks import FOLDER, Field, field_plan

TRUNKS = yaml.safe_load((FOLDER / "trunks.yaml").read_text())["trunks"]
PLAN = (SAMPLES.parent / "agencies.yaml").read_text()


def test_the_plan_takes_them() -> None:
    """Read from the middle of a whole plan, as an office would have them."""
    text, many = re.subn(
        r"^trunks:\n(  .*\n)+", (FOLDER / "trunks.yaml").read_text(), PLAN, flags=re.MULTILINE
    )
    read = parse_plan(text, "agencies.yaml").plan
    assert many == 1
    assert set(TRUNKS) == set(read.trunks)


async def test_asterisk_takes_them_without_a_word(tmp_path: Path) -> None:
    asterisk = Field(tmp_path, field_plan(), net=free_net()).asterisk
    await asterisk.start()
    try:
        for trunk in TRUNKS.values():
            endpoint = trunk["dial"].partition("@")[2]
            told = await asterisk.ask(f"pjsip show endpoint {endpoint}")
            assert f"Endpoint:  {endpoint} " in told
            assert "Identify:" in told
            assert "(alaw|ulaw)" in told
    finally:
        await asterisk.stop()
    log = (asterisk.folder / "log" / "messages").read_text().splitlines()
    # Nobody is at the far ends: that the TLS one cannot be asked whether it lives is no fault of its sample.
    wrong = [line for line in log if ("ERROR" in line or "WARNING" in line) and "OPTIONS" not in line]
    assert [line for line in wrong if "pjsip" in line or "sorcery" in line or "config_options" in line] == []


_ASKS = """
[asks]
exten => _X.,1,Dial(PJSIP/${EXTEN}@gsm,5,U(asks-1))
 same => n,Log(NOTICE,dialled ${DIALSTATUS})
[asks-1]
exten => s,1,Read(KEY,,1,,1,4)
 same => n,Log(NOTICE,pressed <${KEY}>)
 same => n,Return()
"""


class Gateway(Telephone):
    """At the far end of a sample: counts what it is asked, and is `deaf` to OPTIONS or `away` for REGISTER."""

    def __init__(self, host: str, behaves: str, *, deaf: bool = False, events: bool = True) -> None:
        super().__init__(host, SIP, behaves)
        self.deaf, self.events = deaf, events
        self.asked: list[str] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = data.decode()
        method = message.partition(" ")[0]
        self.asked.append(method)
        if method == "REGISTER":
            self._reply(message, "503 Service Unavailable", addr)
        elif method != "OPTIONS" or not self.deaf:
            super().datagram_received(data, addr)

    def _sdp(self) -> str:
        if self.events:
            return super()._sdp()
        body = re.sub(r"a=(rtpmap|fmtp):101 .*\r\n", "", super()._sdp().partition("\r\n\r\n")[2]).replace(
            " 101", ""
        )
        return f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"


async def sounds_1(talk: Talk) -> None:
    """The tones of key 1 for 0.3 s, in the sound (G.711 A-law), after half a second of silence."""
    assert talk.media is not None
    for packet in range(60):
        sound = bytes(_alaw(packet * 160 + at) if 25 <= packet < 40 else 0xD5 for at in range(160))
        talk.phone.rtp.sendto(struct.pack("!BBHII", 0x80, 8, packet, packet * 160, 112) + sound, talk.media)
        await asyncio.sleep(0.02)


def _alaw(at: int) -> int:
    value = int(8000 * sum(math.sin(2 * math.pi * hertz * at / 8000) for hertz in (697, 1209)))
    size = min(abs(value), 32635)
    exponent = max(0, size.bit_length() - 8)
    coded = exponent << 4 | (size >> (exponent + 3 if exponent else 4)) & 0x0F
    return (coded | (0x80 if value >= 0 else 0)) ^ 0x55


@pytest.mark.parametrize("way", ["events", "tones"])
async def test_a_gateway_is_heard_whose_keys_are_events_and_one_whose_keys_are_tones(
    tmp_path: Path, way: str
) -> None:
    """Many GSM gateways leave the keys in the sound; such a one offers no events in its SDP."""
    field = Field(tmp_path, field_plan(), net=free_net())
    asterisk = field.asterisk
    let_it_ask(asterisk)
    gateway = Gateway(field.network.trunk("gsm"), "answers", events=way == "events")
    await gateway.open()
    await asterisk.start()
    try:
        await asterisk.ask("channel originate Local/081200000001@asks application Wait 8")
        talk = await gateway.rung()
        await talk.until(talk.connected)
        if way == "events":
            talk.press("1")
        else:
            await sounds_1(talk)
        await eventually(lambda: "pressed <" in log(asterisk), within=8, pause=0.1)
        assert "pressed <1>" in log(asterisk)
    finally:
        await asterisk.stop()
        gateway.close()


async def test_what_the_guide_says_of_a_gateway_that_answers_no_options(tmp_path: Path) -> None:
    """It is sent no call; with `qualify_frequency=0` it is."""
    field = Field(tmp_path, field_plan(), net=free_net())
    asterisk = field.asterisk
    let_it_ask(asterisk)
    gateway = Gateway(field.network.trunk("gsm"), "486", deaf=True)
    await gateway.open()
    await asterisk.start()
    try:
        await eventually(lambda: _unavailable(field), within=15, pause=0.2)
        await asterisk.ask("channel originate Local/081200000001@asks application Wait 8")
        await eventually(lambda: "dialled " in log(asterisk), within=8, pause=0.1)
        assert "INVITE" not in gateway.asked
        pjsip = asterisk.folder / "etc" / "pjsip.conf"
        pjsip.write_text(pjsip.read_text().replace("qualify_frequency=2", "qualify_frequency=0"))
        await asterisk.ask("pjsip reload")
        await asterisk.ask("channel originate Local/081200000001@asks application Wait 8")
        await eventually(lambda: "INVITE" in gateway.asked, within=8, pause=0.1)
    finally:
        await asterisk.stop()
        gateway.close()


async def test_a_registration_outlasts_an_operator_that_is_away(tmp_path: Path) -> None:
    """Asterisk gives up after 10 attempts where nothing else is said: five minutes by the sample's 30 s, here 1 s."""
    field = Field(tmp_path, field_plan(), net=free_net())
    asterisk = field.asterisk
    pjsip = asterisk.folder / "etc" / "pjsip.conf"
    pjsip.write_text(pjsip.read_text().replace("\nretry_interval=30", "\nretry_interval=1"))
    registrar = Gateway(field.network.trunk("registered"), "486")
    await registrar.open()
    await asterisk.start()
    try:
        await eventually(lambda: registrar.asked.count("REGISTER") > 13, within=40, pause=0.2)
    finally:
        await asterisk.stop()
        registrar.close()


def let_it_ask(asterisk: Asterisk) -> None:
    """By a dialplan of its own, from its console, and for a sign of life every 2 s."""
    etc = asterisk.folder / "etc"
    (etc / "extensions.conf").write_text(_ASKS)
    for file, old, new in (("modules", "noload=res_clioriginate.so", ""), ("pjsip", "ency=30", "ency=2")):
        path = etc / f"{file}.conf"
        path.write_text(path.read_text().replace(old, new))


def log(asterisk: Asterisk) -> str:
    """What its dialplan said."""
    return (asterisk.folder / "log" / "messages").read_text()


async def _unavailable(field: Field) -> bool:
    return bool(re.search(r"gsm/sip:\S+ +\S+ +Unavail", await field.asterisk.ask("pjsip show contacts")))
