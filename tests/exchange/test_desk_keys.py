"""What staff do with the keys of a desk phone during a call: real Asterisk, real DTMF (RFC 4733)."""

from __future__ import annotations

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, DECLINES, HUMAN, Answers, codes
from lab.sipp import Key

from .plans import MOBILE_A, plan

SOON = Answers(after=0.2)
PATIENT = 30.0


def operator(*pressed: str, talk: float | None = None, between: float = 2.0) -> Answers:
    """A call taker who picks up and presses these codes; hangs up `talk` seconds after the last one."""
    return Answers(after=0.2, keys=codes(*pressed, between=between), talk=talk)


async def on_the_phone(exchange: Exchange) -> int:
    """How many telephones have a channel in Asterisk."""
    return sum(channel.startswith("PJSIP/") for channel in (await exchange.leftovers()).channels)


async def test_an_agency_is_added_and_all_three_are_on_the_bridge(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("*13"), "1102": BUSY, "2101": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    sought = await exchange.told(caller, "HelpSought")
    assert sought["body"]["owner"] == "damkar"
    await exchange.told(caller, "LegAccepted", leg=3)
    assert await on_the_phone(exchange) == 3
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried == (("1101", "accepted"), ("1102", "busy"), ("2101", "accepted"))
    assert (record.outcome, record.call["ended_by"]) == ("answered", "caller")
    await exchange.quiet()


async def test_the_agency_rings_by_the_plan_and_a_mobile_presses_1(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones(
        {"1101": operator("*13"), "1102": BUSY, "2101": BUSY, "2102": DECLINES, MOBILE_A: HUMAN}
    )
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "LegAccepted", leg=5)
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried[2:] == (("2101", "busy"), ("2102", "declined"), (MOBILE_A, "accepted"))


async def test_nobody_comes_and_the_two_talk_on(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("*14"), "1102": BUSY, "2201": BUSY})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "HelpEnded", result="unreached")
    assert await on_the_phone(exchange) == 2
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.outcome == "answered"


async def test_hanging_up_with_somebody_there_hands_the_call_over(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("*14", talk=12.0), "1102": BUSY, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "LegEnded", leg=1)
    assert await on_the_phone(exchange) == 2, "caller and agency talk on"
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried == (("1101", "accepted"), ("1102", "busy"), ("2201", "accepted"))


async def test_hanging_up_alone_brings_the_caller_back_to_the_call_takers(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.2, talk=1.0), "1102": BUSY})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "StageEntered", why="returned")
    await exchange.told(caller, "LegAccepted", leg=3)
    assert not calling.hung_up_by_exchange
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried[:3] == (("1101", "accepted"), ("1102", "busy"), ("1101", "accepted"))


async def test_a_marked_call_ends_when_the_call_taker_hangs_up(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("#63", "#41", talk=1.5), "1102": BUSY})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await calling.answered()
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("answered", "staff")
    assert record.call["incident"] == "kebakaran"
    marks = [event["body"] for event in record.events if event["kind"] == "CallMarked"]
    assert len(marks) == 2 and '"prank"' in marks[0] and '"1101"' in marks[0]


async def test_the_call_taker_ends_the_call_by_a_code(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("#8"), "1102": BUSY})
    caller = Caller(talk=PATIENT)
    await exchange.dial(caller)
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("answered", "staff")
    assert record.legs[0]["detail"] == "ended_the_call"


async def test_a_whole_incident_rings_everybody_at_once(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("#31"), "1102": BUSY, "2101": SOON, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    for leg in (3, 4):
        await exchange.told(caller, "LegAccepted", leg=leg)
    assert await on_the_phone(exchange) == 4
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.call["incident"] == "kebakaran"
    offered = [leg["offered_at"] for leg in record.legs[2:]]
    assert (offered[1] - offered[0]).total_seconds() < 0.5


async def test_consulting_holds_the_caller_until_all_are_together(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("**14", "#1", between=10.0), "1102": BUSY, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    held = await exchange.told(caller, "CallerHeld")
    back = await exchange.told(caller, "CallerBack", by=1)
    calling.hang_up()
    record = await exchange.record(caller)
    held_for = (back["at"] - held["at"]).total_seconds()
    whole = (record.call["ended_at"] - record.call["accepted_at"]).total_seconds()
    assert held_for > 1
    assert abs(whole - held_for - float(record.call["talk_seconds"])) < 0.2
    await exchange.quiet()


async def test_who_is_held_for_too_long_comes_back_by_itself(exchange: Exchange) -> None:
    await exchange.reload_plan(plan().replace("menu_wait: 2", "menu_wait: 2, max_hold: 5"))
    await exchange.phones({"1101": operator("**14"), "1102": BUSY, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    held = await exchange.told(caller, "CallerHeld")
    back = await exchange.told(caller, "CallerBack", why="longest")
    assert 4.9 < (back["at"] - held["at"]).total_seconds() < 6
    assert await on_the_phone(exchange) == 3
    calling.hang_up()
    await exchange.record(caller)
    await exchange.quiet()


async def test_back_to_the_caller_lets_the_agency_go(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("**14", "#2", between=10.0), "1102": BUSY, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "CallerBack", by=1)
    await exchange.told(caller, "HelpEnded", result="dropped")
    assert await on_the_phone(exchange) == 2
    calling.hang_up()
    record = await exchange.record(caller)
    assert (record.legs[2]["result"], record.legs[2]["detail"]) == ("accepted", "dropped")


async def test_the_caller_hangs_up_while_held_and_nothing_is_left(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("**14"), "1102": BUSY, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "CallerHeld")
    calling.hang_up()
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("answered", "caller")
    await exchange.quiet()


async def test_the_operators_phone_dies_in_a_consultation_and_the_caller_is_with_the_agency(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("**14", talk=10.0), "1102": BUSY, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "CallerHeld")
    back = await exchange.told(caller, "CallerBack")
    assert "by" not in back["body"], "by nobody: the agency alone is left"
    assert not calling.hung_up_by_exchange
    calling.hang_up()
    await exchange.record(caller)


async def test_a_colleague_is_called_in(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("#72"), "1102": Answers(after=1.0)})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "LegAccepted", leg=3)
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried == (("1101", "accepted"), ("1102", "answered_elsewhere"), ("1102", "accepted"))


async def test_a_caller_who_cannot_speak_presses_5(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("#5"), "1102": BUSY})
    caller = Caller(talk=PATIENT, keys=(Key("5", 5.0),))
    calling = await exchange.dial(caller)
    assert (await exchange.told(caller, "KeyAsked"))["body"]["by"] == 1
    assert (await exchange.told(caller, "KeyGiven"))["body"]["digit"] == "5"
    calling.hang_up()
    await exchange.record(caller)


async def test_codes_that_lead_nowhere_are_told_so_and_noted(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("*99", "#0"), "1102": BUSY})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "CommandRefused", keys="*9", why="unknown")
    await exchange.told(caller, "CommandRefused", keys="#0", why="nobody")
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.outcome == "answered"
