"""Which lines are rung, in which order: the plan applied to a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, CallTakers, Line, Plan, RingMode

from .events import Target
from .state import SECOND
from .stimuli import World

Waves = tuple[tuple[Target, ...], ...]


def waves_of(plan: Plan, owner: str, world: World, round_: int = 1) -> Waves:
    """The lines of `owner` in the order in which they are rung; those of one wave ring together.

    Lines off duty come after those on duty, never not at all (DOMAIN: an agency has to be reachable around the clock);
    before them, of the call takers, those who rest after a call. Call takers who talk are not rung while one is free,
    those who are logged out or paused not unless all of them are; from the second round on both are rung last: nobody
    is told that there is no help while a phone has not been tried.
    """
    mode, lines = _lines_of(plan, owner)
    lines = _with_standby_first(lines, world.standby.get(owner, ""), plan, owner)
    moment = _moment(plan, world)
    on_duty = [line for line in lines if line.duty is None or line.duty.covers(moment)]
    off_duty = [line for line in lines if line not in on_duty]
    groups = [on_duty, off_duty]
    if mode == "longest_idle":
        on_duty.sort(key=lambda line: world.idle_since.get(line.number, 0))
    waves: list[tuple[Target, ...]] = []
    if owner == CALL_TAKERS and plan.call_takers:
        groups = _present_first(groups, plan, plan.call_takers, world, round_)
    for group in groups:
        targets = [target_of(plan, owner, line) for line in group]
        if mode == "all" and targets:
            waves.append(tuple(targets))
        else:
            waves.extend((target,) for target in targets)
    return tuple(waves)


def waves_to(plan: Plan, owner: str, world: World, line: str, round_: int = 1) -> Waves:
    """The lines of `owner`; where one of them was called by its number that one first, even when away. A colleague's
    phone rings for nobody else's; an agency's others are tried after it."""
    waves = waves_of(plan, owner, world, 2 if line else round_)
    named = tuple(target for wave in waves for target in wave if target.number == line)
    if not named:
        return waves if not line or owner in plan.agencies else ()
    others = tuple(tuple(target for target in wave if target.number != line) for wave in waves)
    return (named, *((wave for wave in others if wave) if owner in plan.agencies else ()))


def present(plan: Plan, world: World) -> tuple[str, ...]:
    """The call takers (by number) who can be reckoned with: on duty and not away; where there are none, not away; where
    there are none of these either, all."""
    lines = plan.call_takers.lines if plan.call_takers else ()
    there = [line for line in lines if line.number not in world.away] or list(lines)
    moment = _moment(plan, world)
    on_duty = [line for line in there if line.duty is None or line.duty.covers(moment)]
    return tuple(line.number for line in on_duty or there)


def _moment(plan: Plan, world: World) -> datetime:
    return datetime.fromtimestamp(world.now.utc_us / 1e6, UTC).astimezone(plan.service.timezone)


def _present_first(
    groups: list[list[Line]], plan: Plan, takers: CallTakers, world: World, round_: int
) -> list[list[Line]]:
    """The call takers on duty and off it, ordered by whether they are there and rested."""
    there = [[line for line in group if line.number not in world.away] for group in groups]
    gone = [line for group in groups for line in group if line.number in world.away]
    if not any(there):
        there, gone = groups, []
    talk: list[Line] = []
    if any(number not in world.talking | world.engaged for number in present(plan, world)):
        talk = [line for group in there for line in group if line.number in world.talking]
        there = [[line for line in group if line not in talk] for group in there]
    rested_by = world.now.mono_ns - int(takers.wrap_up * SECOND)

    def rests(line: Line) -> bool:
        return world.idle_since.get(line.number, rested_by) > rested_by

    on_duty, off_duty = there
    ready = [line for line in on_duty if not rests(line)]
    resting = [line for line in on_duty if rests(line)]
    return [ready, resting, off_duty, *((talk, gone) if round_ > 1 else ())]


def _with_standby_first(lines: tuple[Line, ...], chosen: str, plan: Plan, owner: str) -> tuple[Line, ...]:
    """The lines with the agency's chosen mobile, where the plan still has it, at the place of its first mobile."""
    agency = plan.agencies.get(owner)
    if agency is None or not chosen:
        return lines
    line = next((line for line in agency.standby_lines() if line.number == chosen), None)
    if line is None:
        return lines
    line = replace(line, duty=None)  # whoever was chosen is on duty
    others = [other for other in lines if other.number != chosen]
    place = next((index for index, other in enumerate(others) if other.kind == "mobile"), len(others))
    return (*others[:place], line, *others[place:])


def target_of(plan: Plan, owner: str, line: Line) -> Target:
    """The line as the events keep it."""
    agency = plan.agencies.get(owner)
    return Target(
        owner=owner,
        number=line.number,
        kind=line.kind,
        dial=line.dial,
        name=line.name,
        ring_for=line.ring_for,
        accept=line.accept,
        accept_for=line.accept_for,
        trunk=line.trunk,
        caller_id=line.caller_id,
        max_talk=line.max_talk,
        owner_name=agency.name if agency else "",
        neighbour=agency is not None and agency.kind == "neighbour",
    )


def menu_of(plan: Plan) -> tuple[dict[str, str], tuple[str, ...]]:
    """The keys of the spoken menu (digit → incident) and what is played to offer them; empty without keys."""
    chosen = [incident for incident in plan.incidents.values() if incident.menu is not None]
    keys = {str(incident.menu): incident.key for incident in chosen}
    media = ("sound:pbx112/menu", *(f"sound:pbx112/menu_{incident.key}" for incident in chosen))
    return keys, media if keys else ()


def primary_of(plan: Plan, incident: str) -> str:
    """The agency that goes first for `incident`; the default agency where the plan knows none."""
    known = plan.incidents.get(incident)
    return known.primary if known and known.primary in plan.agencies else plan.default_agency


def first_owner(plan: Plan) -> str | None:
    """Who is turned to first: the call takers or, where there are none, nobody yet (menu) or the default."""
    if plan.call_takers is not None:
        return CALL_TAKERS
    return None if menu_of(plan)[0] else plan.default_agency


def _lines_of(plan: Plan, owner: str) -> tuple[RingMode, tuple[Line, ...]]:
    if owner == CALL_TAKERS:
        return (plan.call_takers.ring, plan.call_takers.lines) if plan.call_takers else ("all", ())
    if owner == SUPERVISORS:
        return (plan.supervisors.ring, plan.supervisors.lines) if plan.supervisors else ("all", ())
    agency = plan.agencies.get(owner)
    return (agency.ring, agency.lines) if agency else ("in_order", ())
