"""Which lines are rung, in which order: the plan applied to a moment."""

from __future__ import annotations

from datetime import UTC, datetime

from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Line, Plan, RingMode

from .events import Target
from .stimuli import World

Waves = tuple[tuple[Target, ...], ...]


def waves_of(plan: Plan, owner: str, world: World) -> Waves:
    """The lines of `owner` in the order in which they are rung; those of one wave ring together.

    Lines off duty come after those on duty, never not at all (DOMAIN: an agency has to be reachable around the clock).
    """
    mode, lines = _lines_of(plan, owner)
    moment = datetime.fromtimestamp(world.now.utc_us / 1e6, UTC).astimezone(plan.service.timezone)
    on_duty = [line for line in lines if line.duty is None or line.duty.covers(moment)]
    off_duty = [line for line in lines if line not in on_duty]
    if mode == "longest_idle":
        on_duty.sort(key=lambda line: world.idle_since.get(line.number, 0))
    waves: list[tuple[Target, ...]] = []
    for group in (on_duty, off_duty):
        targets = [target_of(plan, owner, line) for line in group]
        if mode == "all" and targets:
            waves.append(tuple(targets))
        else:
            waves.extend((target,) for target in targets)
    return tuple(waves)


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
