"""What is heard, and by whom, while staff press keys: RTP as it arrives."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from lab.baresip import baresip
from lab.callers import Caller
from lab.exchange import Exchange
from lab.keys import PAYLOAD_TYPE
from lab.network import SIP, free_udp_ports
from lab.phones import BUSY
from lab.processes import eventually
from lab.records import told_of
from lab.sipp import Sipp
from lab.sound import loudness_of

from .plans import plan
from .test_desk_keys import SOON, operator

CALL_TAKER, CITIZEN, AGENCY = 880.0, 440.0, 1320.0


class Ear(asyncio.DatagramProtocol):
    """Counts what arrives, by its payload type."""

    def __init__(self) -> None:
        self.heard: Counter[int] = Counter()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A packet of RTP."""
        self.heard[data[1] & 0x7F] += 1


async def test_the_caller_hears_no_keys(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("*14"), "1102": BUSY, "2201": SOON})
    address, folder = exchange.network.incoming_trunk, exchange.folder / "callers"
    ear, caller = Ear(), Caller(talk=12.0)
    loop = asyncio.get_running_loop()
    way, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=(address, 0))
    port = way.get_extra_info("sockname")[1]
    scenario = caller.scenario(folder).replace("m=audio [media_port]", f"m=audio {port}")
    sipp = await Sipp.start(
        "ear",
        folder,
        scenario,
        address,
        next(free_udp_ports(address)),
        to=f"{exchange.network.exchange}:{SIP}",
        options=("-s", "112", "-m", "1"),
        life=60,
    )
    try:
        await exchange.told(caller, "HelpSought")
        await eventually(lambda: ear.heard.total() > 100, 10)
        async with asyncio.timeout(30):
            await sipp.process.ended()
    finally:
        await sipp.stop()
        way.close()
    assert ear.heard[PAYLOAD_TYPE] == 0, ear.heard


async def test_all_three_hear_each_other_and_in_a_consultation_the_caller_hears_music(
    exchange: Exchange,
) -> None:
    """The call taker's phone rings by itself; the tones are those of three phones."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1102": BUSY})
    net, folder = exchange.network, exchange.folder / "three"
    desk_at, agency_at = exchange.addresses()["1101"], exchange.addresses()["2201"]
    citizen_number = "081271120001"
    async with (
        baresip(folder / "desk", "1101", desk_at, net.exchange, CALL_TAKER) as desk,
        baresip(folder / "agency", "2201", agency_at, net.exchange, AGENCY) as agency,
        baresip(folder / "citizen", citizen_number, net.incoming_trunk, net.exchange, CITIZEN) as citizen,
    ):
        await citizen.dial(f"sip:112@{net.exchange}")
        await desk.hears(CITIZEN)
        await desk.press("**14")
        await told_of(exchange.dsn, citizen_number, "CallerHeld", by=1)
        await hears(desk.heard_in, AGENCY, but_not=CITIZEN)
        await hears(agency.heard_in, CALL_TAKER, but_not=CITIZEN)
        await desk.press("#1")
        await told_of(exchange.dsn, citizen_number, "CallerBack", by=1)
        for who, others in (
            (desk, (CITIZEN, AGENCY)),
            (agency, (CITIZEN, CALL_TAKER)),
            (citizen, (CALL_TAKER, AGENCY)),
        ):
            await hears(who.heard_in, *others)
        await citizen.hang_up()
    await exchange.quiet()


async def hears(folder: Path, *tones: float, but_not: float | None = None) -> None:
    """Wait until each of these tones is a good part of the last second that was heard there."""

    def heard() -> Path:
        return max(folder.glob("*-dec.wav"), key=lambda file: file.stat().st_mtime)

    def as_it_should() -> bool:
        file = heard()
        return all(loudness_of(file, tone) > 0.2 for tone in tones) and (
            but_not is None or loudness_of(file, but_not) < 0.05
        )

    try:
        await eventually(as_it_should, 20, pause=0.2)
    except TimeoutError:
        found = {hertz: round(loudness_of(heard(), hertz), 2) for hertz in (CALL_TAKER, CITIZEN, AGENCY)}
        raise AssertionError(f"{folder}: {found}, not {tones}") from None
