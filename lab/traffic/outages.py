"""When no daemon serves, and what the dialplan alone then makes of a call: told in the lines that it writes, read by
the code that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal
from urllib.parse import quote

from lab.traffic.people import Citizen, People
from pbx112.cdr.fallback_story import FallbackCall, read_line, told
from pbx112.model.events import Target
from pbx112.model.route import target_of
from pbx112.plan.types import CALL_TAKERS, Plan
from pbx112.simulate.people import Attempt

US = 1_000_000
DAY_US = 86_400 * US
DAYS_BETWEEN = 8.0


@dataclass(frozen=True, slots=True)
class Outage:
    """From `begins_us` to `ends_us` no daemon serves. A `restart` takes seconds and callers notice nothing; while it is
    `away` the dialplan alone rings the same people; a `reboot` takes the whole exchange with it, and its calls (it
    comes while somebody talks: else nobody would know)."""

    kind: Literal["restart", "away", "reboot"]
    begins_us: int
    ends_us: int


def outages(chance: Random, begins_us: int) -> Iterator[Outage]:
    """What an administrator does to a machine in the years, and what the machine does to him; without end."""
    at = begins_us
    while True:
        at += round(chance.expovariate(1 / DAYS_BETWEEN) * DAY_US) + 3600 * US
        draw = chance.random()
        if draw < 0.55:
            yield Outage("restart", at, at + 2 * US)
        elif draw < 0.8:
            at_last = at + round(min(12 * 3600.0, chance.lognormvariate(8.0, 1.0)) * US)
            yield Outage("away", at, at_last)
            at = at_last
        else:
            yield Outage("reboot", at, at + round(chance.uniform(60, 180) * US))


class _Told:
    """The dialplan's lines about one call."""

    def __init__(self, call_id: str, at_us: int) -> None:
        self.call_id, self.now, self.lines = call_id, at_us, list[str]()

    def note(self, fact: str, *fields: object) -> None:
        at = f"{self.now // US}.{self.now % US:06d}"
        self.lines.append(",".join((at, self.call_id, fact, *map(str, fields))))

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * US)


def fallback_call(
    call_id: str,
    at_us: int,
    citizen: Citizen,
    people: People,
    plan: Plan,
    local: datetime,
    here: frozenset[str],
) -> FallbackCall:
    """What the dialplan tells of this caller, who came at `at_us`: the call takers (those `here` sit at their desks),
    then the default agency's lines one by one, then the announcement."""
    story = _Told(call_id, at_us)
    channel = quote(f"PJSIP/{citizen.source}-0000{at_us % 65536:04x}", safe="")
    story.note("arrived", quote(citizen.number, safe=""), plan.service.number, channel, plan.hash)
    waves = _waves(plan)
    leaves_us = at_us + round(citizen.patience * US)
    leg, owner, served = 0, "", False
    for number, wave in enumerate(waves, start=1):
        if wave[0].owner != owner:
            owner = wave[0].owner
            story.note("stage", owner, "then" if number > 1 else "first", 1)
        rung = []
        for target in wave:
            leg += 1
            story.note("offered", leg, number, *_fields(target))
            rung.append(
                (
                    leg,
                    target,
                    people.rung(target, local, busy=False, there=target.number in here, storm=citizen.storm),
                )
            )
        served = _ring(story, rung, citizen, leaves_us)
        if served or story.now >= leaves_us:
            break
    if not served and story.now < leaves_us:
        story.note("caller_answered")
        story.note("announcement")
        story.wait(8.0)
        story.note("ended", "system", 16)
    else:
        story.note("ended", "", 16)
    lines = [line for text in story.lines if (line := read_line(text)) is not None]
    assert len(lines) == len(story.lines), "no dialplan writes this"
    return told(lines, plan)


def _ring(story: _Told, rung: list[tuple[int, Target, Attempt]], citizen: Citizen, leaves_us: int) -> bool:
    """Ring these lines together: whether a human accepted (and has talked, then)."""
    ends = []
    for leg, target, does in rung:
        limit = target.ring_for if does.does != "ends" else does.after
        human = (
            does.does == "answers"
            and (target.accept == "pickup" or does.presses)
            and does.after < target.ring_for
        )
        press = does.presses[0][0] if does.presses else 0.0
        ends.append((does.after + press if human else limit + 1.0, leg, target, does, human))
    ends.sort(key=lambda end: end[0])
    after, leg, target, does, human = ends[0]
    if story.now + after * US >= leaves_us or not human:
        story.now = min(leaves_us, story.now + round(max(end[0] for end in ends) * US))
        gone = story.now >= leaves_us
        for _, leg, _, does, _ in ends:
            if does.does == "ends" and not gone:
                story.note(
                    "leg_ended", leg, "BUSY" if does.sip == 486 else "CHANUNAVAIL", does.cause, does.sip or ""
                )
            else:
                story.note("leg_ended", leg, "" if gone else "NOANSWER", 0 if gone else 19, "")
        return False
    story.wait(does.after)
    story.note("answered", leg)
    story.wait(after - does.after)
    story.note("accepted", leg)
    for _, other, _, _, _ in ends[1:]:
        story.note("leg_ended", other, "", 26, "")
    story.wait(citizen.talk)
    story.note("leg_ended", leg, "ANSWER", 16, "")
    return True


def _waves(plan: Plan) -> list[tuple[Target, ...]]:
    takers = plan.call_takers.lines if plan.call_takers else ()
    default = plan.agencies[plan.default_agency]
    waves = [tuple(target_of(plan, CALL_TAKERS, line) for line in takers)] if takers else []
    return [*waves, *((target_of(plan, default.key, line),) for line in default.lines)]


def _fields(target: Target) -> tuple[object, ...]:
    longest = "" if target.max_talk is None else round(target.max_talk)
    return (
        *(target.owner, target.number, target.kind, target.dial, round(target.ring_for), target.accept),
        *(round(target.accept_for), target.trunk or "", target.caller_id or "", longest),
    )
