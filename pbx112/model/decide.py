"""What happens next: a pure function of the call, a stimulus, the plan and the moment.

The rules are those of "A call, step by step" in `docs/architecture.md`. Nothing here does I/O or reads a
clock.
"""

from __future__ import annotations

from typing import Literal, assert_never

from pbx112.plan.types import CALL_TAKERS, MENU, Plan

from . import route, stimuli
from .events import (
    AnnouncementStarted,
    CallArrived,
    CallEnded,
    CallerAnswered,
    CallerLeft,
    CallEvent,
    CallResumed,
    HandedToFallback,
    LegAccepted,
    LegAnswered,
    LegEnded,
    LegOffered,
    LegResult,
    LegRinging,
    MenuChosen,
    MenuOffered,
    Outcome,
    PromptHeard,
    StageEntered,
    Target,
)
from .state import (
    Announcing,
    Call,
    Ended,
    InFallback,
    InMenu,
    Leg,
    Reaching,
    Talking,
    begin,
    evolve,
    leg_channel,
)
from .stimuli import Stimulus, World

ROUNDS = 2
"""How often all lines are tried before the caller is told that nobody can be reached."""

MENU_ATTEMPTS = 2
"""How often the menu is spoken before the default agency is rung."""

ACCEPT_KEY = "1"
"""The key by which a human on a mobile shows that it is no voicemail."""

NORMAL_CLEARING = 16
"""Q.850: somebody put the receiver down."""

_RESULT_BY_CAUSE = {
    1: LegResult.MISCONFIGURED,
    3: LegResult.UNAVAILABLE,
    16: LegResult.NO_ANSWER,
    17: LegResult.BUSY,
    18: LegResult.NO_ANSWER,
    19: LegResult.NO_ANSWER,
    20: LegResult.UNAVAILABLE,
    21: LegResult.DECLINED,
    22: LegResult.MISCONFIGURED,
    26: LegResult.ANSWERED_ELSEWHERE,
    27: LegResult.UNAVAILABLE,
    28: LegResult.MISCONFIGURED,
    34: LegResult.UNAVAILABLE,
    38: LegResult.UNAVAILABLE,
    42: LegResult.UNAVAILABLE,
    58: LegResult.MISCONFIGURED,
}
_RESULT_BY_SIP = {
    404: LegResult.MISCONFIGURED,
    484: LegResult.MISCONFIGURED,
    486: LegResult.BUSY,
    488: LegResult.MISCONFIGURED,
    600: LegResult.BUSY,
    603: LegResult.DECLINED,
    604: LegResult.MISCONFIGURED,
}


def result_of(cause: int | None, sip: int | None) -> LegResult:
    """The result of a leg that ended before anybody accepted, from what Asterisk said of it.

    The SIP status is the more exact; the Q.850 cause is what Asterisk makes of it (`docs/records.md`).
    """
    if sip in _RESULT_BY_SIP:
        return _RESULT_BY_SIP[sip]
    return _RESULT_BY_CAUSE.get(cause or 0, LegResult.FAILED)


def arrive(call_id: str, arrived: stimuli.Arrived, plan: Plan, world: World) -> list[CallEvent]:
    """The first events of a call that has just entered."""
    first = CallArrived(
        channel=arrived.channel,
        caller_raw=arrived.caller_raw,
        caller=arrived.caller,
        callable=arrived.callable,
        dialled=arrived.dialled,
        source=arrived.source,
        record=plan.recording.enabled,
        answer=plan.service.answer,
    )
    call = begin(call_id, first, world.now)
    assert call is not None
    story = _Story(call, plan, world)
    story.events.append(first)
    if plan.service.answer == "on_arrival":
        story.tell(CallerAnswered())
    owner = route.first_owner(plan)
    if owner is None:
        _offer_menu(story, attempt=1)
    else:
        _turn_to(story, owner, why="first", round_=1)
    return story.events


def decide(call: Call, stimulus: Stimulus, plan: Plan, world: World) -> list[CallEvent]:
    """The events that follow from `stimulus`; none where it changes nothing. Never raises."""
    story = _Story(call, plan, world)
    match stimulus:
        case stimuli.RecordingReported(event=event):
            story.tell(event)
        case _ if isinstance(call.situation, Ended):
            pass
        case stimuli.Arrived():
            pass
        case stimuli.Rang(leg=number):
            leg = call.leg(number)
            if leg and leg.status == "offered":
                story.tell(LegRinging(number))
        case stimuli.PickedUp(leg=number):
            _picked_up(story, number)
        case stimuli.HungUp(leg=number, cause=cause, sip=sip):
            _leg_gone(story, number, cause, sip)
        case stimuli.Refused(leg=number, unavailable=unavailable, detail=detail):
            leg = call.leg(number)
            if leg and leg.live:
                result = LegResult.UNAVAILABLE if unavailable else LegResult.FAILED
                story.tell(LegEnded(number, result, detail=detail))
                _go_on(story)
        case stimuli.CallerHungUp(cause=cause, forced=forced):
            _caller_gone(story, cause, forced)
        case stimuli.KeyPressed(digit=digit, leg=number):
            _key_pressed(story, digit, number)
        case stimuli.PromptDone(prompt=prompt, played=played):
            _prompt_done(story, prompt, played)
        case stimuli.TimePassed():
            _time_passed(story)
        case stimuli.Resumed():
            _resume(story, stimulus)
        case stimuli.GivenUp(reason=reason):
            _give_up(story, reason)
        case _ as never:
            assert_never(never)
    return story.events


class _Story:
    """The call as it unfolds within one decision: each event told moves the state that the next one sees."""

    def __init__(self, call: Call, plan: Plan, world: World) -> None:
        self.call = call
        self.plan = plan
        self.world = world
        self.events: list[CallEvent] = []

    def tell(self, event: CallEvent) -> None:
        self.events.append(event)
        self.call = evolve(self.call, event, self.world.now)

    def trunk_has_room(self, trunk: str) -> bool:
        """Whether one more call fits on the trunk, this call's own legs counted."""
        known = self.plan.trunks.get(trunk)
        own = sum(leg.target.trunk == trunk for leg in self.call.live_legs())
        return known is None or self.world.trunk_load.get(trunk, 0) + own < known.max_calls


# --- reaching somebody -------------------------------------------------------------------------------------


def _turn_to(story: _Story, owner: str, why: str, round_: int) -> None:
    waves = route.waves_of(story.plan, owner, story.world)
    story.tell(StageEntered(owner, why, round_, waves))
    _go_on(story)


def _go_on(story: _Story) -> None:
    """Ring the next wave as soon as no leg is live; turn to the next stage when no wave is left."""
    while isinstance(situation := story.call.situation, Reaching) and not story.call.live_legs():
        if situation.waves:
            for target in situation.waves[0]:
                _offer(story, target)
        else:
            _escalate(story, situation)
            return


def _offer(story: _Story, target: Target) -> None:
    number = len(story.call.legs) + 1
    placed = target.trunk is None or story.trunk_has_room(target.trunk)
    story.tell(LegOffered(number, leg_channel(story.call.call_id, number), target, placed))
    if not placed:
        story.tell(LegEnded(number, LegResult.UNAVAILABLE, detail="trunk_full"))


def _escalate(story: _Story, stage: Reaching) -> None:
    """All lines of a stage have failed: who is next?"""
    plan, tried = story.plan, story.call.route
    if stage.round == 1:
        if stage.owner == CALL_TAKERS:
            then = plan.call_takers.then if plan.call_takers else plan.default_agency
            if then == MENU and route.menu_of(plan)[0]:
                _offer_menu(story, attempt=1)
                return
        else:
            agency = plan.agencies.get(stage.owner)
            then = agency.then if agency and agency.then else plan.default_agency
        for owner, why in ((then, "then"), (plan.default_agency, "default")):
            if owner in plan.agencies and owner not in tried:
                _turn_to(story, owner, why, round_=1)
                return
    _again(story, stage)


def _again(story: _Story, stage: Reaching) -> None:
    """Once more round, in the order of the first; then the announcement."""
    tried = story.call.route
    if stage.round < ROUNDS and tried:
        _turn_to(story, tried[0], "again", stage.round + 1)
        return
    position = tried.index(stage.owner) + 1 if stage.owner in tried else len(tried)
    if stage.round == ROUNDS and position < len(tried):
        _turn_to(story, tried[position], "again", stage.round)
        return
    _announce(story)


def _picked_up(story: _Story, number: int) -> None:
    leg = story.call.leg(number)
    if leg is None or leg.status not in ("offered", "ringing"):
        return
    story.tell(LegAnswered(number))
    if leg.target.accept == "pickup":
        _accept(story, leg)


def _key_pressed(story: _Story, digit: str, number: int | None) -> None:
    if number is None:
        _caller_chose(story, digit)
    elif digit == ACCEPT_KEY and (leg := story.call.leg(number)) and leg.status == "answered":
        _accept(story, leg)


def _accept(story: _Story, leg: Leg) -> None:
    """This human has the call; the other phones stop."""
    if story.call.caller_left or not isinstance(story.call.situation, Reaching):
        return
    if not story.call.caller_answered:
        story.tell(CallerAnswered())
    story.tell(LegAccepted(leg.number))
    for other in story.call.live_legs():
        if other.number != leg.number:
            story.tell(LegEnded(other.number, LegResult.ANSWERED_ELSEWHERE))


def _leg_gone(story: _Story, number: int, cause: int | None, sip: int | None) -> None:
    leg = story.call.leg(number)
    if leg is None or not leg.live:
        return
    match leg.status:
        case "accepted":
            _talk_over(story, leg, cause, sip)
        case "answered":
            story.tell(LegEnded(number, LegResult.ANSWERED_NOT_ACCEPTED, cause, sip))
            _go_on(story)
        case _:
            story.tell(LegEnded(number, result_of(cause, sip), cause, sip))
            _go_on(story)


def _talk_over(story: _Story, leg: Leg, cause: int | None, sip: int | None) -> None:
    """A human who had accepted is gone. Only one who put the receiver down ends the call; a break does not."""
    deliberate = cause == NORMAL_CLEARING
    story.tell(LegEnded(leg.number, LegResult.ACCEPTED, cause, sip, "" if deliberate else "lost"))
    if deliberate:
        _end(story, Outcome.ANSWERED, by="staff")
    else:
        _ring_anew(story)


def _ring_anew(story: _Story) -> None:
    """The talk broke while the caller is still there: begin again, with whoever answers first."""
    if any(leg.status == "accepted" for leg in story.call.live_legs()):
        return
    owner = CALL_TAKERS if story.plan.call_takers else story.plan.default_agency
    if isinstance(story.call.situation, Talking) and story.call.situation.owner in story.plan.agencies:
        owner = story.call.situation.owner
    _turn_to(story, owner, "lost", round_=1)


# --- the menu and the announcement -------------------------------------------------------------------------


def _offer_menu(story: _Story, attempt: int) -> None:
    keys, media = route.menu_of(story.plan)
    if not story.call.caller_answered:
        story.tell(CallerAnswered())
    story.tell(MenuOffered(attempt, media, keys, story.plan.service.menu_wait))


def _caller_chose(story: _Story, digit: str) -> None:
    situation = story.call.situation
    if isinstance(situation, InMenu) and (incident := situation.keys.get(digit)):
        story.tell(MenuChosen(digit, incident))
        _turn_to(story, route.primary_of(story.plan, incident), f"menu:{incident}", round_=1)


def _menu_expired(story: _Story, menu: InMenu) -> None:
    if menu.attempt < MENU_ATTEMPTS and route.menu_of(story.plan)[0]:
        _offer_menu(story, menu.attempt + 1)
        return
    story.tell(MenuChosen("", ""))
    _turn_to(story, story.plan.default_agency, "menu_default", round_=1)


def _announce(story: _Story) -> None:
    if not story.call.caller_answered:
        story.tell(CallerAnswered())
    story.tell(AnnouncementStarted(("sound:pbx112/all_failed",)))


def _prompt_done(story: _Story, prompt: stimuli.Prompt, played: bool) -> None:
    match prompt, story.call.situation:
        case "menu", InMenu():
            story.tell(PromptHeard("menu", played))
        case "greeting", _ if story.call.greeting:
            story.tell(PromptHeard("greeting", played))
        case "announcement", Announcing():
            story.tell(PromptHeard("announcement", played))
            _end(story, _unreached(story.call), by="system")
        case _:
            pass


# --- endings -----------------------------------------------------------------------------------------------


def _caller_gone(story: _Story, cause: int | None, forced: bool = False) -> None:
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
        case InMenu():
            outcome = Outcome.ABANDONED_MENU
        case Announcing():
            outcome = Outcome.UNANSWERED
        case Reaching():
            outcome = Outcome.ABANDONED_RINGING
        case Ended():
            return
        case _ as never:
            assert_never(never)
    _end(story, outcome, by="system" if forced else "caller")


def _end(story: _Story, outcome: Outcome, by: Literal["caller", "staff", "system"]) -> None:
    """Close every leg with a result, then the call."""
    for leg in story.call.live_legs():
        if leg.status == "accepted":
            result = LegResult.ACCEPTED
        else:
            result = LegResult.CALLER_GONE if by == "caller" else LegResult.WITHDRAWN
        story.tell(LegEnded(leg.number, result))
    story.tell(CallEnded(outcome, by))


def _unreached(call: Call) -> Outcome:
    return Outcome.ANSWERED if call.accepted else Outcome.UNANSWERED


def _give_up(story: _Story, reason: str) -> None:
    if isinstance(story.call.situation, InFallback | Talking) or story.call.caller_left:
        return
    for leg in story.call.live_legs():
        story.tell(LegEnded(leg.number, LegResult.WITHDRAWN))
    story.tell(HandedToFallback(reason))


# --- time, and coming back ---------------------------------------------------------------------------------


def _time_passed(story: _Story) -> None:
    now = story.world.now.mono_ns
    for leg in story.call.live_legs():
        if leg.due_ns is None or leg.due_ns > now:
            continue
        match leg.status:
            case "accepted":
                story.tell(LegEnded(leg.number, LegResult.ACCEPTED, detail="max_talk"))
                _ring_anew(story)
            case "answered":
                story.tell(LegEnded(leg.number, LegResult.ANSWERED_NOT_ACCEPTED))
            case _:
                story.tell(LegEnded(leg.number, LegResult.NO_ANSWER))
    match story.call.situation:
        case Reaching():
            _go_on(story)
        case InMenu(due_ns=due) as menu if due <= now:
            _menu_expired(story, menu)
        case Announcing(due_ns=due) if due <= now:
            _end(story, _unreached(story.call), by="system")
        case InFallback(due_ns=int() as due) if due <= now:
            _end(story, Outcome.SYSTEM_FAILURE, by="system")
        case _:
            pass


def _resume(story: _Story, found: stimuli.Resumed) -> None:
    """Bring the call into agreement with what Asterisk has now."""
    if isinstance(story.call.situation, InFallback):
        _resume_in_fallback(story, found)
        return
    if found.asterisk_restarted:
        if not story.call.caller_left:
            story.tell(CallerLeft())
        _end(story, Outcome.SYSTEM_FAILURE, by="system")
        return
    if found.caller_gone:
        _caller_gone(story, None)
        return
    if found.in_fallback:
        _give_up(story, "found in the fallback dialplan")
        return
    story.tell(CallResumed())
    if story.call.greeting:
        story.tell(PromptHeard("greeting", played=False))
    if isinstance(story.call.situation, InMenu):
        story.tell(PromptHeard("menu", played=False))
    for number in found.up:
        _picked_up(story, number)
    for number in found.gone:
        _leg_lost_unseen(story, number)
    _go_on(story)


def _resume_in_fallback(story: _Story, found: stimuli.Resumed) -> None:
    """What became of the caller is for Asterisk's own record to say, also where Asterisk has restarted since. One
    who is still in our hands never got there."""
    if found.asterisk_restarted or found.caller_gone:
        _caller_gone(story, None)
    elif not found.in_fallback and not story.call.caller_left:
        story.tell(CallResumed())


def _leg_lost_unseen(story: _Story, number: int) -> None:
    """A leg went while nobody was looking. If it was ringing, somebody may have picked up in vain (Asterisk has
    no application to put that channel into): the line rings again at once."""
    leg = story.call.leg(number)
    if leg is None or not leg.live:
        return
    if leg.status == "accepted":
        _talk_over(story, leg, None, None)
        return
    story.tell(LegEnded(number, LegResult.FAILED, detail="unseen"))
    if isinstance(story.call.situation, Reaching):
        _offer(story, leg.target)
