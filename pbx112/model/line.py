"""The line before the call takers: who calls while all of them talk is rung through to the first who is free again.

What others do the switch says at each look (:class:`pbx112.model.stimuli.World`), so that nothing of it has to be put
right when others hang up or a daemon restarts. A call taker who becomes free is sought by one of those who wait: each
call that seeks a call taker, and each that waits before this one, counts for one who is free.
"""

from __future__ import annotations

from pbx112.plan.types import Plan

from . import route
from .events import CallerAnswered, CallQueued, LegResult
from .state import SECOND, Call
from .stimuli import World
from .story import Story

TAKERS = "takers"
"""The reason to wait: all call takers talk."""

WORD = ("sound:pbx112/waiting",)

BEHIND = 3
"""The rank of a number from which pranks came."""

SHORTEST = 1.0
"""Seconds of waiting below which it is not begun."""


def must_wait(story: Story) -> bool:
    """Whether a caller who comes to the call takers now has to wait. While nobody waits, whoever is free rings."""
    if _time_left(story) < SHORTEST:
        return False
    world, present = story.world, route.present(story.plan, story.world)
    if not world.before_takers:
        return not _free(story, present) and _talks(world, present)
    return not is_turn(story)


def is_turn(story: Story) -> bool:
    """Whether somebody is free for this call, all who came before served; or nothing is left to wait for."""
    world, present = story.world, route.present(story.plan, story.world)
    hope = _talks(world, present) or world.seeking > 0
    return not hope or len(_free(story, present)) > world.seeking + world.before_takers


def still_talk(story: Story) -> bool:
    """Whether nobody answered only because all talk: here, or with somebody else (their phones said `busy`)."""
    present = route.present(story.plan, story.world)
    last = {leg.target.number: leg.result for leg in story.call.legs}
    free = [line for line in _free(story, present) if last.get(line) is not LegResult.BUSY]
    return not free and _talks(story.world, present) and _time_left(story) >= SHORTEST


def queue(story: Story) -> None:
    """Let the caller wait for a call taker, and say so."""
    story.tell(CallQueued(TAKERS, WORD, _time_left(story)))
    if not story.call.caller_answered:
        story.tell(CallerAnswered())


def rank(call: Call) -> int:
    """Who goes before whom; of one rank, who came first. First of all a caller who had a human and lost it, last one
    from whose number pranks came."""
    if call.accepted:
        return 0
    return BEHIND if call.behind else 1


def _free(story: Story, present: tuple[str, ...]) -> list[str]:
    engaged = story.world.talking | story.world.engaged
    return [line for line in present if line not in engaged]


def _talks(world: World, present: tuple[str, ...]) -> bool:
    return any(line in world.talking for line in present)


def _time_left(story: Story) -> float:
    """Seconds for which this call may wait for the call takers yet, all its waits since it last had a human counted."""
    longest = _longest(story.plan)
    if story.call.queued_ns is None:
        return longest
    return longest - (story.world.now.mono_ns - story.call.queued_ns) / SECOND


def _longest(plan: Plan) -> float:
    return plan.call_takers.max_wait if plan.call_takers else 0.0
