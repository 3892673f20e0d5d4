"""The line before the call takers, seen from outside: who goes first, for how long, and whether it moves.

By the journal's word alone, not by what the daemon keeps of others (`switch.calls`), which is what is tried here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pbx112.model import events as ev
from pbx112.model.events import CallEvent, Instant
from pbx112.model.line import TAKERS
from pbx112.model.route import present
from pbx112.model.state import SECOND, Call, Reaching, Waiting
from pbx112.model.stimuli import World
from pbx112.plan.types import CALL_TAKERS, Plan
from pbx112.switch.calls import BUSY_FOR

from .laws import Broken

FREE_WITHIN: Final = 5.0
"""Seconds within which a call taker who is free is sought by one who waits."""


class LineWatch:
    """Hears every event before it is folded, and looks once a second. Raises :class:`Broken`."""

    def __init__(self) -> None:
        self._said_busy: dict[str, int] = {}
        self._idle_ns: int | None = None  # since when somebody waits for a call taker who is free
        self._longest = 0.0

    def told(self, at: Instant, call: Call, event: CallEvent, others: Iterable[Call], plan: Plan) -> None:
        """`event` happens to `call`; `others` have not ended."""
        if plan.call_takers:
            self._longest = max(self._longest, plan.call_takers.max_wait)
        match event:
            case ev.CallAdmitted(why="room") if isinstance(call.situation, Waiting):
                line = _line(others, call.situation.reason)
                if before := [other.call_id for other in line if _turn(other) < _turn(call)]:
                    raise Broken("first_come", call.call_id, f"{before[0]} waits and comes before it")
            case ev.CallQueued(reason=reason, longest=longest) if reason == TAKERS:
                since = at.mono_ns if call.queued_ns is None else call.queued_ns
                if at.after(longest) > since + int((self._longest + 0.001) * SECOND):
                    raise Broken("line_is_bounded", call.call_id, f"it may wait for {longest:.0f} s more")
            case ev.LegEnded(leg=number, result=ev.LegResult.BUSY) if leg := call.leg(number):
                self._said_busy[leg.target.number] = at.mono_ns
            case _:
                pass

    def look(self, calls: Iterable[Call], plan: Plan, now: Instant, calm_ns: int | None) -> None:
        """`calm_ns`: since when nothing is wrong, None where something is."""
        states = list(calls)
        waiting = _line(states, TAKERS)
        seeking = sum(isinstance(c.situation, Reaching) and c.situation.owner == CALL_TAKERS for c in states)
        engaged = {line for line, at in self._said_busy.items() if now.mono_ns - at < BUSY_FOR * SECOND}
        for call in states:
            legs = (leg for leg in call.legs if leg.status in ("answered", "accepted"))
            engaged |= {leg.target.number for leg in legs}
        free = [line for line in present(plan, World(now)) if line not in engaged]
        if not waiting or len(free) <= seeking:
            self._idle_ns = None
            return
        if self._idle_ns is None:
            self._idle_ns = now.mono_ns
        if calm_ns is not None and now.mono_ns - max(self._idle_ns, calm_ns) > FREE_WITHIN * SECOND:
            first = min(waiting, key=_turn)
            raise Broken("line_moves", first.call_id, f"it waits though {', '.join(free)} could be rung")


def _line(calls: Iterable[Call], reason: str) -> list[Call]:
    return [c for c in calls if isinstance(c.situation, Waiting) and c.situation.reason == reason]


def _turn(call: Call) -> tuple[int, int, str]:
    rank = 0 if call.accepted else 2 if call.behind else 1
    return rank, call.arrived.mono_ns, call.call_id
