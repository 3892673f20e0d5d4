"""Waiting for one's turn, and being held: a word, music, the word again, and an end to it.

There are two lines: who comes while as many calls are served as the plan allows, and who comes while all call takers
talk (:mod:`pbx112.model.line`). Only the situation is kept in the call. How many are served, and who comes before, the
switch says at each look (:class:`pbx112.model.stimuli.World`), so that nothing has to be put right when others hang up
or a daemon restarts.
"""

from __future__ import annotations

from typing import Literal

from . import line
from .comfort import Comfort
from .events import (
    CallAdmitted,
    CallerAnswered,
    CallerBack,
    CallQueued,
    EmergencyAnswered,
    EmergencyAsked,
    PromptHeard,
    WaitAnnounced,
)
from .reach import pass_over, start
from .state import Questioned, Waiting
from .story import Story

QUESTION = ("sound:pbx112/question",)

QUESTION_WAIT = 4.0
"""Seconds after the question in which a key may be pressed."""

EMERGENCY_KEY = "1"

OVERLOAD = "overload"
"""The reason to wait: as many calls as the plan allows are being served."""


def arrives(story: Story) -> None:
    """A call has come. A number from which pranks came is asked first whether this is none."""
    rule = story.plan.nuisance
    if story.call.behind and rule and rule.question:
        story.tell(EmergencyAsked(QUESTION, QUESTION_WAIT))
        story.tell(CallerAnswered())
    else:
        enter(story)


def emergency(story: Story, digit: str) -> None:
    """The caller pressed a key (empty: none in time) where one was asked for. It goes on in any case."""
    if isinstance(story.call.situation, Questioned) and digit in (EMERGENCY_KEY, ""):
        story.tell(EmergencyAnswered(digit))
        enter(story)


def enter(story: Story) -> None:
    """A call has come: it is served, or has to wait."""
    if not is_room(story):
        story.tell(CallQueued(OVERLOAD, line.WORD, story.plan.service.max_wait))
        if not story.call.caller_answered:
            story.tell(CallerAnswered())
    elif line.must_wait(story):
        line.queue(story)
    else:
        if story.plan.service.answer == "on_arrival" and not story.call.caller_answered:
            story.tell(CallerAnswered())
        start(story)


def is_room(story: Story) -> bool:
    """Whether this call may be served now: those who came before have their turn first."""
    return story.world.serving + story.world.ahead < story.plan.service.max_calls


def look_again(story: Story) -> None:
    """A call has ended, a call taker is free, another plan decides: is it this one's turn?"""
    match story.call.situation:
        case Waiting(reason=line.TAKERS) if line.is_turn(story):
            admit(story, "room")
        case Waiting(reason=reason) if reason != line.TAKERS and is_room(story):
            admit(story, "room")
        case _:
            pass


def pass_time(story: Story, comfort: Comfort) -> None:
    """Time has passed for one who waits, or is held: the word again after some music; and in the end, no more of it."""
    now = story.world.now.mono_ns
    held = story.call.held
    if comfort.until_ns <= now:
        if held:
            story.tell(CallerBack(held.by, "longest"))
        else:
            admit(story, "longest")
    elif comfort.word_ns <= now:
        if comfort.speaking:  # Asterisk never said that it was spoken: music at least
            story.tell(PromptHeard("held" if held else "waiting", played=False))
        else:
            story.tell(WaitAnnounced(comfort.time + 1))


def admit(story: Story, why: Literal["room", "longest"]) -> None:
    """The wait is over: from here on it is a call like any other."""
    waiting = story.call.situation
    for_takers = isinstance(waiting, Waiting) and waiting.reason == line.TAKERS
    story.tell(CallAdmitted(why))
    if for_takers and why == "longest" and story.plan.call_takers:
        pass_over(story)
    elif not for_takers and line.must_wait(story):
        line.queue(story)
    else:
        start(story)
