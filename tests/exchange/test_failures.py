"""Something breaks in the middle of a call, and the citizen does not notice."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, HUMAN, SILENT, VOICEMAIL, Answers
from lab.processes import eventually
from lab.sipp import Key
from pbx112.journal import Reader, verify

from .plans import MOBILE_A, MOBILE_B, plan

SOON = Answers(after=0.2)


async def picked_up(exchange: Exchange, number: str) -> None:
    """Wait until this phone has answered an INVITE."""
    phone = exchange.phone(number)

    def answered() -> bool:
        return any(m.sent and m.status == 200 and "INVITE" in m.header("CSeq") for m in phone.messages)

    await eventually(answered, 10)


async def known_to_ring(exchange: Exchange, legs: int) -> None:
    """Wait until the journal says of this many legs that they ring."""

    def said() -> bool:
        with Reader(exchange.folder / "journal" / "journal.db") as reader:
            (call,) = reader.open_subjects()
            return [e.kind for e in reader.of_subjects([call])[call]].count("LegRinging") == legs

    await eventually(said, 5)


async def restart(exchange: Exchange, *, crash: bool) -> None:
    """Asterisk ends and comes back, and the daemon has found it again."""
    before = len(exchange.daemon.said("connected"))
    await (exchange.asterisk.kill() if crash else exchange.asterisk.stop())
    await exchange.asterisk.start()
    await eventually(lambda: len(exchange.daemon.said("connected")) > before, 10)


async def test_the_daemon_is_killed_while_it_rings_and_the_next_one_goes_on(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=6))
    await exchange.phones({"1101": SILENT, "1102": SILENT, "2101": SOON})
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried == (("1101", "no_answer"), ("1102", "no_answer"), ("2101", "accepted"))
    assert record.call["resumed"] == 1
    assert exchange.phone("1101").rang == 1, "the phone that rang already is not rung twice"
    await exchange.quiet()


async def test_a_phone_answers_while_no_daemon_is_there(exchange: Exchange) -> None:
    """Asterisk has nobody to give that phone to and hangs it up; the daemon lets it ring again at once."""
    await exchange.reload_plan(plan(takers_ring_for=15))
    await exchange.phones({"1101": Answers(after=1.0), "1102": SILENT})
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    await known_to_ring(exchange, legs=2)
    await exchange.daemon.kill()
    await picked_up(exchange, "1101")
    await exchange.daemon.start()
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried == (("1101", "failed"), ("1102", "answered_elsewhere"), ("1101", "accepted"))
    await exchange.quiet()


async def test_a_talk_goes_on_without_the_daemon_and_ends_in_the_same_record(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    await exchange.daemon.kill()
    await exchange.daemon.start()
    calling.hang_up()
    await calling.ended()
    record = await exchange.record(caller)
    assert (record.outcome, record.call["resumed"]) == ("answered", 1)
    assert record.tried == (("1101", "accepted"), ("1102", "busy")), "the talk was not touched"
    await exchange.quiet()


async def test_who_hung_up_while_no_daemon_was_there_is_noticed(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    await exchange.daemon.kill()
    calling.hang_up()
    await calling.ended()
    await exchange.daemon.start()
    record = await exchange.record(caller)
    assert record.outcome == "answered"
    await exchange.quiet()


async def test_an_operator_gone_while_no_daemon_was_there_is_replaced(exchange: Exchange) -> None:
    """The caller is alone on the bridge; nobody knows why: it rings again."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.1, talk=0.6), "1102": BUSY})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    await exchange.daemon.kill()
    await exchange.phone("1101").sipp.until_sent("BYE")
    await exchange.phones({"1101": SILENT, "1102": SOON})
    await exchange.daemon.start()
    await picked_up(exchange, "1102")
    calling.hang_up()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.outcome == "answered"
    assert ("1102", "accepted") in record.tried
    await exchange.quiet()


async def test_a_call_that_comes_while_the_daemon_is_down_is_recorded_later(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.daemon.kill()
    await exchange.phones({"1101": BUSY, "1102": BUSY, "2101": BUSY, "2102": SOON})
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    await exchange.daemon.start()
    record = await exchange.record(caller)
    assert (record.call["via"], record.outcome) == ("fallback", "fallback_answered")
    assert sorted(record.tried[:2]) == [("1101", "busy"), ("1102", "busy")], "both rang together"
    assert record.tried[2:] == (("2101", "busy"), ("2102", "accepted"))
    await exchange.quiet()


@pytest.mark.parametrize("how", ["goes on", "is replaced"])
async def test_who_came_while_the_daemon_hung_has_waited_since_the_invite(
    exchange: Exchange, how: str
) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SOON})
    exchange.daemon.freeze()
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)

    async def is_there() -> bool:
        return bool(await exchange.leftovers())

    await eventually(is_there)
    await asyncio.sleep(1.5)  # the caller waits
    if how == "goes on":
        exchange.daemon.thaw()
    else:
        await exchange.daemon.kill()
        await exchange.daemon.start()
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert float(record.call["ring_seconds"]) == pytest.approx(calling.setup_seconds, abs=0.3)
    assert calling.setup_seconds > 1.5
    lasted = (record.call["ended_at"] - record.call["arrived_at"]).total_seconds()
    assert lasted == pytest.approx(calling.setup_seconds + 0.3, abs=0.5)


async def test_the_fallback_too_wants_a_human_on_the_mobile(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.daemon.kill()
    busy = {"1101": BUSY, "1102": BUSY, "2101": BUSY, "2102": BUSY}
    await exchange.phones(busy | {MOBILE_A: VOICEMAIL, MOBILE_B: HUMAN})
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    await exchange.daemon.start()
    record = await exchange.record(caller)
    assert record.tried[-2:] == ((MOBILE_A, "answered_not_accepted"), (MOBILE_B, "accepted"))
    await exchange.quiet()


async def test_an_orderly_stop_hands_waiting_callers_to_the_dialplan(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=10))
    await exchange.phones({"1101": Answers(after=2.0), "1102": SILENT})
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    await exchange.daemon.stop()
    await calling.answered()
    await exchange.daemon.start()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.outcome == "fallback_answered"
    assert record.call["via"] == "daemon", "it began with the daemon; the record says where it went"
    assert "HandedToFallback" in [event["kind"] for event in record.events]
    assert record.tried[:2] == (("1101", "withdrawn"), ("1102", "withdrawn"))
    assert sorted(record.tried[2:]) == [("1101", "accepted"), ("1102", "answered_elsewhere")]
    await exchange.quiet()


async def test_postgres_goes_away_and_the_record_arrives_when_it_is_back(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    await exchange.stop_postgres()
    caller = Caller(talk=0.3)
    calling = await exchange.dial(caller)
    await calling.answered(within=3)
    await calling.ended()
    await exchange.quiet()
    await exchange.start_postgres()
    record = await exchange.record(caller)
    assert record.outcome == "answered"


async def test_postgres_is_locked_by_somebody_and_callers_are_connected_as_ever(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    db = await asyncpg.connect(exchange.dsn)
    async with db.transaction():
        # In the order in which records are added, else the two could wait for each other.
        await db.execute("LOCK TABLE pbx112.shipment, pbx112.event, pbx112.call IN ACCESS EXCLUSIVE MODE")
        caller = Caller(talk=0.3)
        calling = await exchange.dial(caller)
        await calling.answered(within=3)
        await calling.ended()
        await exchange.quiet()
    await db.close()
    assert calling.setup_seconds < 2
    record = await exchange.record(caller)
    assert record.outcome == "answered"


async def test_asterisk_restarts_and_its_calls_are_closed_as_a_system_failure(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=20))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    caller = Caller(patience=8)
    await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    await restart(exchange, crash=True)
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("system_failure", "system")
    again = Caller(talk=0.2)
    await exchange.phones({"1101": SOON, "1102": BUSY})
    calling = await exchange.dial(again)
    await calling.answered()
    await calling.ended()
    assert (await exchange.record(again)).outcome == "answered"
    await exchange.quiet()


async def test_an_orderly_stop_of_asterisk_is_not_the_callers_doing(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=20))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    caller = Caller()
    await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    await restart(exchange, crash=False)
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("system_failure", "system")


async def test_a_bad_plan_leaves_the_running_one(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    good = exchange.agencies.read_text()
    await exchange.phones({"1101": SOON, "1102": BUSY})
    exchange.agencies.write_text(good.replace("then: satpol_pp", "then: nobody"))
    refusals = len(exchange.daemon.said("plan_refused"))
    assert exchange.daemon.pid is not None
    os.kill(exchange.daemon.pid, signal.SIGHUP)
    await eventually(lambda: len(exchange.daemon.said("plan_refused")) > refusals, 5)
    told = exchange.daemon.said("plan_error")[-1]["event"]
    assert "agencies.yaml:" in told and "nobody" in told
    caller = Caller(talk=0.2)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    assert (await exchange.record(caller)).outcome == "answered"
    exchange.agencies.write_text(good)
    await exchange.quiet()


async def test_a_new_plan_does_not_touch_a_live_call(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=3))
    old = exchange.plan.hash
    await exchange.phones({"1101": SILENT, "1102": SILENT, "2201": SOON})
    caller = Caller(talk=0.2)
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    await exchange.reload_plan(plan(takers_ring_for=9, then="satpol_pp"))
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.call["plan"] == old
    assert record.tried[0] == ("1101", "no_answer")
    assert 2 < record.legs[0]["ring_seconds"] < 5, "it rings as long as it was told"
    assert record.tried[-1] == ("2201", "accepted"), "what comes next is decided by the new plan"
    await exchange.quiet()


async def test_twenty_calls_at_once(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=10))
    await exchange.phones({"1101": SOON, "1102": SOON})
    callers = [Caller(talk=1.0) for _ in range(20)]
    callings = await asyncio.gather(*(exchange.dial(caller) for caller in callers))
    for calling in callings:
        await calling.ended()
    records = [await exchange.record(caller) for caller in callers]
    assert {record.outcome for record in records} == {"answered"}
    assert len({record.call["call_id"] for record in records}) == 20
    await exchange.quiet()


async def test_the_chain_of_the_journal_is_whole_after_all_of_this(exchange: Exchange) -> None:
    await exchange.daemon.stop()
    verdict = await asyncio.to_thread(verify, exchange.folder / "journal" / "journal.db")
    assert verdict.sound, verdict.why
    await exchange.daemon.start()


async def test_a_mobile_that_was_asked_before_a_restart_is_not_asked_twice(exchange: Exchange) -> None:
    """A channel comes onto a bridge when nothing is spoken to it: of two questions the press of 1 would stop one."""
    await exchange.reload_plan(
        plan(call_takers=False, incidents=False).replace(
            "default_agency: satpol_pp", "default_agency: damkar"
        )
    )
    presses = Answers(after=0.2, keys=(Key("1", 3.5),))
    await exchange.phones({"2101": BUSY, "2102": BUSY, MOBILE_A: BUSY, MOBILE_B: presses})
    caller = Caller()
    calling = await exchange.dial(caller)
    await exchange.told(caller, "LegAnswered", leg=4)
    await exchange.daemon.kill()
    await exchange.daemon.start()
    accepted = await exchange.told(caller, "LegAccepted", leg=4)
    joined = await exchange.told(caller, "RecordingStarted")  # asked for after the join
    assert (joined["at"] - accepted["at"]).total_seconds() < 1
    calling.hang_up()
    await exchange.record(caller)
    await exchange.quiet()
