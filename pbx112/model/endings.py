"""The ways in which a call ends: every leg gets its result, the call its one outcome."""

from __future__ import annotations

from typing import Literal, assert_never

from .events import CallEnded, CallerLeft, HandedToFallback, LegEnded, LegResult, Outcome
from .state import Announcing, Call, Ended, InFallback, InMenu, Questioned, Reaching, Talking, Waiting
from .story import Story


def caller_gone(story: Story, cause: int | None, forced: bool = False) -> None:
    """The caller's channel is gone: where the call was decides the outcome. `forced`: not the caller's doing."""
    call = story.call
    if call.caller_left:
        return
    story.tell(CallerLeft(cause))
    match call.situation:
        case Talking():
            outcome = Outcome.ANSWERED
        case InFallback():
            return
        case _ if call.accepted:
            outcome = Outcome.ANSWERED
        case _ if forced:
            outcome = Outcome.SYSTEM_FAILURE
        case Waiting():
            outcome = Outcome.ABANDONED_WAITING
        case InMenu() | Questioned():
            outcome = Outcome.ABANDONED_MENU
        case Announcing():
            outcome = Outcome.UNANSWERED
        case Reaching():
            outcome = Outcome.ABANDONED_RINGING
        case Ended():
            return
        case _ as never:
            assert_never(never)
    end(story, outcome, by="system" if forced else "caller")


def end(story: Story, outcome: Outcome, by: Literal["caller", "staff", "system"]) -> None:
    """Close every leg with a result, then the call."""
    for leg in story.call.live_legs():
        if leg.status == "accepted":
            result = LegResult.ACCEPTED
        else:
            result = LegResult.CALLER_GONE if by == "caller" else LegResult.WITHDRAWN
        story.tell(LegEnded(leg.number, result))
    story.tell(CallEnded(outcome, by))


def unreached(call: Call) -> Outcome:
    """The outcome of a call that ends without anybody on the line now."""
    return Outcome.ANSWERED if call.accepted else Outcome.UNANSWERED


def give_up(story: Story, reason: str) -> None:
    """Give the caller to the fallback dialplan; a talk is left as it is."""
    if isinstance(story.call.situation, InFallback | Talking) or story.call.caller_left:
        return
    for leg in story.call.live_legs():
        story.tell(LegEnded(leg.number, LegResult.WITHDRAWN))
    story.tell(HandedToFallback(reason))
