"""Citizens call a real Asterisk, the daemon decides, real SIP phones ring, and the record stands in Postgres."""

from __future__ import annotations

import asyncio

import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, DECLINES, HUMAN, SILENT, VOICEMAIL, Answers, Rejects
from lab.sipp import Key

from .newest import calls_recorded, next_record
from .plans import MOBILE_A, MOBILE_B, plan

SOON = Answers(after=0.2)


async def test_a_call_taker_answers_and_the_record_tells_it(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SILENT})
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.outcome == "answered"
    assert record.tried == (("1101", "accepted"), ("1102", "answered_elsewhere"))
    assert record.call["answered_by_line"] == "1101"
    assert record.call["ended_by"] == "caller"
    assert record.call["caller"] == "+62" + caller.number[1:]
    assert record.call["callable"] is True
    assert record.call["plan"] == exchange.plan.hash
    assert 0.1 < record.call["ring_seconds"] < 2
    assert 0.3 < record.call["talk_seconds"] < 2
    assert exchange.phone("1102").told_answered_elsewhere
    shown = exchange.phone("1101").received("INVITE")[0]
    assert caller.number[1:] in shown.header("From"), "the operator sees who calls"
    await exchange.quiet()


async def test_a_busy_and_a_declining_line_are_passed_at_once(exchange: Exchange) -> None:
    await exchange.reload_plan(
        plan(call_takers=False, incidents=False).replace(
            "default_agency: satpol_pp", "default_agency: damkar"
        )
    )
    await exchange.phones({"2101": BUSY, "2102": DECLINES, MOBILE_A: HUMAN})
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried == (("2101", "busy"), ("2102", "declined"), (MOBILE_A, "accepted"))
    assert [leg["sip"] for leg in record.legs[:2]] == [486, 603]
    desk = exchange.phone("2101").received("INVITE")[0]
    assert "112 Dinas Damkar" in desk.header("From") and caller.number[1:] in desk.header("From")
    mobile = exchange.phone(MOBILE_A).received("INVITE")[0]
    assert "0739112" in mobile.header("From"), "the trunk gets its own caller ID"
    await exchange.quiet()


async def test_voicemail_does_not_count_as_a_human(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(then="damkar", takers_ring_for=1))
    await exchange.phones(
        {"2101": BUSY, "2102": BUSY, MOBILE_A: VOICEMAIL, MOBILE_B: HUMAN, "1101": BUSY, "1102": BUSY}
    )
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried[-2:] == ((MOBILE_A, "answered_not_accepted"), (MOBILE_B, "accepted"))
    assert record.call["escalations"] == 1
    await exchange.quiet()


async def test_all_lines_ring_together_and_one_wins(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(ring="all", takers_ring_for=1))
    await exchange.phones(
        {"1101": BUSY, "1102": BUSY, "2101": SILENT, "2102": SOON, MOBILE_A: SILENT, MOBILE_B: VOICEMAIL}
    )
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await calling.ended()
    record = await exchange.record(caller)
    results = dict(record.tried)
    assert results["2102"] == "accepted"
    assert results["2101"] == results[MOBILE_A] == "answered_elsewhere"
    assert exchange.phone("2101").told_answered_elsewhere
    await exchange.quiet()


async def test_the_caller_hangs_up_while_it_rings(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=20))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    caller = Caller()
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    calling.hang_up()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.outcome == "abandoned_ringing"
    assert {result for _, result in record.tried} == {"caller_gone"}
    assert not exchange.phone("1101").told_answered_elsewhere, "a missed call is to be seen"
    await exchange.quiet()


async def test_an_officer_who_hangs_up_ends_the_call(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(call_takers=False, incidents=False))
    await exchange.phones({"2201": Answers(after=0.1, talk=0.5)})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.ended()
    assert calling.hung_up_by_exchange
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("answered", "staff")
    await exchange.quiet()


async def test_the_menu_leads_to_the_chosen_agency(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(then="menu", takers_ring_for=1))
    await exchange.phones({"1101": BUSY, "1102": BUSY, "2201": SOON})
    caller = Caller(talk=3, keys=(Key("2", 1.0),))
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.call["incident"] == "keamanan"
    assert record.tried[-1] == ("2201", "accepted")
    await exchange.quiet()


async def test_the_caller_gives_up_in_the_menu(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(then="menu", takers_ring_for=1))
    await exchange.phones({"1101": BUSY, "1102": BUSY})
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await calling.ended()
    record = await exchange.record(caller)
    assert record.outcome == "abandoned_menu"
    await exchange.quiet()


async def test_everybody_fails_twice_and_the_caller_is_told(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=1))
    await exchange.phones(
        {
            "1101": BUSY,
            "1102": BUSY,
            "2101": Rejects(503),
            "2102": Rejects(404),
            MOBILE_A: BUSY,
            MOBILE_B: BUSY,
        }
        | {"2201": Rejects(480)}
    )
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    assert calling.hung_up_by_exchange
    record = await exchange.record(caller)
    assert record.outcome == "unanswered"
    once = ("1101", "1102", "2101", "2102", MOBILE_A, MOBILE_B, "2201")
    assert tuple(line for line, _ in record.tried) == once * 2
    assert dict(record.tried) == {
        "1101": "busy",
        "1102": "busy",
        "2101": "unavailable",
        "2102": "misconfigured",
        MOBILE_A: "busy",
        MOBILE_B: "busy",
        "2201": "no_answer",
    }
    await exchange.quiet()


async def test_a_phone_that_nobody_plugged_in_is_passed_over(exchange: Exchange) -> None:
    """2102 is registered nowhere; 2101 swallows everything (no phone at its address)."""
    text = plan(call_takers=False, incidents=False).replace(
        "default_agency: satpol_pp", "default_agency: damkar"
    )
    await exchange.reload_plan(text.replace('extension: "2102"', 'extension: "2199"'))
    await exchange.phones({MOBILE_A: HUMAN})
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried == (("2101", "no_answer"), ("2199", "unavailable"), (MOBILE_A, "accepted"))
    await exchange.quiet()


async def test_a_greeted_caller_is_answered_on_arrival(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(answer="on_arrival", takers_ring_for=5))
    await exchange.phones({"1101": Answers(after=1.5), "1102": SILENT})
    caller = Caller(talk=2.5)
    calling = await exchange.dial(caller)
    await calling.answered(within=2)
    await calling.ended()
    record = await exchange.record(caller)
    assert record.outcome == "answered"
    assert record.call["answered_at"] < record.call["accepted_at"]
    await exchange.quiet()


async def test_the_talk_is_recorded_under_the_calls_name(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SILENT})
    caller = Caller(talk=1.5)
    calling = await exchange.dial(caller)
    await calling.ended()
    record = await exchange.record(caller)
    name = f"112-{record.call['call_id']}"
    kinds = [event["kind"] for event in record.events]
    assert "RecordingStarted" in kinds
    assert "RecordingFailed" not in kinds
    files = await asyncio.to_thread(lambda: list(exchange.folder.rglob(f"{name}.wav")))
    assert len(files) == 1 and files[0].stat().st_size > 8000
    await exchange.quiet()


@pytest.mark.parametrize(
    ("sent", "raw"),
    [
        ('From: "x" <sip:{}@h>'.format("9" * 500), "9" * 79),
        ('From: "a\' & PJSIP/2201 ${{EVIL}} \\"" <sip:0812%26PJSIP%2F2201@h>', None),
        ("From: <sip:anonymous@anonymous.invalid>", "anonymous"),
        ("From: <sip:h>", ""),
        ('From: "Bahaya 🔥 ‮gnirts" <sip:%24%7BSHELL(id)%7D@h>', None),
        ("From: <sip:0812%0D%0AAction%3A%20Originate@h>", None),
    ],
    ids=["500 digits", "dial string", "anonymous", "none", "unicode and functions", "CR LF"],
)
async def test_a_hostile_caller_id_changes_nothing(exchange: Exchange, sent: str, raw: str | None) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY, "2201": SILENT})
    caller = Caller(talk=0.3, from_header=sent + ";tag=hostile")
    before = await calls_recorded(exchange)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    await exchange.quiet()
    record = await next_record(exchange, before)
    assert record.outcome == "answered"
    assert record.call["caller"] is None and record.call["callable"] is False
    assert record.call["caller_raw"].isprintable() and len(record.call["caller_raw"]) <= 80
    if raw is not None:
        assert record.call["caller_raw"] == raw
    assert exchange.phone("2201").rang == 0, "nothing but the plan is dialled"


async def test_only_the_service_number_gets_in(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SOON})
    calling = await exchange.dial(Caller(dials="2101"))
    assert await calling.refused() == 404
    assert exchange.phone("1101").rang == 0
