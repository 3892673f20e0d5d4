"""What becomes of a leg: picked up, accepted, gone; and of the talk when somebody leaves it."""

from __future__ import annotations

from pbx112.plan.types import CALL_TAKERS

from . import helps, reach
from .endings import end
from .events import (
    CallAdmitted,
    CallerAnswered,
    CallerBack,
    CallerHeld,
    LegAccepted,
    LegAnswered,
    LegEnded,
    LegResult,
    Outcome,
)
from .results import result_of
from .state import Call, Ended, InFallback, Leg, Reaching, Talking, Waiting
from .story import Story

ACCEPT_KEY = "1"
"""The key by which a human on a mobile shows that it is no voicemail."""

NORMAL_CLEARING = 16
"""Q.850: somebody put the receiver down."""


def go_on(story: Story) -> None:
    """Ring whoever is next, for each help and for the caller."""
    helps.go_on(story)
    reach.go_on(story)


def picked_up(story: Story, number: int) -> None:
    """Something answered: a desk phone's human has the call thereby (or, called in to help, once told what it is
    about), a mobile's has still to show itself."""
    leg = story.call.leg(number)
    if leg is None or leg.status not in ("offered", "ringing"):
        return
    story.tell(LegAnswered(number))
    if leg.target.accept == "pickup" and not (leg.help and isinstance(story.call.situation, Talking)):
        accept(story, leg)


def briefed(story: Story, number: int) -> None:
    """Whoever picked up this desk phone has been told what it is about."""
    leg = story.call.leg(number)
    if leg is not None and leg.status == "answered" and leg.target.accept == "pickup":
        accept(story, leg)


def key_pressed(story: Story, number: int, digit: str) -> None:
    """A key on a leg that is no part of the talk yet."""
    leg = story.call.leg(number)
    if (
        digit == ACCEPT_KEY
        and leg is not None
        and leg.status == "answered"
        and leg.target.accept == "press_1"
    ):
        accept(story, leg)


def accept(story: Story, leg: Leg) -> None:
    """This human has the call, or joins it; the phones that rang for the same stop, and those that sought somebody for
    the caller. Whatever the caller hears meanwhile: who was called in to help may come when the menu is being spoken to
    a caller whose talk broke."""
    call = story.call
    if call.caller_left or isinstance(call.situation, InFallback | Ended):
        return
    if isinstance(call.situation, Waiting):  # called in by somebody who has left since
        story.tell(CallAdmitted("joined"))
    help_ = call.help(leg.help)
    if help_ is not None and help_.consult and _is_there(call, help_.by) and not call.held:
        story.tell(CallerHeld(help_.by, story.plan.service.max_hold))
    for other_help in call.helps:  # the agency that was called in has the caller by another way
        if not leg.help and other_help.open and leg.target.owner == other_help.owner in story.plan.agencies:
            helps.drop(story, other_help, LegResult.ANSWERED_ELSEWHERE)
    if not call.caller_answered:
        story.tell(CallerAnswered())
    story.tell(LegAccepted(leg.number))
    for other in story.call.live_legs():
        if other.status != "accepted" and other.help in (0, leg.help):
            story.tell(LegEnded(other.number, LegResult.ANSWERED_ELSEWHERE))


def gone(story: Story, number: int, cause: int | None, sip: int | None) -> None:
    """A leg's channel ended, told with its cause."""
    leg = story.call.leg(number)
    if leg is None or not leg.live:
        return
    match leg.status:
        case "accepted":
            _left_the_talk(story, leg, cause, sip)
        case "answered":
            story.tell(LegEnded(number, LegResult.ANSWERED_NOT_ACCEPTED, cause, sip))
            go_on(story)
        case _:
            story.tell(LegEnded(number, result_of(cause, sip), cause, sip))
            go_on(story)


def gone_unseen(story: Story, number: int) -> None:
    """A leg went while nobody was looking. If it was ringing, somebody may have picked up in vain (Asterisk has
    no application to put that channel into): the line rings again at once."""
    leg = story.call.leg(number)
    if leg is None or not leg.live:
        return
    if leg.status == "accepted":
        _left_the_talk(story, leg, None, None)
        return
    story.tell(LegEnded(number, LegResult.FAILED, detail="unseen"))
    help_ = story.call.help(leg.help)
    if help_.open if help_ else isinstance(story.call.situation, Reaching):
        reach.offer(story, leg.target, leg.help)


def time_is_up(story: Story, leg: Leg) -> None:
    """The leg has not come to what its status waits for in time, or has talked for as long as its trunk allows."""
    match leg.status:
        case "accepted":
            story.tell(LegEnded(leg.number, LegResult.ACCEPTED, detail="max_talk"))
            settle(story, "lost")
        case "answered" if leg.target.accept == "pickup":
            accept(story, leg)
        case "answered":
            story.tell(LegEnded(leg.number, LegResult.ANSWERED_NOT_ACCEPTED))
        case _:
            story.tell(LegEnded(leg.number, LegResult.NO_ANSWER))


def _left_the_talk(story: Story, leg: Leg, cause: int | None, sip: int | None) -> None:
    """A human who had accepted is gone. While another one is there the talk goes on. The last one ends the call only by
    putting the receiver down, a call taker only after saying what the call was: a break does not, nobody's hanging up
    in error does, and nobody's while somebody is being called in for the caller."""
    deliberate = cause == NORMAL_CLEARING
    story.tell(LegEnded(leg.number, LegResult.ACCEPTED, cause, sip, "" if deliberate else "lost"))
    others = story.call.talkers()
    if deliberate and not others and _may_end(story, leg):
        end(story, Outcome.ANSWERED, by="staff")
    else:
        settle(story, "returned" if deliberate else "lost")


def _may_end(story: Story, leg: Leg) -> bool:
    """Whether this leg's human, alone with the caller, ends the whole call by putting the receiver down. A call taker
    has first to say what the call was: else it was in error. Who has just called somebody in hands over."""
    if any(help_.open for help_ in story.call.helps):
        return False
    return leg.target.owner != CALL_TAKERS or story.call.marked


def settle(story: Story, why: str) -> None:
    """Somebody has left the talk: the caller is with those who are left, or is sought a human anew."""
    if not story.call.talkers():
        _ring_anew(story, why)
    elif story.call.held and not _consults(story.call, story.call.held.by):
        story.tell(CallerBack())


def _consults(call: Call, by: int) -> bool:
    """Whether this leg is there, and with it somebody whom it has called in to speak to without the caller."""
    helps_here = (call.help(leg.help) for leg in call.talkers())
    called_in = (help_ for help_ in helps_here if help_ is not None and help_.consult)
    return _is_there(call, by) and any(help_.by == by for help_ in called_in)


def _is_there(call: Call, number: int) -> bool:
    return any(leg.number == number for leg in call.talkers())


def _ring_anew(story: Story, why: str) -> None:
    """The caller is there alone: begin again, with whoever answers first. A call that was handed back goes to the call
    takers."""
    owner = CALL_TAKERS if story.plan.call_takers else story.plan.default_agency
    situation = story.call.situation
    if why == "lost" and isinstance(situation, Talking) and situation.owner in story.plan.agencies:
        owner = situation.owner
    reach.take_back(story, owner, why)
