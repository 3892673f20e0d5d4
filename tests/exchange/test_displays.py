"""What the desk phones display: who calls and what it is about, while they ring and for as long as the talk lasts; and
what the citizen's network is told of those who answer: nothing."""

from __future__ import annotations

import asyncio

import pytest

from lab.callers import Caller, Calling
from lab.exchange import Exchange
from lab.phones import BUSY, HUMAN, Answers, Phone
from lab.sipp import Key, Message

from .plans import MOBILE_A, plan

SOON = Answers(after=0.2)
STAFF = ("1101", "1102", "2101", "2102", "2201")


def shown(message: Message) -> tuple[str, str]:
    """What a phone takes from a message: From, and P-Asserted-Identity where there is one; without tags and hosts."""
    sender, _, number = message.header("From").partition("<sip:")
    assert not message.header("Remote-Party-ID")
    asserted = message.header("P-Asserted-Identity")
    if asserted:
        assert asserted.partition("@")[0] == message.header("From").partition("@")[0], "both say the same"
    return sender.strip(' "'), number.partition("@")[0]


def said_later(phone: Phone) -> list[str]:
    """Every request after the first INVITE and its ACK: whatever could change the display would be among them."""
    requests = [message for message in phone.messages if not message.sent and message.method]
    return [message.method for message in requests if message.method not in ("ACK", "OPTIONS")][1:]


def staff_unseen(calling: Calling) -> None:
    """No extension, name or identity of ours reached the caller's network."""
    for message in calling.sipp.messages:
        if message.sent:
            continue
        for name in (
            "P-Asserted-Identity",
            "Remote-Party-ID",
            "P-Preferred-Identity",
            "Diversion",
            "Call-Info",
        ):
            assert not message.header(name), message.text
        head = message.text.partition("\n\n")[0]
        lines = [line for line in head.splitlines() if line.startswith(("To:", "Contact:"))]
        assert not any(number in line for number in STAFF for line in lines), lines


async def test_a_call_takers_phone_shows_the_citizen_also_after_it_answered(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller(talk=2, display='Kepala \\"Polisi\\"')
    calling = await exchange.dial(caller)
    await calling.ended()
    await exchange.quiet()
    phone = exchange.phone("1101")
    assert shown(phone.received("INVITE")[0]) == ("112", "+62" + caller.number[1:])
    assert said_later(phone) == ["BYE"], "nothing changes the display"
    staff_unseen(calling)


async def test_an_agencys_phone_shows_what_the_caller_chose(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(then="menu", takers_ring_for=1))
    await exchange.phones({"1101": BUSY, "1102": BUSY, "2101": BUSY, "2102": SOON})
    caller = Caller(talk=4, keys=(Key("1", 1.0),))
    calling = await exchange.dial(caller)
    await calling.ended()
    record = await exchange.record(caller)
    await exchange.quiet()
    assert record.call["incident"] == "kebakaran"
    for number in ("2101", "2102"):
        invite = exchange.phone(number).received("INVITE")[0]
        assert shown(invite) == ("112 Kebakaran, Dinas Damkar", "+62" + caller.number[1:])
    assert said_later(exchange.phone("2102")) == ["BYE"]
    staff_unseen(calling)


async def test_an_agency_that_is_called_in_sees_what_it_is_about_and_no_other_display_changes(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(plan())
    keys = (Key("#", 0.6), Key("3", 0.3), Key("1", 0.3))
    await exchange.phones(
        {"1101": Answers(after=0.2, keys=keys), "1102": BUSY, "2101": SOON, "2102": BUSY, "2201": SOON}
    )
    caller = Caller(talk=30)
    calling = await exchange.dial(caller)
    for number in ("2101", "2201"):
        await exchange.phone(number).until_rung()
    for leg in (3, 4):
        await exchange.told(caller, "LegAccepted", leg=leg)
    calling.hang_up()
    await calling.ended()
    await exchange.quiet()
    number = "+62" + caller.number[1:]
    assert shown(exchange.phone("1101").received("INVITE")[0]) == ("112", number)
    assert shown(exchange.phone("2101").received("INVITE")[0]) == ("112 Kebakaran, Dinas Damkar", number)
    assert shown(exchange.phone("2201").received("INVITE")[0]) == ("112 Kebakaran, Satpol PP", number)
    for phone in ("1101", "2101", "2201"):
        assert said_later(exchange.phone(phone)) == ["BYE"], phone
    staff_unseen(calling)


async def test_a_mobile_sees_the_trunks_own_number_and_the_caller_never_sees_the_mobiles(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(plan(then="damkar", takers_ring_for=1))
    await exchange.phones({"1101": BUSY, "1102": BUSY, "2101": BUSY, "2102": BUSY, MOBILE_A: HUMAN})
    caller = Caller(talk=1)
    calling = await exchange.dial(caller)
    await calling.ended()
    await exchange.quiet()
    mobile = exchange.phone(MOBILE_A)
    assert shown(mobile.received("INVITE")[0]) == ("112 Dinas Damkar", "0739112")
    assert all(caller.number[1:] not in message.text for message in mobile.received("INVITE"))
    assert said_later(mobile) == ["BYE"]
    assert all(MOBILE_A[1:] not in message.text for message in calling.sipp.messages if not message.sent)


async def test_a_restarted_daemon_changes_no_display(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await asyncio.sleep(0.5)  # time in which an UPDATE would come
    calling.hang_up()
    await calling.ended()
    await exchange.quiet()
    assert said_later(exchange.phone("1101")) == ["BYE"]
    staff_unseen(calling)


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "fallback"])
async def test_who_hides_the_number_from_others_does_not_hide_it_from_112(
    exchange: Exchange, daemon: bool
) -> None:
    """CLIR: the network asserts the number and asks for privacy (RFC 3323); an emergency service is to see it."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    if not daemon:
        await exchange.daemon.stop()
    caller = Caller(
        talk=0.5,
        from_header="From: <sip:anonymous@anonymous.invalid>",
        headers=("P-Asserted-Identity: <sip:+6281234567890@ims>", "Privacy: id"),
    )
    calling = await exchange.dial(caller)
    await calling.ended()
    await exchange.quiet()
    assert shown(exchange.phone("1101").received("INVITE")[0]) == ("112", "+6281234567890")


async def test_the_fallback_shows_the_same(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(then="menu", takers_ring_for=1))
    await exchange.phones({"1101": BUSY, "1102": BUSY, "2101": BUSY, "2102": SOON})
    await exchange.daemon.stop()
    caller = Caller(talk=4, keys=(Key("1", 1.0),))
    calling = await exchange.dial(caller)
    await calling.ended()
    await exchange.quiet()
    number = caller.number
    assert shown(exchange.phone("1101").received("INVITE")[0]) == ("112", number)
    assert shown(exchange.phone("2101").received("INVITE")[0]) == ("112 Kebakaran, Dinas Damkar", number)
    phone = exchange.phone("2102")
    for message in [m for m in phone.messages if not m.sent and m.method in ("INVITE", "UPDATE")]:
        assert shown(message) == ("112 Kebakaran, Dinas Damkar", number)
    staff_unseen(calling)
