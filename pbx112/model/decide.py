"""What happens next: a pure function of the call, a stimulus, the plan and the moment.

The rules are those of "A call, step by step" in `docs/architecture.md`. Nothing here does I/O or reads a
clock.
"""

from __future__ import annotations

from typing import assert_never

from pbx112.plan.types import Plan

from . import commands, legs, stimuli, transfers
from .endings import caller_gone, end, give_up, unreached
from .events import (
    CallArrived,
    CallerLeft,
    CallEvent,
    CallResumed,
    LegEnded,
    LegResult,
    LegRinging,
    Outcome,
    PromptHeard,
)
from .reach import caller_chose, menu_expired, prompt_done
from .state import Announcing, Call, Ended, InFallback, InMenu, Questioned, Reaching, Waiting, begin
from .stimuli import Stimulus, World
from .story import Story
from .waiting import arrives, emergency, look_again, pass_time


def arrive(call_id: str, arrived: stimuli.Arrived, plan: Plan, world: World) -> list[CallEvent]:
    """The first events of a call that has just entered."""
    first = CallArrived(
        channel=arrived.channel,
        caller_raw=arrived.caller_raw,
        caller=arrived.caller,
        callable=arrived.callable,
        dialled=arrived.dialled,
        source=arrived.source,
        noted=arrived.noted,
        nuisance=arrived.nuisance,
        late=arrived.late,
        record=plan.recording.enabled,
        silence=plan.service.silence,
        answer=plan.service.answer,
    )
    call = begin(call_id, first, world.now)
    assert call is not None
    story = Story(call, plan, world)
    story.events.append(first)
    arrives(story)
    return story.events


def decide(call: Call, stimulus: Stimulus, plan: Plan, world: World) -> list[CallEvent]:
    """The events that follow from `stimulus`; none where it changes nothing. Never raises."""
    story = Story(call, plan, world)
    match stimulus:
        case stimuli.RecordingReported(event=event):
            story.tell(event)
        case _ if isinstance(call.situation, Ended):
            pass
        case stimuli.Arrived():
            pass
        case stimuli.Described(event=event):
            if not call.described:
                story.tell(event)
        case stimuli.Rang(leg=number):
            leg = call.leg(number)
            if leg and leg.status == "offered":
                story.tell(LegRinging(number))
        case stimuli.PickedUp(leg=number):
            legs.picked_up(story, number)
        case stimuli.HungUp(leg=number, cause=cause, sip=sip):
            legs.gone(story, number, cause, sip)
        case stimuli.Refused(leg=number, unavailable=unavailable, detail=detail):
            leg = call.leg(number)
            if (
                leg and leg.status == "offered"
            ):  # else its channel was made after all, and has rung or picked up
                result = LegResult.UNAVAILABLE if unavailable else LegResult.FAILED
                story.tell(LegEnded(number, result, detail=detail))
                legs.go_on(story)
        case stimuli.CallerHungUp(cause=cause, forced=forced):
            caller_gone(story, cause, forced)
        case stimuli.KeyPressed(digit=digit, leg=number):
            if number is None:
                emergency(story, digit)
                caller_chose(story, digit)
                commands.caller_answers(story, digit)
            else:
                legs.key_pressed(story, number, digit)
        case stimuli.CodeDialled(keys=keys, leg=number):
            commands.obey(story, number, keys)
        case stimuli.Transferred():
            transfers.transferred(story, stimulus)
        case stimuli.CallerHeard():
            commands.caller_speaks(story)
        case stimuli.Briefed(leg=number):
            legs.briefed(story, number)
        case stimuli.PromptDone(prompt=prompt, played=played):
            prompt_done(story, prompt, played)
        case stimuli.TimePassed():
            _time_passed(story)
        case stimuli.RoomMade():
            look_again(story)
        case stimuli.Resumed():
            _resume(story, stimulus)
        case stimuli.GivenUp(reason=reason):
            give_up(story, reason)
        case _ as never:
            assert_never(never)
    return story.events


def _time_passed(story: Story) -> None:
    now = story.world.now.mono_ns
    for number in [leg.number for leg in story.call.live_legs()]:
        leg = story.call.leg(number)  # what became of one may have ended another
        if leg is not None and leg.live and leg.due_ns is not None and leg.due_ns <= now:
            legs.time_is_up(story, leg)
    if story.call.asking is not None and story.call.asking.due_ns <= now:
        commands.caller_is_silent(story)
    if story.call.comfort is not None:
        pass_time(story, story.call.comfort)
    if story.call.quiet_ns is not None and story.call.quiet_ns <= now:
        commands.nothing_is_heard(story)
    match story.call.situation:
        case Reaching():
            if story.call.saying and story.call.saying_ns <= now:
                story.tell(PromptHeard(story.call.saying, played=False))
        case Questioned(due_ns=due) if due <= now:
            emergency(story, "")
        case InMenu(due_ns=due) as menu if due <= now:
            menu_expired(story, menu)
        case Announcing(due_ns=due) if due <= now:
            end(story, unreached(story.call), by="system")
        case InFallback(due_ns=int() as due) if due <= now:
            end(story, Outcome.SYSTEM_FAILURE, by="system")
        case _:
            pass
    if not isinstance(story.call.situation, InFallback | Ended):
        legs.go_on(story)  # also while the caller hears the menu: who was called in before is still sought


def _resume(story: Story, found: stimuli.Resumed) -> None:
    """Bring the call into agreement with what Asterisk has now."""
    if isinstance(story.call.situation, InFallback):
        _resume_in_fallback(story, found)
        return
    if found.asterisk_restarted:
        if not story.call.caller_left:
            story.tell(CallerLeft())
        end(story, Outcome.SYSTEM_FAILURE, by="system")
        return
    if found.caller_gone:
        caller_gone(story, None)
        return
    if found.in_fallback:
        give_up(story, "found in the fallback dialplan")
        return
    story.tell(CallResumed())
    if story.call.saying:
        story.tell(PromptHeard(story.call.saying, played=False))
    if isinstance(story.call.situation, Waiting):
        story.tell(PromptHeard("waiting", played=False))
    if isinstance(story.call.situation, InMenu):
        story.tell(PromptHeard("menu", played=False))
    if isinstance(story.call.situation, Questioned):
        story.tell(PromptHeard("question", played=False))
    if story.call.held:
        story.tell(PromptHeard("held", played=False))
    for transfer in found.transferred:
        transfers.transferred(story, transfer)
    for number in found.up:
        legs.picked_up(story, number)
    for number in found.gone:
        legs.gone_unseen(story, number)
    legs.go_on(story)


def _resume_in_fallback(story: Story, found: stimuli.Resumed) -> None:
    """What became of the caller is for Asterisk's own record to say, also where Asterisk has restarted since. One
    who is still in our hands never got there."""
    if found.asterisk_restarted or found.caller_gone:
        caller_gone(story, None)
    elif not found.in_fallback and not story.call.caller_left:
        story.tell(CallResumed())
