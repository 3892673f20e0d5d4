"""What a trunk may carry, on a real Asterisk: at once and within an hour, with the daemon and without it."""

from __future__ import annotations

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import Answers
from lab.processes import eventually
from lab.records import Record
from pbx112.journal import Reader

from .newest import calls_recorded, next_record
from .plans import MOBILE_A

_PLAN = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta}
trunks:
  %(trunk)s: {dial: "PJSIP/{number}@%(trunk)s", caller_id: "0739112", allow: ["+628"], %(limits)s}
default_agency: damkar
agencies:
  damkar:
    name: Dinas Damkar
    code: "13"
    lines:
      - {mobile: "+6281200000001", trunk: %(trunk)s, ring_for: 5, accept: pickup}
      - {extension: "2101", ring_for: 5}
"""
SOON = Answers(after=0.1)


def limited(trunk: str, limits: str) -> str:
    """A mobile over a trunk of its own (so that no other story's calls count), then an extension."""
    return _PLAN % {"trunk": trunk, "limits": limits}


async def one_call(exchange: Exchange) -> Record:
    caller = Caller(talk=0.2)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    return await exchange.record(caller)


async def test_an_hours_calls_are_counted_over_a_restart_and_the_alarm_is_raised_once(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(limited("sim", "max_per_hour: 2"))
    await exchange.phones({MOBILE_A: SOON, "2101": SOON})
    for _ in range(2):
        assert (await one_call(exchange)).tried == ((MOBILE_A, "accepted"),)
    await exchange.daemon.kill()
    await exchange.daemon.start()
    before = len(exchange.daemon.said("trunk_hour_full"))
    for _ in range(2):
        record = await one_call(exchange)
        assert record.tried == ((MOBILE_A, "unavailable"), ("2101", "accepted"))
        assert record.legs[0]["detail"] == "trunk_hour_full"
    assert exchange.phone(MOBILE_A).rang == 2
    assert len(exchange.daemon.said("trunk_hour_full")) - before == 1
    await exchange.reload_plan(limited("sim", "max_per_hour: 3"))
    assert (await one_call(exchange)).tried == ((MOBILE_A, "accepted"),)
    await exchange.quiet()


async def test_a_talk_that_the_daemon_left_behind_counts_for_the_fallback(exchange: Exchange) -> None:
    await exchange.reload_plan(limited("simb", "max_calls: 1"))
    await exchange.phones({MOBILE_A: SOON, "2101": SOON})
    first = await exchange.dial(Caller())
    await first.answered()
    await eventually(lambda: "LegAccepted" in _kinds(exchange), 5)
    await exchange.daemon.kill()
    before = await calls_recorded(exchange)
    second = await exchange.dial(Caller(talk=0.2))
    await second.answered()
    await second.ended()
    assert exchange.phone(MOBILE_A).rang == 1
    assert exchange.phone("2101").rang == 1
    await exchange.daemon.start()
    record = await next_record(exchange, before)
    assert record.outcome == "fallback_answered"
    assert record.tried == ((MOBILE_A, "unavailable"), ("2101", "accepted"))
    assert record.legs[0]["detail"] == "trunk_full"
    first.hang_up()
    await exchange.quiet()


def _kinds(exchange: Exchange) -> list[str]:
    with Reader(exchange.folder / "journal" / "journal.db") as reader:
        stories = reader.of_subjects(reader.open_subjects()).values()
    return [entry.kind for story in stories for entry in story]
