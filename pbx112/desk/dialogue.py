"""What a code leads to: pure dialogues. Each yields what is to be said, asked or written down, and is sent the answer.

No clock, no telephone: `tests/desk/test_dialogue.py` tells them by hand.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Literal

from pbx112.model import events as ev
from pbx112.model.codes import DISPOSITIONS, code_of
from pbx112.plan.line_checks import number_for_trunk
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Line, Plan, Trunk
from pbx112.switch.ledger import Abandoned

from .acts import Ask, Dial, Dialogue, Note, media, say, words
from .desk import Desk
from .listen import listen_in

TRIES = 3
"""Wrong PINs in one call."""
MORNING = 8
"""The hour (local) at which the choice of a standby mobile ends."""


def dialogue(digit: str, desk: Desk) -> Dialogue:
    """The dialogue of the code that ends in this digit."""
    match digit:
        case "0":
            return _leave(desk, "logged_out")
        case "1":
            return _come(desk)
        case "2":
            return _leave(desk, "paused")
        case "3":
            return _mark(desk)
        case "4":
            return _call_back(desk)
        case "5":
            return _waiting(desk)
        case "6":
            return _standby(desk)
        case "7":
            return _lift(desk)
        case "8":
            return listen_in(desk)
        case _:
            return _refuse("desk_unknown")


def _refuse(word: str) -> Dialogue:
    yield say(word)


def _come(desk: Desk) -> Dialogue:
    line = desk.line_of(CALL_TAKERS)
    if line is None:
        yield say("desk_not_yours")
        return
    yield Note("", ev.LineStateChanged(line.number, "ready"))
    yield say("desk_in")


def _leave(desk: Desk, state: Literal["paused", "logged_out"]) -> Dialogue:
    line, takers = desk.line_of(CALL_TAKERS), desk.plan.call_takers
    if line is None or takers is None:
        yield say("desk_not_yours")
        return
    pause = state == "paused"
    until = desk.now.utc_us + int(takers.longest_pause * 1e6) if pause else None
    yield Note("", ev.LineStateChanged(line.number, state, until))
    away = desk.ledger.away(desk.now.utc_us) | {line.number}
    alone = all(other.number in away for other in takers.lines)
    yield say("desk_paused" if pause else "desk_out", *(["desk_alone"] if alone else []))


def _mark(desk: Desk) -> Dialogue:
    line = desk.line_of(CALL_TAKERS, SUPERVISORS, *desk.plan.agencies)
    if line is None:
        yield say("desk_not_yours")
        return
    call = desk.ledger.last_call(line.number)
    if call is None:
        yield say("desk_no_call")
        return
    disposition = DISPOSITIONS.get((yield Ask(media("desk_mark"), 1)))
    if disposition is None:
        yield say("word_unknown")
    else:
        yield Note(call, ev.CallMarked(line.number, disposition=disposition))
        yield say("word_marked")
    code = yield Ask(media("desk_incident"), 4)
    if not code:
        return
    incident = next((each for each in desk.plan.incidents.values() if code_of(each) == code), None)
    if incident is None:
        yield say("word_unknown")
        return
    yield Note(call, ev.CallMarked(line.number, incident=incident.key, name=incident.name))
    yield say("word_marked", f"incident_{incident.key}")


def _waiting(desk: Desk) -> Dialogue:
    if desk.line_of(CALL_TAKERS, SUPERVISORS) is None:
        yield say("desk_not_yours")
        return
    yield say("desk_waiting", _count(desk.waiting))


def _call_back(desk: Desk) -> Dialogue:
    line = desk.line_of(CALL_TAKERS, SUPERVISORS)
    if line is None:
        yield say("desk_not_yours")
        return
    callers = [caller for caller in desk.ledger.unserved(desk.now.utc_us) if _came_by_trunk(desk, caller)]
    if not callers:
        yield say("desk_none_abandoned")
        return
    yield say("desk_abandoned", _count(len(callers)))
    for caller in callers:
        pressed = yield Ask((*media("desk_number"), *_digits(caller.number), *media("desk_call_back")), 1)
        if pressed == "1":
            yield from _call(desk, line, caller)
            return
        if pressed != "2":
            return
    yield say("desk_end_of_list")


def _lift(desk: Desk) -> Dialogue:
    """The numbers from which pranks came, one by one; a supervisor may have one go on like any other."""
    line = desk.line_of(SUPERVISORS)
    if line is None:
        yield say("desk_not_yours")
        return
    numbers = desk.ledger.nuisances(desk.plan.nuisance, desk.now.utc_us)
    yield say("desk_nuisances", _count(len(numbers)))
    for number in numbers:
        pressed = yield Ask((*media("desk_number"), *_digits(number), *media("desk_lift")), 1)
        if pressed == "1":
            yield Note("", ev.NuisanceLifted(line.number, number))
            yield say("desk_lifted")
        elif pressed != "2":
            return
    if numbers:
        yield say("desk_end_of_list")


def _came_by_trunk(desk: Desk, caller: Abandoned) -> bool:
    return all(line.dial != caller.source for _, line in desk.plan.lines())


def _call(desk: Desk, line: Line, caller: Abandoned) -> Dialogue:
    """Only what the journal has of an ended call is dialled, and only where a trunk of the plan allows it."""
    ways = [way for trunk in desk.plan.trunks.values() if (way := way_over(trunk, caller.number, desk.plan))]
    if not ways:
        yield say("desk_not_allowed")
        return
    way = next((way for way in ways if desk.free(way.trunk)), None)
    if way is None:
        yield say("desk_trunk_full")
        return
    if all(known.call_id != caller.call_id for known in desk.ledger.unserved(desk.now.utc_us)):
        yield say("desk_not_allowed")  # a colleague was faster
        return
    yield Note(caller.call_id, ev.CallBackPlaced(line.number, caller.number, way.trunk))
    result, _, seconds = (yield way).partition(" ")
    talked = float(seconds) if seconds.isdecimal() else 0.0
    yield Note(caller.call_id, ev.CallBackEnded(line.number, result, talked))
    if result != "answer":
        yield say("desk_not_reached")


def way_over(trunk: Trunk, number: str, plan: Plan) -> Dial | None:
    """How this number (E.164) is called over this trunk; None where the plan does not allow it."""
    if not number.startswith(trunk.allow):
        return None
    dialled = number_for_trunk(number, trunk.format, plan.service.country)
    if dialled is None or not dialled.removeprefix("+").isdecimal():
        return None
    return Dial(trunk.dial.replace("{number}", dialled), trunk.key, trunk.caller_id, trunk.max_minutes * 60)


def _standby(desk: Desk) -> Dialogue:
    found = desk.agency()
    if found is None:
        yield say("desk_not_yours")
        return
    agency, line = found
    pin = desk.pins.get(agency.key)
    if pin is None:
        yield say("desk_no_pin")
        return
    for _ in range(TRIES):
        if desk.ledger.locked(agency.key, desk.now.utc_us):
            yield say("desk_locked")
            return
        given = yield Ask(media("desk_pin"), 8)
        if not given:  # nobody gave one: that is no wrong one, and locks nobody out
            return
        if hmac.compare_digest(given.encode(), pin.encode()):
            break
        yield Note("", ev.PinRefused(line.number, agency.key))
        yield say("desk_wrong_pin")
    else:
        return
    chosen = desk.ledger.standby(desk.now.utc_us).get(agency.key)
    now = ("desk_standby", *words(chosen[-4:])) if chosen else ("desk_standby_plan",)
    mobiles = {str(digit): mobile.number for digit, mobile in enumerate(agency.standby_lines()[:9], start=1)}
    offered = [
        word
        for digit, number in mobiles.items()
        for word in ("desk_choice", f"digit_{digit}", "desk_for_mobile", *words(number[-4:]))
    ]
    pressed = yield Ask(media(*now, *offered, "desk_for_plan"), 1)
    if pressed == "0":
        yield Note("", ev.StandbyChosen(line.number, agency.key, ""))
        yield say("desk_standby_plan")
    elif pressed in mobiles:
        until = morning_after(desk.now.utc_us, desk.plan)
        yield Note("", ev.StandbyChosen(line.number, agency.key, mobiles[pressed], until))
        yield say("desk_standby", *words(mobiles[pressed][-4:]), "desk_until")
    elif pressed:
        yield say("word_unknown")


def morning_after(utc_us: int, plan: Plan) -> int:
    """The next 8 o'clock in the service's time zone, UTC in microseconds."""
    here = datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(plan.service.timezone)
    morning = here.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if morning <= here:
        morning += timedelta(days=1)
    return int(morning.timestamp()) * 1_000_000


def _digits(number: str) -> tuple[str, ...]:
    return media(*words(number))


def _count(number: int) -> str:
    return f"digit_{number}" if number < 10 else "desk_many"
