"""Calls through each sample of `dialplan/trunks/`: 112 comes in, mobiles are reached, strangers are not let in."""

from __future__ import annotations

import re
import socket
from asyncio import to_thread
from collections.abc import AsyncIterator

import pytest

from lab.callers import Caller
from lab.network import SIP, free_net
from lab.phones import BUSY, SILENT, Answers, Behaviour, Rejects
from lab.processes import eventually
from lab.sipp import Key, Message

from .trunks import ENCRYPTED, GATEWAYS, REGISTERED, Field, Operator, field_plan

PRESSES_1 = (Key("1", 1.0),)
EARLY = Answers(after=0.5, keys=PRESSES_1, early=True)


@pytest.fixture(scope="module")
async def whole_field(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    """An exchange whose trunks are the samples, each with the address of a gateway of the lab's."""
    exchange = Field(tmp_path_factory.mktemp("field"), field_plan(), net=free_net())
    await exchange.attended({})
    async with Operator(exchange), exchange:
        yield exchange


@pytest.fixture
async def field(whole_field: Field) -> AsyncIterator[Field]:
    """The same with no call in it, and nobody but the gateways, which are silent."""
    await whole_field.operator.picks_up("")
    yield whole_field
    await whole_field.operator.hang_up()
    await whole_field.hang_up_all()
    await whole_field.attended({})
    await whole_field.quiet()


def national(number: str) -> str:
    """As gateways with a telephone line want it."""
    return "0" + number.removeprefix("+62")


async def called(field: Field, behaviours: dict[str, Behaviour]) -> tuple[Caller, dict[str, Message]]:
    """A citizen calls while the gateways do this; what each of them was sent."""
    await field.attended(behaviours)
    for endpoint, number in GATEWAYS.items():
        if number in behaviours:
            await alive(field, endpoint)
    caller = Caller(talk=0.5)
    await (await field.dial(caller)).ended()
    rung = [number for number in behaviours if field.phone(number).rang]
    return caller, {number: field.phone(number).received("INVITE")[0] for number in rung}


@pytest.mark.parametrize("trunk", ["operator", "office-pbx", "registered"])
async def test_112_comes_in_and_the_caller_is_whom_the_operator_names(field: Field, trunk: str) -> None:
    await field.attended({"1101": Answers(after=0.1)})
    told = Caller(talk=0.3)
    caller = Caller(talk=0.3, headers=(f"P-Asserted-Identity: <sip:{told.number}@192.0.2.10>",))
    calling = await field.dial(caller, via=field.network.trunk(trunk))
    await calling.answered()
    await calling.ended()
    record = await field.record(told)
    assert (record.outcome, record.tried) == ("answered", (("1101", "accepted"),))
    assert told.number[1:] in field.phone("1101").received("INVITE")[0].header("P-Asserted-Identity")


@pytest.mark.parametrize("trunk", ["gsm", "fxo"])
async def test_gateways_for_calling_out_let_nobody_in(field: Field, trunk: str) -> None:
    await field.attended({"1101": Answers(after=0.1)})
    calling = await field.dial(Caller(), via=field.network.trunk(trunk))
    assert await calling.refused() == 404
    assert field.phone("1101").rang == 0


@pytest.mark.parametrize("name", ["stranger", "operator", "office-pbx", "gsm", "registered", "0739112"])
async def test_a_stranger_is_refused_whatever_name_it_gives(field: Field, name: str) -> None:
    await field.attended({"1101": Answers(after=0.1)})
    caller = Caller(from_header=f"From: <sip:{name}@192.0.2.10>")
    calling = await field.dial(caller, via=f"{field.network.prefix}.8.66")
    assert await calling.refused(within=3) == 401
    assert field.phone("1101").rang == 0


@pytest.mark.parametrize("endpoint", GATEWAYS)
async def test_we_and_the_gateway_ask_each_other_for_a_sign_of_life(field: Field, endpoint: str) -> None:
    await field.attended({GATEWAYS[endpoint]: SILENT})
    await alive(field, endpoint)
    gateway = field.network.trunk(endpoint)
    assert (await to_thread(ask_options, gateway, field.network.exchange)).startswith("SIP/2.0 200 ")


async def test_each_trunk_is_called_as_its_gateway_wants(field: Field) -> None:
    """Three are busy, congested and silent after 183; the fourth speaks early, is picked up, and presses 1."""
    operator, gsm, fxo, office = (GATEWAYS[name] for name in ("operator", "gsm", "fxo", "office-pbx"))
    early = Answers(after=None, early=True)
    caller, invites = await called(field, {operator: BUSY, gsm: Rejects(503), fxo: early, office: EARLY})
    wants = {operator: operator, gsm: national(gsm), fxo: national(fxo), office: national(office)}
    assert set(invites) == {operator, gsm, fxo, office}
    for number, invite in invites.items():
        address = field.addresses()[number]
        assert invite.first == f"INVITE sip:{wants[number]}@{address}:{SIP} SIP/2.0"
        assert re.search(r"m=audio \d+ RTP/AVP 8 0 101\n", invite.text), "G.711 alone, and digits"
    asked = invites[operator]
    assert f"<sip:0739112@{field.network.trunk('operator')}>" in asked.header("From")
    for number in (operator, gsm, office):
        assert "sip:0739112@" in invites[number].header("From")
        assert "sip:0739112@" in invites[number].header("P-Asserted-Identity")
    record = await field.record(caller)
    assert record.outcome == "answered"
    assert dict(record.tried[1:]) == {
        operator: "busy",
        gsm: "unavailable",
        fxo: "no_answer",
        office: "accepted",
        REGISTERED: "busy",
        ENCRYPTED: "busy",
    }


@pytest.mark.parametrize("endpoint", GATEWAYS)
async def test_who_presses_1_behind_any_trunk_has_the_call(field: Field, endpoint: str) -> None:
    others: dict[str, Behaviour] = {number: BUSY for name, number in GATEWAYS.items() if name != endpoint}
    caller, _ = await called(field, others | {GATEWAYS[endpoint]: Answers(after=0.1, keys=PRESSES_1)})
    record = await field.record(caller)
    assert (record.outcome, record.tried[-1]) == ("answered", (GATEWAYS[endpoint], "accepted"))


@pytest.mark.parametrize("way", ["registered", "elsewhere"])
async def test_the_operator_calls_whom_registered_from_any_of_its_gateways(field: Field, way: str) -> None:
    await field.registered()
    await field.attended({"1101": Answers(after=0.1)})
    caller = Caller()
    await field.operator.calls(caller.number, way)
    await field.told(caller, "LegAccepted")
    await field.operator.hang_up()
    record = await field.record(caller)
    assert (record.outcome, record.tried) == ("answered", (("1101", "accepted"),))


async def test_a_mobile_is_reached_through_the_operator_that_asks_for_the_password(
    field: Field,
) -> None:
    await field.registered()
    await field.operator.picks_up(REGISTERED)
    caller, _ = await called(field, dict.fromkeys(GATEWAYS.values(), BUSY))
    record = await field.record(caller)
    assert record.tried[-1] == (REGISTERED, "accepted")
    assert "<sip:0739112@" in await field.operator.says(f"called {REGISTERED} by ")


async def test_the_offices_pbx_hands_112_on(field: Field) -> None:
    await field.attended({"1101": Answers(after=0.1)})
    caller = Caller()
    await field.operator.calls(caller.number, "office-pbx")
    await field.told(caller, "LegAccepted")
    await field.operator.hang_up()
    record = await field.record(caller)
    assert (record.outcome, record.tried) == ("answered", (("1101", "accepted"),))


async def test_over_tls_112_comes_in_and_a_mobile_is_reached_and_both_speak_by_srtp(field: Field) -> None:
    """A key that is pressed within SRTP has arrived; so have packets the other way, which count only once decrypted."""
    await alive(field, "operator-tls")
    await field.operator.picks_up(ENCRYPTED)
    await field.attended(dict.fromkeys(["1101", *GATEWAYS.values()], BUSY))
    caller = Caller()
    await field.operator.calls(caller.number, "tls")
    assert await field.operator.says(f"talks {ENCRYPTED} encrypted ") == "1"
    await field.operator.hang_up()
    record = await field.record(caller)
    assert record.tried[-1] == (ENCRYPTED, "accepted")
    assert int(await field.operator.says(f"heard {ENCRYPTED} packets ")) > 10


async def test_speech_without_srtp_is_refused_over_tls_and_without(field: Field) -> None:
    await field.quiet()  # who rings now rings for none of the calls before
    await field.attended({"1101": Answers(after=0.1)})
    caller = Caller()
    await field.operator.calls(caller.number, "plain-speech")
    assert (
        await field.operator.says(f"refused {caller.number} with ") == "58"
    )  # 488: this speech is not taken
    calling = await field.dial(Caller(), via=field.network.trunk("operator-tls"))
    assert await calling.refused() == 488
    assert field.phone("1101").rang == 0


async def alive(field: Field, endpoint: str) -> None:
    """Have Asterisk ask that gateway now, not within half a minute, and wait until it has answered."""
    await field.asterisk.ask(f"pjsip qualify {endpoint}")

    async def answered() -> bool:
        return "Avail" in await field.asterisk.ask(f"pjsip show aor {endpoint}")

    await eventually(answered, within=5, pause=0.1)


def ask_options(source: str, exchange: str) -> str:
    """The first line of Asterisk's answer to an OPTIONS from `source`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
        asks.bind((source, 0))
        asks.settimeout(5)
        via = f"{source}:{asks.getsockname()[1]}"
        asks.sendto(
            f"OPTIONS sip:{exchange} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{source};rport\r\n"
            f"From: <sip:gateway@{source}>;tag=life\r\nTo: <sip:{exchange}>\r\nCall-ID: life@{source}\r\n"
            f"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode(),
            (exchange, SIP),
        )
        return asks.recv(4096).decode().partition("\r\n")[0]
