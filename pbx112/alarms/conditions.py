"""Which alarms stand, by what the sources say. Pure.

The conditions, how long each has to last, and their figures are those of the alert rules for Prometheus
(`deploy/prometheus/pbx112.rules.yml`), which a test holds against them, except that a disk that hangs (`stuck`) is seen
here alone; the yardstick of answering is NENA-STA-020.1's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pbx112.plan.types import Plan
from pbx112.wallboard.board import Board
from pbx112.watch.owners import alive_owners
from pbx112.watch.takers import taker_states

from .past import Past

Kind = Literal[
    "agency", "trunk", "nobody", "caller", "slow", "unserved", "silent", "fallback", "pranks", "daemon",
    "asterisk", "journal", "database", "disk", "stuck",
]  # fmt: skip

Serving = Literal["serves", "hangs", "absent"]

LASTS: Mapping[Kind, float] = {
    "agency": 180,
    "trunk": 60,
    "nobody": 120,
    "caller": 0,
    "slow": 300,
    "unserved": 0,
    "silent": 0,
    "fallback": 0,
    "pranks": 0,
    "daemon": 15,
    "asterisk": 30,
    "journal": 30,
    "database": 30,
    "disk": 30,
    "stuck": 30,
}
"""Seconds for which each has to last before it is told."""

WAITS_TOO_LONG = 60.0
"""Seconds after which a caller whom no human has accepted is told."""
WITHIN, SHARE, ENOUGH = 15.0, 0.9, 10
"""The yardstick: this share within so many seconds, once so many calls of the past hour can be judged."""
TRIES = 3
"""Failed attempts of an hour, without one that succeeded, after which an agency counts as not answering."""
STORM = 20
"""Marks as prank or ghost within ten minutes that are borne."""

ASTERISK = ("asterisk_away", "asterisk_deaf")
JOURNAL = ("journal_disk", "journal_silent")
RECORDS = "records"
_TROUBLES: tuple[tuple[Kind, tuple[str, ...]], ...] = (("asterisk", ASTERISK), ("journal", JOURNAL))


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether an alarm stands: None where nobody can tell. `about` says whose it is, by the plan's key or a path;
    `name` is what people call that, `many` a number in the text, `why` what was said, `since_us` since when it stands
    (UTC in microseconds), where that is known."""

    kind: Kind
    stands: bool | None
    about: str = ""
    name: str = ""
    many: float = 0
    why: str = ""
    since_us: int | None = None

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"{self.kind}:{self.about}"


@dataclass(frozen=True, slots=True)
class World:
    """What the sources say. `plan`, `daemon`, `troubles` (of `/healthz`, with why) and `database` (why it cannot be
    used; empty: it can) are None where nobody has said; `disks` has what is left on each, where that is little (None:
    nobody has said), `hangs` for each folder what of it does not answer."""

    now_us: int
    plan: Plan | None
    board: Board
    past: Past
    readable: bool
    """Whether the journal can be read."""
    daemon: Serving | None
    troubles: Mapping[str, str] | None = None
    database: str | None = None
    disks: Mapping[str, str | None] = field(default_factory=dict)
    hangs: Mapping[str, str] = field(default_factory=dict)


def findings(world: World) -> list[Finding]:
    """All that can be said."""
    found = [*_machine(world)]
    if world.plan is not None:
        found += [*_lines(world, world.plan), *_desk(world, world.plan), *_calls(world, world.plan)]
    return found


def _machine(world: World) -> Iterator[Finding]:
    said = world.troubles
    unseen = world.daemon is None
    yield Finding("daemon", None if unseen else world.daemon != "serves", why=world.daemon or "")
    for kind, names in _TROUBLES:
        why = "; ".join(said[name] for name in names if name in said) if said is not None else ""
        yield Finding(kind, None if said is None else bool(why), why=why)
    late = (said or {}).get(RECORDS, "")
    unknown = world.database is None and said is None
    why = world.database or late
    yield Finding("database", None if unknown else bool(why), why=why)
    for disk, left in world.disks.items():
        yield Finding("disk", None if left is None else bool(left), about=disk, name=disk, why=left or "")
    for folder, what in world.hangs.items():
        yield Finding("stuck", bool(what), about=folder, name=folder, why=what)


def _lines(world: World, plan: Plan) -> Iterator[Finding]:
    """Agencies and trunks, by what the line watch has said last."""
    seen, now = world.board.seen, world.now_us
    held = {
        (owner, line.number): state
        for owner, line in plan.lines()
        if (state := seen.line(owner, line.number, now)) is not None
    }
    alive = alive_owners({key: state.state for key, state in held.items()})
    for owner in dict.fromkeys(owner for owner, _ in plan.lines()):
        since = max((state.since_us for (whose, _), state in held.items() if whose == owner), default=None)
        stands = not alive[owner] if owner in alive and world.readable else None
        yield Finding("agency", stands, about=owner, name=_name(plan, owner), since_us=since)
    for key in plan.trunks:
        state = seen.trunk(key, now)
        known = state is not None and state.state != "unknown" and world.readable
        yield Finding(
            "trunk",
            state.state != "ready" if state is not None and known else None,
            about=key,
            name=key,
            why=state.state if state is not None else "",
            since_us=state.since_us if state is not None else None,
        )


def _desk(world: World, plan: Plan) -> Iterator[Finding]:
    states = taker_states(plan, world.board.calls(), world.board.ledger.absent(world.now_us))
    if states:
        away = all(state in ("paused", "logged_out") for state in states.values())
        yield Finding("nobody", away if world.readable else None)


def _calls(world: World, plan: Plan) -> Iterator[Finding]:
    now, past, readable = world.now_us, world.past, world.readable

    def unless_blind(stands: bool) -> bool | None:
        return stands if readable else None

    waiting = [call.arrived.utc_us for call in world.board.calls() if call.waits_for_a_human]
    waited = (now - min(waiting)) / 1e6 if waiting else 0.0
    follows = readable and world.daemon == "serves"  # else nobody says that it has ended
    yield Finding("caller", waited > WAITS_TOO_LONG if follows else None, many=waited)
    waits = past.waits(now)
    share = sum(wait <= WITHIN for wait in waits) / len(waits) if waits else 1.0
    yield Finding("slow", unless_blind(len(waits) >= ENOUGH and share < SHARE), many=share * 100)
    counts: tuple[tuple[Kind, int, int], ...] = (
        ("unserved", past.unserved(now), 0),
        ("fallback", past.fallback(now), 0),
        ("pranks", past.pranks(now), STORM),
    )
    for kind, many, borne in counts:
        yield Finding(kind, unless_blind(many > borne), many=many)
    failed = past.silent(now)
    for owner in dict.fromkeys(owner for owner, _ in plan.lines()):
        many = failed.get(owner, 0)
        yield Finding("silent", unless_blind(many >= TRIES), about=owner, name=_name(plan, owner), many=many)


def _name(plan: Plan, owner: str) -> str:
    """The agency's name; call takers and supervisors keep their key, for which the texts have a word."""
    return plan.agencies[owner].name if owner in plan.agencies else owner
