"""The hard moments at the desk: who cannot speak, two who press at once, a hang-up in the middle of each step."""

from __future__ import annotations

from typing import Any

import pytest

from lab.baresip import baresip
from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, SILENT, Answers, Behaviour, codes
from lab.processes import LabError, eventually
from lab.records import told_of
from lab.sipp import Key

from .plans import plan
from .test_desk_keys import PATIENT, SOON, on_the_phone, operator

MANY = 9
"""Agencies that go for the one incident of the plan with a crowd."""


def listening(seconds: float) -> str:
    return plan().replace("menu_wait: 2", f"menu_wait: 2, silence: {seconds:g}")


def crowd() -> str:
    """A plan in which one incident needs many."""
    agencies = "".join(
        f'  opd_{number}: {{name: OPD {number}, code: "{20 + number}", lines: [{{extension: "23{number:02}"}}]}}\n'
        for number in range(1, MANY + 1)
    )
    support = ", ".join(f"opd_{number}" for number in range(2, MANY + 1))
    incident = f'  gempa: {{name: Gempa bumi, menu: "3", primary: opd_1, support: [{support}]}}\n'
    return plan().replace("agencies:\n", f"agencies:\n{agencies}") + incident


async def until_on_the_phone(exchange: Exchange, many: int) -> None:
    """Wait until so many telephones are in Asterisk."""

    async def are() -> bool:
        return await on_the_phone(exchange) == many

    await eventually(are, 5)


async def test_a_caller_of_whom_nothing_is_heard_is_asked_and_presses_5(exchange: Exchange) -> None:
    await exchange.reload_plan(listening(2))
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller(talk=PATIENT, keys=(Key("5", 5.0),))
    calling = await exchange.dial(caller)
    asked = await exchange.told(caller, "KeyAsked")
    assert asked["body"].get("by", 0) == 0, "nobody at the desk had it asked"
    assert (await exchange.told(caller, "KeyGiven"))["body"]["digit"] == "5"
    calling.hang_up()
    await exchange.record(caller)


async def test_a_caller_who_is_heard_is_not_asked(exchange: Exchange) -> None:
    await exchange.reload_plan(listening(3))
    await exchange.phones({"1101": operator("#61"), "1102": BUSY})
    number, net = "081271120002", exchange.network
    async with baresip(exchange.folder / "loud", number, net.incoming_trunk, net.exchange, 440.0) as citizen:
        await citizen.dial(f"sip:112@{net.exchange}")
        spoke = await told_of(exchange.dsn, number, "CallerSpoke")
        accepted = await told_of(exchange.dsn, number, "LegAccepted")
        assert (spoke["at"] - accepted["at"]).total_seconds() < 3
        await told_of(exchange.dsn, number, "CallMarked")
        await citizen.hang_up()
    ended = await told_of(exchange.dsn, number, "CallEnded")
    with pytest.raises(LabError):
        await told_of(exchange.dsn, number, "KeyAsked", within=0.1)
    assert ended["body"]["outcome"] == "answered"


async def test_two_call_takers_call_the_same_agency_in_at_the_same_moment(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    colleague = Answers(after=1.0, keys=codes("*14", after=5.6))
    await exchange.phones({"1101": operator("#72", "*14", between=7.0), "1102": colleague, "2201": SOON})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    refused = await exchange.told(caller, "CommandRefused", why="here")
    sought = await exchange.told(caller, "HelpSought", owner="satpol_pp")
    assert {refused["body"]["by"], sought["body"]["by"]} == {1, 3}
    await exchange.told(caller, "LegAccepted", leg=4)
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried[2:] == (("1102", "accepted"), ("2201", "accepted"))
    assert exchange.phone("2201").rang == 1


@pytest.mark.parametrize("after", [2.1, 2.3, 2.5])
async def test_the_agency_answers_in_the_moment_in_which_it_is_dropped(
    exchange: Exchange, after: float
) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": operator("*14", "#0"), "1102": BUSY, "2201": Answers(after=after)})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, "HelpEnded", result="dropped")
    ended = await exchange.told(caller, "LegEnded", leg=3)
    assert ended["body"]["result"] in ("withdrawn", "accepted")
    await until_on_the_phone(exchange, 2)  # caller and call taker talk on
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried[0] == ("1101", "accepted")
    assert len(record.tried) == 3
    await exchange.quiet()


STEPS: dict[str, tuple[str, Behaviour, tuple[str, dict[str, Any]]]] = {
    "ringing": ("*14", SILENT, ("LegRinging", {"leg": 3})),
    "being told": ("*14", SOON, ("LegAnswered", {"leg": 3})),
    "asked for a key": ("#5", SILENT, ("KeyAsked", {})),
    "all called": ("#31", SILENT, ("HelpSought", {"owner": "satpol_pp"})),
    "consulting": ("**14", SOON, ("CallerHeld", {})),
}


@pytest.mark.parametrize("step", STEPS)
async def test_the_caller_hangs_up_in_the_middle_of(exchange: Exchange, step: str) -> None:
    pressed, agency, (kind, fields) = STEPS[step]
    phones: dict[str, Behaviour] = {"1101": operator(pressed), "1102": BUSY, "2201": agency, "2101": agency}
    await exchange.reload_plan(plan())
    await exchange.phones(phones)
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    await exchange.told(caller, kind, **fields)
    calling.hang_up()
    record = await exchange.record(caller)
    assert (record.outcome, record.call["ended_by"]) == ("answered", "caller")
    assert record.tried[0] == ("1101", "accepted")
    assert {result for _, result in record.tried[2:]} <= {"caller_gone", "accepted", "answered_elsewhere"}
    await exchange.quiet()


async def test_eleven_parties_on_one_bridge(exchange: Exchange) -> None:
    await exchange.reload_plan(crowd())
    officers = {f"23{number:02}": SOON for number in range(1, MANY + 1)}
    await exchange.phones({"1101": operator("#33"), "1102": BUSY, **officers})
    caller = Caller(talk=PATIENT)
    calling = await exchange.dial(caller)
    for leg in range(3, 3 + MANY):
        await exchange.told(caller, "LegAccepted", leg=leg)
    await until_on_the_phone(exchange, 2 + MANY)
    calling.hang_up()
    record = await exchange.record(caller)
    assert [result for _, result in record.tried] == ["accepted", "busy", *["accepted"] * MANY]
    await exchange.quiet()
