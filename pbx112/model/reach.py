"""Reaching a human: line after line, agency after agency, the menu between them, the announcement at the end."""

from __future__ import annotations

from collections.abc import Iterable

from pbx112.plan.types import CALL_TAKERS, MENU

from . import line, route, stimuli
from .endings import end, unreached
from .events import (
    AnnouncementStarted,
    CallerAnswered,
    LegEnded,
    LegOffered,
    LegResult,
    MenuChosen,
    MenuOffered,
    PromptHeard,
    StageEntered,
    Target,
)
from .state import Announcing, InMenu, Questioned, Reaching, leg_channel
from .story import TRUNK_FULL, Story

ROUNDS = 2
"""How often all lines are tried before the caller is told that nobody can be reached."""

MENU_ATTEMPTS = 2
"""How often the menu is spoken before the default agency is rung."""


def start(story: Story) -> None:
    """Begin to look for a human: the call takers, the menu, or the default agency."""
    owner = route.first_owner(story.plan)
    if owner is None:
        offer_menu(story, attempt=1)
    else:
        turn_to(story, owner, _why_first(story, owner), round_=1)


def _why_first(story: Story, owner: str) -> str:
    """A call that waits for the call takers after it has rung them once has not begun anew."""
    return "turn" if owner == CALL_TAKERS and owner in story.call.route else "first"


def take_back(story: Story, owner: str, why: str) -> None:
    """The caller is there alone after a talk: ring `owner` anew, or wait for a call taker."""
    if owner == CALL_TAKERS and line.must_wait(story):
        story.tell(StageEntered(owner, why, 1, ()))
        line.queue(story)
    else:
        turn_to(story, owner, why, round_=1)


def pass_over(story: Story) -> None:
    """No call taker became free in time: what follows as if nobody had answered."""
    story.tell(StageEntered(CALL_TAKERS, _why_first(story, CALL_TAKERS), 1, ()))
    go_on(story)


def turn_to(story: Story, owner: str, why: str, round_: int, line: str = "") -> None:
    """Ring the lines of `owner`, from its first wave on; the one with the number `line` before all others."""
    waves = route.waves_to(story.plan, owner, story.world, line, round_)
    story.tell(StageEntered(owner, why, round_, waves))
    go_on(story)


def go_on(story: Story) -> None:
    """Ring the next wave as soon as nobody is tried; turn to the next stage when no wave is left."""
    while isinstance(situation := story.call.situation, Reaching) and not story.call.tried_for(0):
        if not situation.waves:
            escalate(story, situation)
            return
        ready = [target for target in situation.waves[0] if not rings(story, target.number)]
        if not ready:  # they ring already, for a help: who picks up has the caller
            return
        offer_together(story, ready)


def rings(story: Story, number: str) -> bool:
    """Whether this line is being tried for this call."""
    return any(leg.target.number == number and leg.status != "accepted" for leg in story.call.live_legs())


def offer_together(story: Story, wave: Iterable[Target], help_: int = 0) -> None:
    """Ring these lines together. For which their trunk has no circuit beside the others stay in their wave, and are
    rung once those have ended."""
    for target in wave:
        beside = any(
            leg.help == help_ and leg.status != "accepted" and leg.target.trunk == target.trunk
            for leg in story.call.live_legs()
        )
        if not (beside and target.trunk and story.trunk_limit(target.trunk) == TRUNK_FULL):
            offer(story, target, help_)


def offer(story: Story, target: Target, help_: int = 0) -> None:
    """Ring one line, or note why it cannot be rung; for the caller, or for the help of that number."""
    number = len(story.call.legs) + 1
    limit = "" if target.trunk is None else story.trunk_limit(target.trunk)
    story.tell(
        LegOffered(number, leg_channel(story.call.call_id, number), target, placed=not limit, help=help_)
    )
    if limit:
        story.tell(LegEnded(number, LegResult.UNAVAILABLE, detail=limit))


def escalate(story: Story, stage: Reaching) -> None:
    """All lines of a stage have failed: who is next?"""
    plan, tried = story.plan, story.call.route
    if stage.transferred and stage.owner not in plan.agencies and plan.call_takers:
        take_back(story, CALL_TAKERS, "returned")
        return
    if stage.round == 1:
        if stage.owner == CALL_TAKERS and line.still_talk(story):
            line.queue(story)
            return
        if stage.owner == CALL_TAKERS:
            then = plan.call_takers.then if plan.call_takers else plan.default_agency
            if then == MENU and route.menu_of(plan)[0]:
                offer_menu(story, attempt=1)
                return
        else:
            agency = plan.agencies.get(stage.owner)
            then = agency.then if agency and agency.then else plan.default_agency
        if then in plan.agencies and then not in tried:
            turn_to(story, then, "then", round_=1)
            return
        if plan.call_takers and CALL_TAKERS not in tried:  # after a talk: who had it before may have it again
            take_back(story, CALL_TAKERS, "returned")
            return
        if plan.default_agency in plan.agencies and plan.default_agency not in tried:
            turn_to(story, plan.default_agency, "default", round_=1)
            return
    again(story, stage)


def again(story: Story, stage: Reaching) -> None:
    """Once more round, in the order of the first; then the announcement."""
    tried = story.call.route
    if stage.round < ROUNDS and tried:
        turn_to(story, tried[0], "again", stage.round + 1)
        return
    position = tried.index(stage.owner) + 1 if stage.owner in tried else len(tried)
    if stage.round == ROUNDS and position < len(tried):
        turn_to(story, tried[position], "again", stage.round)
        return
    announce(story)


def offer_menu(story: Story, attempt: int) -> None:
    """Speak the menu of incidents to the caller."""
    keys, media = route.menu_of(story.plan)
    if not story.call.caller_answered:
        story.tell(CallerAnswered())
    story.tell(MenuOffered(attempt, media, keys, story.plan.service.menu_wait))


def caller_chose(story: Story, digit: str) -> None:
    """The caller pressed a key; outside the menu, or one that is not in it, it means nothing."""
    situation = story.call.situation
    if isinstance(situation, InMenu) and (incident := situation.keys.get(digit)):
        known = story.plan.incidents.get(incident)
        story.tell(MenuChosen(digit, incident, known.name if known else ""))
        turn_to(story, route.primary_of(story.plan, incident), f"menu:{incident}", round_=1)


def menu_expired(story: Story, menu: InMenu) -> None:
    """The caller chose nothing in time: once more, then the default agency."""
    if menu.attempt < MENU_ATTEMPTS and route.menu_of(story.plan)[0]:
        offer_menu(story, menu.attempt + 1)
        return
    story.tell(MenuChosen("", ""))
    turn_to(story, story.plan.default_agency, "menu_default", round_=1)


def announce(story: Story) -> None:
    """Tell the caller that nobody can be reached; but not while a line rings that was called in during a talk, nor
    where a line was only passed over for want of a circuit, and there is one now."""
    if any(help_.open for help_ in story.call.helps):
        return
    for owner in story.call.route:
        if waves := _passed_over(story, owner):
            story.tell(StageEntered(owner, "again", ROUNDS, waves))
            go_on(story)
            return
    if not story.call.caller_answered:
        story.tell(CallerAnswered())
    story.tell(AnnouncementStarted(("sound:pbx112/all_failed",)))


def _passed_over(story: Story, owner: str) -> route.Waves:
    """The lines of `owner` that were not rung when their turn last came, and that a trunk can carry now."""
    last = {leg.target.number: leg for leg in story.call.legs if not leg.help and leg.target.owner == owner}
    numbers = {
        number for number, leg in last.items() if leg.result is LegResult.UNAVAILABLE and not leg.placed
    }
    if not numbers:
        return ()
    waves = route.waves_of(story.plan, owner, story.world, ROUNDS)
    left = (
        tuple(t for t in wave if t.number in numbers and t.trunk and not story.trunk_limit(t.trunk))
        for wave in waves
    )
    return tuple(wave for wave in left if wave)


def prompt_done(story: Story, prompt: stimuli.Prompt, played: bool) -> None:
    """A prompt to the caller was spoken to its end, or could not be played."""
    match prompt, story.call.situation:
        case "question", Questioned():
            story.tell(PromptHeard("question", played))
        case "menu", InMenu():
            story.tell(PromptHeard("menu", played))
        case "waiting" | "held", _ if story.call.comfort and story.call.comfort.speaking:
            story.tell(PromptHeard(prompt, played))
        case "greeting" | "next", _ if story.call.saying == prompt:
            story.tell(PromptHeard(prompt, played))
        case "announcement", Announcing():
            story.tell(PromptHeard("announcement", played))
            end(story, unreached(story.call), by="system")
        case _:
            pass
