"""A phone's own transfer key, in real SIP: REFER, blind and attended; nobody is dropped, nobody outside reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.baresip import baresip
from lab.callers import Caller, Calling
from lab.exchange import Exchange
from lab.network import SIP
from lab.phones import BUSY
from lab.processes import eventually
from lab.records import told_of
from tests.sip import Talk, Telephone

from .plans import plan
from .test_desk_keys import PATIENT, on_the_phone
from .test_desk_sound import AGENCY, CALL_TAKER, CITIZEN, hears

DESKS = ("1101", "1102", "2101", "2102", "2201")


@asynccontextmanager
async def desks(exchange: Exchange, **behave: str) -> AsyncIterator[dict[str, Telephone]]:
    """A phone on every desk: `486` unless told otherwise (`p1101="answers"`)."""
    at = exchange.addresses()
    phones = {
        number: await Telephone(at[number], SIP, behave.get(f"p{number}", "486")).open() for number in DESKS
    }
    try:
        yield phones
    finally:
        for phone in phones.values():
            phone.close()


async def talk(exchange: Exchange, phones: dict[str, Telephone]) -> tuple[Caller, Calling, Talk]:
    """A citizen talks with 1101."""
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(
        caller, "RecordingStarted"
    )  # of the bridge, once the two are on it: a REFER before is a 400
    # An INVITE of the story before, sent again to whoever is at the address now, is a talk too; that one is over.
    desk = next(each for each in reversed(phones["1101"].talks) if not each.over.is_set())
    await desk.until(desk.connected)
    return caller, calling, desk


async def on_bridges(exchange: Exchange, many: int) -> None:
    """Wait until there are so many bridges: a phone is answered a moment before its `Dial` has joined the two."""

    async def are() -> bool:
        return len((await exchange.leftovers()).bridges) == many

    await eventually(are, 5)


async def leaves(desk: Talk, to: str, into: Talk | None = None) -> None:
    """Transfer, and hang up once the exchange says that it is done, as phones do (RFC 5589)."""
    desk.refer(to, into)
    assert await desk.refer_ended() == "SIP/2.0 200 OK"
    desk.hang_up()
    if into is not None:
        into.hang_up()


async def test_blind_to_an_agencys_code_rings_it_and_lets_the_transferor_go(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers", p2201="answers") as phones:
        caller, calling, desk = await talk(exchange, phones)
        await leaves(desk, "14")
        await exchange.told(caller, "CallTransferred", by=1, to="14", owner="satpol_pp")
        await exchange.told(caller, "LegAccepted", leg=3)
        assert await on_the_phone(exchange) == 2
        calling.hang_up()
        record = await exchange.record(caller)
    assert (record.tried[0], record.tried[2]) == (("1101", "accepted"), ("2201", "accepted"))
    assert record.legs[0]["detail"] == "transferred"
    await exchange.quiet()


async def test_blind_and_nobody_takes_it_the_call_takers_have_the_caller_again(exchange: Exchange) -> None:
    """To an extension that is busy; the agency's other lines and its `then` come first."""
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers") as phones:
        caller, calling, desk = await talk(exchange, phones)
        await leaves(desk, "2201")
        await exchange.told(caller, "StageEntered", why="returned")
        again = await exchange.told(caller, "LegAccepted", leg=4)
        assert again and not calling.hung_up_by_exchange
        calling.hang_up()
        record = await exchange.record(caller)
    assert [leg["line"] for leg in record.legs][2:] == ["2201", "1101", "1102"]
    await exchange.quiet()


@pytest.mark.parametrize("to", ["0900123456", "112", "+6281200000001", "s"])
async def test_what_the_plan_does_not_name_is_refused_and_the_talk_goes_on(
    exchange: Exchange, to: str
) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers") as phones:
        _, calling, desk = await talk(exchange, phones)
        desk.refer(to)
        assert await desk.refer_ended() in ("404", "SIP/2.0 404 Not Found")
        assert await on_the_phone(exchange) == 2 and not desk.over.is_set()
        calling.hang_up()
    await exchange.quiet()


async def test_a_phone_that_forwards_its_calls_leads_nobody_outside_the_plan(exchange: Exchange) -> None:
    """A desk phone's own forwarding (302): whom it names may be a voicemail, a premium number, or 112 again."""
    await exchange.reload_plan(plan(takers_ring="in_order"))
    async with desks(exchange, p1101="302 2201", p1102="answers", p2201="answers") as phones:
        caller = Caller(talk=PATIENT)
        calling = await exchange.dial(caller)
        await calling.answered()
        calling.hang_up()
        record = await exchange.record(caller)
        assert phones["2201"].talks == []
    (first, result), second = record.tried
    assert (first, second) == ("1101", ("1102", "accepted"))
    assert result in ("declined", "failed"), "Asterisk may end the leg before it has noted the 302"
    await exchange.quiet()


async def test_nor_does_it_lead_whom_a_colleague_dials(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p2101="302 2201", p2201="answers") as phones:
        dialling = phones["1101"].call("13", "1101", (exchange.network.exchange, SIP))
        await dialling.until(dialling.over)
        assert dialling.status >= 400
        assert phones["2201"].talks == []
    await exchange.quiet()


async def test_attended_the_agency_has_been_spoken_to_and_takes_over(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers", p2201="answers") as phones:
        caller, calling, desk = await talk(exchange, phones)
        second = phones["1101"].call("14", "1101", (exchange.network.exchange, SIP))
        await second.until(second.connected)
        await on_bridges(exchange, 2)
        await leaves(desk, "14", second)
        await exchange.told(caller, "CallTransferred", by=1, to="2201", attended=True)
        await exchange.told(caller, "LegAccepted", leg=3)
        officer = phones["2201"].talks[-1]
        for key in "#8":  # the agency's keys are codes from here on
            officer.press(key)
            await asyncio.sleep(0.3)
        record = await exchange.record(caller)
    assert (record.tried[0], record.tried[2]) == (("1101", "accepted"), ("2201", "accepted"))
    assert [leg["detail"] for leg in record.legs] == ["transferred", "", "ended_the_call"]
    assert calling.hung_up_by_exchange
    await exchange.quiet()


async def test_attended_before_the_agency_has_answered_is_a_blind_one(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers", p2201="silent") as phones:
        caller, calling, desk = await talk(exchange, phones)
        second = phones["1101"].call("2201", "1101", (exchange.network.exchange, SIP))
        await second.until(second.rang)
        await leaves(desk, "2201", second)
        await exchange.told(caller, "LegRinging", leg=3)
        phones["2201"].pick_up()
        await exchange.told(caller, "LegAccepted", leg=3)
        calling.hang_up()
        record = await exchange.record(caller)
    assert record.tried[-1] == ("2201", "accepted")
    await exchange.quiet()


async def test_two_citizens_cannot_be_joined_and_both_come_back(exchange: Exchange) -> None:
    """Who talks with two on one phone presses transfer: the plan names no citizen."""
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers") as phones:
        one, calling_one, first = await talk(exchange, phones)
        two, calling_two, second = await talk(exchange, phones)
        assert first is not second
        await leaves(first, "112", second)
        for caller in (one, two):
            await exchange.told(caller, "StageEntered", why="returned")
        for calling in (calling_one, calling_two):
            assert not calling.hung_up_by_exchange
            calling.hang_up()
    await exchange.quiet()


async def test_the_caller_hangs_up_while_the_target_rings(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers", p2201="silent") as phones:
        caller, calling, desk = await talk(exchange, phones)
        await leaves(desk, "14")
        await exchange.told(caller, "LegRinging", leg=3)
        calling.hang_up()
        record = await exchange.record(caller)
    assert record.tried[-1] == ("2201", "caller_gone")
    assert (record.outcome, record.call["ended_by"]) == ("answered", "caller")
    await exchange.quiet()


async def test_a_daemon_that_dies_in_the_middle_finds_the_transfer_and_goes_on(exchange: Exchange) -> None:
    """It hangs when Asterisk tells of it, so nothing of it is journalled, and is then killed."""
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers", p2201="answers") as phones:
        caller, calling, desk = await talk(exchange, phones)
        exchange.daemon.freeze()
        await leaves(desk, "14")
        await exchange.daemon.kill()
        await exchange.daemon.start()
        await exchange.told(caller, "CallTransferred", by=1, to="14", owner="satpol_pp")
        await exchange.told(caller, "LegAccepted", leg=3)
        assert not calling.hung_up_by_exchange
        calling.hang_up()
        await exchange.record(caller)
    await exchange.quiet()


async def test_without_the_daemon_a_transfer_is_refused_and_the_two_talk_on(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with desks(exchange, p1101="answers", p2201="answers") as phones:
        caller, calling, desk = await talk(exchange, phones)
        await exchange.daemon.kill()
        await eventually(lambda: exchange.daemon.pid is None, 5)
        desk.refer("14")
        assert await desk.refer_ended() in ("503", "SIP/2.0 503 Service Unavailable")
        assert await on_the_phone(exchange) == 2 and not desk.over.is_set()
        await exchange.daemon.start()
        calling.hang_up()
        await exchange.record(caller)
    await exchange.quiet()


async def test_a_real_phone_transfers_and_citizen_and_agency_hear_each_other(exchange: Exchange) -> None:
    """baresip, which puts the citizen on hold first; tones tell who hears whom."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1102": BUSY})
    here, folder, at = exchange.network.exchange, exchange.folder / "transfer", exchange.addresses()
    number = "081271120099"
    async with (
        baresip(folder / "desk", "1101", at["1101"], here, CALL_TAKER) as desk,
        baresip(folder / "agency", "2201", at["2201"], here, AGENCY) as agency,
        baresip(folder / "citizen", number, exchange.network.incoming_trunk, here, CITIZEN) as citizen,
    ):
        await citizen.dial(f"sip:112@{here}")
        await desk.hears(CITIZEN)
        await desk.transfer(f"sip:14@{here}")
        await told_of(exchange.dsn, number, "CallTransferred", by=1, to="14")
        await hears(agency.heard_in, CITIZEN, but_not=CALL_TAKER)
        await hears(citizen.heard_in, AGENCY, but_not=CALL_TAKER)
        await citizen.hang_up()
    await exchange.quiet()
