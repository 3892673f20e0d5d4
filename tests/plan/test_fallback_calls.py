"""Without the daemon: the dialplan alone brings the citizen to somebody, and what it notes tells what happened."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from lab.processes import eventually
from pbx112.cdr.fallback import FallbackRecords
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.model import events as ev
from pbx112.model.events import CallEvent, LegResult, Outcome
from pbx112.model.state import Ended, fold
from pbx112.plan.types import Plan
from tests.fallback_exchange import Exchange
from tests.plan.plans import ALWAYS, NEVER, agency, extension, mobile, plan

PIKET = "+6281200000001"
FALSE_STEPS = ("1101", "1102", "2101", "2102", "2103")


async def events_of(exchange: Exchange, made: Plan) -> list[CallEvent]:
    """The one call in Asterisk's records, once all is over."""
    await exchange.quiet()
    records = FallbackRecords(exchange.records)
    (call,) = records.take(made)
    assert records.damaged == 0, exchange.records.read_text()
    assert records.unfinished(made) == ()
    assert call.plan == made.hash
    state = fold(call.call_id, call.events)
    assert state is not None
    assert isinstance(state.situation, Ended)
    assert not state.live_legs()
    return [event for _, event in call.events]


def attempts(events: list[CallEvent]) -> list[tuple[str, LegResult]]:
    """Each attempt to reach a line, and what became of it."""
    numbers = {event.leg: event.target.number for event in events if isinstance(event, ev.LegOffered)}
    ended = {event.leg: event.result for event in events if isinstance(event, ev.LegEnded)}
    assert numbers.keys() == ended.keys()
    return [(numbers[leg], ended[leg]) for leg in numbers]


def stages(events: list[CallEvent]) -> list[tuple[str, str, int]]:
    return [(event.owner, event.why, event.round) for event in events if isinstance(event, ev.StageEntered)]


async def test_a_phone_that_forwards_leads_nobody_outside_the_plan(exchange: Exchange) -> None:
    """A desk phone's own call forwarding (302), to a mobile's voicemail or a premium number."""
    made = plan(agency("damkar", extension("2101"), extension("2102")))
    await exchange.use(made)
    await exchange.phone("2101", "302 2103")
    elsewhere = await exchange.phone("2103", "answers")
    second = await exchange.phone("2102", "answers")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    officer = await second.rung()
    await officer.until(officer.connected)
    citizen.hang_up()
    await officer.until(officer.over)

    events = await events_of(exchange, made)
    assert attempts(events) == [("2101", LegResult.NO_ANSWER), ("2102", LegResult.ACCEPTED)]
    assert elsewhere.talks == []


async def test_the_first_line_is_busy_and_the_second_answers(exchange: Exchange) -> None:
    made = plan(agency("damkar", extension("2101")), takers=(extension("1101"), extension("1102")))
    await exchange.use(made)
    await exchange.phone("1101", "486")
    second = await exchange.phone("1102", "answers")
    citizen = await exchange.call(caller="081234567890")
    await citizen.until(citizen.connected)
    operator = await second.rung()
    await operator.until(operator.connected)
    await citizen.until_heard(operator)
    await operator.until_heard(citizen)
    citizen.hang_up()
    await operator.until(operator.over)

    events = await events_of(exchange, made)
    arrived = events[0]
    assert isinstance(arrived, ev.CallArrived)
    assert arrived == ev.CallArrived(
        channel=arrived.channel,
        caller_raw="081234567890",
        caller="+6281234567890",
        callable=True,
        dialled="112",
        source="trunk-112",
        via="fallback",
    )
    assert attempts(events) == [("1101", LegResult.BUSY), ("1102", LegResult.ACCEPTED)]
    assert events[-1] == ev.CallEnded(Outcome.FALLBACK_ANSWERED, "caller")
    assert "<sip:081234567890@" in operator.invite, "the phone shows who calls"


async def test_staff_hangs_up_and_the_call_is_over(exchange: Exchange) -> None:
    made = plan(agency("damkar", extension("2101"), extension("2102")))
    await exchange.use(made)
    phone = await exchange.phone("2101", "answers")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    (await phone.rung()).hang_up()
    await citizen.until(citizen.over)
    events = await events_of(exchange, made)
    assert attempts(events) == [("2101", LegResult.ACCEPTED)]
    assert events[-1] == ev.CallEnded(Outcome.FALLBACK_ANSWERED, "staff")


async def test_a_talk_that_breaks_does_not_end_the_call(exchange: Exchange) -> None:
    made = plan(agency("damkar", extension("2199"), extension("2102")))
    await exchange.use(made)
    await exchange.phone("2199", "answers")  # and then no sound comes from it
    next_one = await exchange.phone("2102", "answers")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    second = await next_one.rung()
    await second.until(second.connected)
    assert not citizen.over.is_set()
    second.hang_up()
    await citizen.until(citizen.over)
    events = await events_of(exchange, made)
    lost = next(event for event in events if isinstance(event, ev.LegEnded))
    assert (lost.result, lost.cause, lost.detail) == (LegResult.ACCEPTED, 44, "lost")
    assert attempts(events) == [("2199", LegResult.ACCEPTED), ("2102", LegResult.ACCEPTED)]
    assert events[-1] == ev.CallEnded(Outcome.FALLBACK_ANSWERED, "staff")


async def test_a_mobile_is_reached_by_the_human_who_presses_1(exchange: Exchange, sounds: Path) -> None:
    made = plan(agency("damkar", mobile(PIKET)))
    await exchange.use(made, sounds)
    gateway = await exchange.phone("gsm", "presses 1")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    piket = await gateway.rung()
    citizen.hang_up()
    await piket.until(piket.over)
    assert piket.invite.startswith(f"INVITE sip:{PIKET}@")
    assert "<sip:0739112@" in piket.invite, "the trunk's own number is shown to the network"
    events = await events_of(exchange, made)
    offered = next(event for event in events if isinstance(event, ev.LegOffered))
    assert offered.target.trunk == "gsm"
    assert offered.target.max_talk == 3600
    assert attempts(events) == [(PIKET, LegResult.ACCEPTED)]


@pytest.mark.parametrize("behaves", ["voicemail", "presses 2"])
async def test_a_voicemail_does_not_get_the_call(exchange: Exchange, sounds: Path, behaves: str) -> None:
    made = plan(agency("damkar", mobile(PIKET), extension("2101")))
    await exchange.use(made, sounds)
    await exchange.phone("gsm", behaves)
    phone = await exchange.phone("2101", "answers")
    citizen = await exchange.call()
    operator = await phone.rung()
    await citizen.until(citizen.connected)
    citizen.hang_up()
    await operator.until(operator.over)
    events = await events_of(exchange, made)
    assert attempts(events) == [(PIKET, LegResult.ANSWERED_NOT_ACCEPTED), ("2101", LegResult.ACCEPTED)]


async def test_a_missing_prompt_does_not_lose_the_mobile(exchange: Exchange) -> None:
    made = plan(agency("damkar", mobile(PIKET)))
    await exchange.use(made, sounds=None)
    gateway = await exchange.phone("gsm", "answers")
    citizen = await exchange.call()
    piket = await gateway.rung()
    await piket.until(piket.connected)
    piket.press("1")
    await citizen.until(citizen.connected)
    citizen.hang_up()
    assert attempts(await events_of(exchange, made)) == [(PIKET, LegResult.ACCEPTED)]


async def test_all_ring_together_and_the_voicemail_among_them_does_not_win(
    exchange: Exchange, sounds: Path
) -> None:
    lines = mobile(PIKET, accept_for=4), extension("2101", ring_for=8), extension("2102", ring_for=8)
    made = plan(agency("rsud", *lines, ring="all"))
    await exchange.use(made, sounds)
    gateway = await exchange.phone("gsm", "voicemail")
    silent = await exchange.phone("2101", "silent")
    ward = await exchange.phone("2102", "silent")
    citizen = await exchange.call()
    voicemail = await gateway.rung()
    await voicemail.until(voicemail.connected)
    await silent.rung()
    nurse = await ward.rung()
    assert not citizen.connected.is_set()
    ward.pick_up()
    await citizen.until(citizen.connected)
    other = silent.talks[0]
    await other.until(other.over)
    assert "Call completed elsewhere" in other.reason
    citizen.hang_up()
    await nurse.until(nurse.over)
    events = await events_of(exchange, made)
    assert dict(attempts(events)) == {
        PIKET: LegResult.ANSWERED_ELSEWHERE,
        "2101": LegResult.ANSWERED_ELSEWHERE,
        "2102": LegResult.ACCEPTED,
    }
    assert len(next(e for e in events if isinstance(e, ev.StageEntered)).waves[0]) == 3


async def test_the_caller_hangs_up_while_it_rings(exchange: Exchange) -> None:
    made = plan(agency("damkar", extension("2101", ring_for=20)))
    await exchange.use(made)
    phone = await exchange.phone("2101", "silent")
    citizen = await exchange.call()
    await citizen.until(citizen.rang)
    ringing = await phone.rung()
    citizen.cancel()
    await ringing.until(ringing.over)
    events = await events_of(exchange, made)
    assert attempts(events) == [("2101", LegResult.CALLER_GONE)]
    assert events[-1] == ev.CallEnded(Outcome.ABANDONED_RINGING, "caller")


@pytest.mark.parametrize("spoken", [True, False])
async def test_nobody_answers_at_all_and_the_caller_is_told(
    exchange: Exchange, sounds: Path, spoken: bool
) -> None:
    made = plan(
        agency("damkar", extension("2101"), extension("2190"), then="satpol_pp"),
        agency("satpol_pp", extension("2103")),
        takers=(extension("1101"), extension("1102")),
        ring="all",
        then="damkar",
    )
    await exchange.use(made, sounds if spoken else None)
    for number, status in {"1101": "486", "1102": "603", "2101": "404"}.items():
        await exchange.phone(number, status)
    await exchange.phone("2103", "silent")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    if spoken:
        await citizen.until(citizen.over)
    else:
        citizen.hang_up()
    events = await events_of(exchange, made)
    assert stages(events) == [
        ("call_takers", "first", 1),
        ("damkar", "then", 1),
        ("satpol_pp", "then", 1),
        ("call_takers", "again", 2),
        ("damkar", "again", 2),
        ("satpol_pp", "again", 2),
    ]
    assert dict(attempts(events)) == {
        "1101": LegResult.BUSY,
        "1102": LegResult.DECLINED,
        "2101": LegResult.MISCONFIGURED,
        "2190": LegResult.UNAVAILABLE,
        "2103": LegResult.NO_ANSWER,
    }
    assert len(attempts(events)) == 10
    assert events[-1] == ev.CallEnded(Outcome.FALLBACK_UNANSWERED, "system" if spoken else "caller")


async def test_lines_off_duty_are_tried_last_but_tried(exchange: Exchange) -> None:
    in_order = extension("2101", NEVER), extension("2102"), extension("2103", ALWAYS)
    together = extension("1101", NEVER), extension("1102")
    made = plan(agency("damkar", *in_order), takers=together, ring="all", then="damkar")
    await exchange.use(made)
    for number in ("1101", "1102", "2102", "2103"):
        await exchange.phone(number, "486")
    await exchange.phone("2101", "answers")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    citizen.hang_up()
    events = await events_of(exchange, made)
    assert [number for number, _ in attempts(events)] == ["1102", "1101", "2102", "2103", "2101"]


MENU = {"1": "damkar", "2": "bpbd"}


async def test_the_caller_chooses_in_the_menu(exchange: Exchange, sounds: Path) -> None:
    made = plan(
        agency("damkar", extension("2101")),
        agency("bpbd", extension("2102", ring_for=10)),
        agency("satpol_pp", extension("2103")),
        menu=MENU,
    )
    await exchange.use(made, sounds)
    phone = await exchange.phone("2102", "mute")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    citizen.press("2")
    operator = await phone.rung()
    await citizen.phone.hears(10)  # ringing, in the band: the call is already connected
    phone.pick_up()
    await operator.until(operator.connected)
    operator.hang_up()
    await citizen.until(citizen.over)
    events = await events_of(exchange, made)
    assert ev.MenuChosen("2", "incident_2") in events
    assert stages(events) == [("bpbd", "menu:incident_2", 1)]
    assert attempts(events) == [("2102", LegResult.ACCEPTED)]


@pytest.mark.parametrize("spoken", [True, False])
async def test_who_chooses_nothing_gets_the_default_agency(
    exchange: Exchange, sounds: Path, spoken: bool
) -> None:
    made = plan(
        agency("damkar", extension("2101")), agency("satpol_pp", extension("2103")), menu={"1": "damkar"}
    )
    await exchange.use(made, sounds if spoken else None)
    phone = await exchange.phone("2103", "answers")
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    if spoken:
        citizen.press("7")
    operator = await phone.rung()
    await operator.until(operator.connected)
    await operator.until_heard(citizen)
    citizen.hang_up()
    events = await events_of(exchange, made)
    offered = [event for event in events if isinstance(event, ev.MenuOffered)]
    assert [menu.attempt for menu in offered] == ([1, 2] if spoken else [1])
    assert offered[0].keys == {"1": "incident_1"}
    assert stages(events) == [("satpol_pp", "menu_default", 1)]
    assert events[-1] == ev.CallEnded(Outcome.FALLBACK_ANSWERED, "caller")


async def test_the_caller_leaves_the_menu(exchange: Exchange, sounds: Path) -> None:
    made = plan(agency("damkar", extension("2101")), menu={"1": "damkar"})
    await exchange.use(made, sounds)
    citizen = await exchange.call()
    await citizen.until(citizen.connected)
    citizen.hang_up()
    events = await events_of(exchange, made)
    assert events[-1] == ev.CallEnded(Outcome.ABANDONED_MENU, "caller")


async def test_a_call_over_the_trunk_ends_at_its_limit_and_the_caller_stays(exchange: Exchange) -> None:
    made = plan(agency("damkar", mobile(PIKET, accept="pickup", max_talk=1), extension("2101")))
    await exchange.use(made)
    gateway = await exchange.phone("gsm", "answers")
    phone = await exchange.phone("2101", "answers")
    citizen = await exchange.call()
    piket = await gateway.rung()
    await piket.until(piket.over)
    second = await phone.rung()
    await second.until(second.connected)
    await second.until_heard(citizen)
    citizen.hang_up()
    events = await events_of(exchange, made)
    assert attempts(events) == [(PIKET, LegResult.ACCEPTED), ("2101", LegResult.ACCEPTED)]
    assert "max_talk" in [event.detail for event in events if isinstance(event, ev.LegEnded)]


def refusals(calls: Iterable[FallbackCall]) -> list[str]:
    """Of each line that was not dialled: why."""
    events = [event for call in calls for _, event in call.events]
    placed = [event.placed for event in events if isinstance(event, ev.LegOffered)]
    ends = [event for event in events if isinstance(event, ev.LegEnded) and event.detail]
    assert placed.count(False) == len(ends)
    assert all(event.result is LegResult.UNAVAILABLE for event in ends)
    return [event.detail for event in ends]


async def test_a_trunk_carries_no_more_calls_at_once_than_it_may(exchange: Exchange) -> None:
    made = plan(
        agency("damkar", mobile(PIKET, accept="pickup"), extension("2101")), max_calls=1, max_per_hour=97
    )
    await exchange.use(made)
    gateway = await exchange.phone("gsm", "answers")
    phone = await exchange.phone("2101", "answers")
    first = await exchange.call()
    piket = await gateway.rung()
    await first.until(first.connected)
    second = exchange.again(first)
    desk = await phone.rung()
    await second.until(second.connected)
    first.hang_up()
    await piket.until(piket.over)
    third = exchange.again(first)
    await third.until(third.connected)
    assert (await gateway.rung()) is not piket, "the trunk is free again"
    second.hang_up()
    third.hang_up()
    await desk.until(desk.over)
    await exchange.quiet()
    assert refusals(FallbackRecords(exchange.records).take(made)) == ["trunk_full"]


async def test_lines_that_ring_together_share_what_the_trunk_carries(exchange: Exchange) -> None:
    """Two at the same moment, and one of the two circuits is in use: one is dialled, not none and not both."""
    lines = (mobile(PIKET, accept="pickup"), mobile("+6281200000002", accept="pickup"))
    taker = mobile("+6281200000003", accept="pickup")
    made = plan(agency("damkar", *lines, ring="all"), takers=(taker,), max_calls=2, max_per_hour=96)
    await exchange.use(made)
    gateway = await exchange.phone("gsm", "silent")
    first = await exchange.call()
    await gateway.rung()
    gateway.pick_up()
    await first.until(first.connected)
    second = exchange.again(first)
    await eventually(lambda: len(gateway.talks) == 3)  # at its call taker nobody picks up
    gateway.pick_up()
    await second.until(second.connected)
    first.hang_up()
    second.hang_up()
    await exchange.quiet()
    assert len(gateway.talks) == 3
    assert refusals(FallbackRecords(exchange.records).take(made)) == ["trunk_full"]


async def test_more_mobiles_than_circuits_ring_one_after_the_other(exchange: Exchange) -> None:
    """`ring: all` over a gateway with one SIM card: the second was never rung."""
    lines = (mobile(PIKET, accept="pickup"), mobile("+6281200000002", accept="pickup"))
    made = plan(agency("damkar", *lines, ring="all"), max_calls=1, max_per_hour=95)
    await exchange.use(made)
    gateway = await exchange.phone("gsm", "silent")
    citizen = await exchange.call()
    await eventually(lambda: len(gateway.talks) == 2)
    gateway.pick_up()
    await citizen.until(citizen.connected)
    citizen.hang_up()
    events = await events_of(exchange, made)
    assert attempts(events) == [(PIKET, LegResult.NO_ANSWER), ("+6281200000002", LegResult.ACCEPTED)]


async def test_a_trunk_is_given_no_more_calls_within_an_hour_than_it_may(exchange: Exchange) -> None:
    made = plan(agency("damkar", mobile(PIKET, accept="pickup"), extension("2101")), max_per_hour=2)
    await exchange.use(made)
    gateway = await exchange.phone("gsm", "answers")
    phone = await exchange.phone("2101", "answers")
    citizen = await exchange.call()
    for _ in range(2):
        await citizen.until(citizen.connected)
        piket = await gateway.rung()
        citizen.hang_up()
        await piket.until(piket.over)
        citizen = exchange.again(citizen)
    await citizen.until(citizen.connected)
    assert len(phone.talks) == 1
    citizen.hang_up()
    await exchange.no_channels()
    # An hour later: the moments that Asterisk keeps are put back by one.
    hour_ago = int(time.time()) - 3600
    for slot in range(2):
        await exchange.asterisk.ask(f"database put pbx112 gsm-2/{slot} {hour_ago}")
    citizen = exchange.again(citizen)
    await citizen.until(citizen.connected)
    assert (len(gateway.talks), len(phone.talks)) == (3, 1)
    citizen.hang_up()
    await exchange.quiet()
    assert refusals(FallbackRecords(exchange.records).take(made)) == ["trunk_hour_full"]


@pytest.mark.parametrize(
    "caller",
    [
        '"; exten => x" <sip:1%0d%0aexten%24%7BSHELL(id)%7D@x>',
        '"${PBX112_CALL}&b" <sip:%24%7BPBX112_CALL%7D,1)&Local%2f1@x>',
        f"<sip:{'9' * 500}@x>",
        "<sip:+62812%2C%2C%22%27@x>",
        '"пожар🔥" <sip:%D0%BF%F0%9F%94%A5%ff@x>',
        "<sip:x@x>",
        '"" <sip:127.0.0.1>',
        "<sip:anonymous@anonymous.invalid>",
    ],
)
async def test_whatever_the_caller_is_called_the_phone_rings(exchange: Exchange, caller: str) -> None:
    """And nothing of it is dialled: the trunk, too, is given the plan's number and shows its own."""
    made = plan(agency("damkar", mobile(PIKET), extension("2101")))
    await exchange.use(made)
    gateway = await exchange.phone("gsm", "486")
    phone = await exchange.phone("2101", "answers")
    citizen = await exchange.call(caller=caller)
    operator = await phone.rung()
    await citizen.until(citizen.connected)
    citizen.hang_up()
    await operator.until(operator.over)
    assert len(phone.talks) == 1
    [piket] = gateway.talks
    assert piket.invite.startswith(f"INVITE sip:{PIKET}@")
    assert "<sip:0739112@" in piket.invite
    events = await events_of(exchange, made)
    arrived = events[0]
    assert isinstance(arrived, ev.CallArrived)
    assert len(arrived.caller_raw) <= 80
    assert arrived.caller_raw.isprintable()
    assert attempts(events) == [(PIKET, LegResult.BUSY), ("2101", LegResult.ACCEPTED)]


async def test_records_that_cannot_be_written_cost_nobody_the_call(exchange: Exchange) -> None:
    made = plan(agency("damkar", extension("2101"), extension("2102")))
    await exchange.use(made)
    exchange.records.unlink()
    exchange.records.mkdir()
    try:
        await exchange.phone("2101", "486")
        phone = await exchange.phone("2102", "answers")
        citizen = await exchange.call()
        await citizen.until(citizen.connected)
        (await phone.rung()).hang_up()
        await citizen.until(citizen.over)
    finally:
        exchange.records.rmdir()


@pytest.mark.parametrize("dialled", ["113", "1122", "s", "11", "pbx112-fallback"])
async def test_no_other_number_is_let_in(exchange: Exchange, dialled: str) -> None:
    made = plan(agency("damkar", extension("2101")))
    await exchange.use(made)
    citizen = await exchange.call(dialled)
    await citizen.until(citizen.over)
    assert citizen.status == 404
    assert exchange.records.read_text() == ""


async def test_asterisk_finds_nothing_wrong_with_the_dialplan(exchange: Exchange) -> None:
    await exchange.use(plan(agency("damkar", extension("2101"), mobile(PIKET, NEVER), ring="all"), menu=MENU))
    assert [line for line in exchange.log().splitlines() if "ERROR" in line or "WARNING" in line] == []
