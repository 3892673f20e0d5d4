"""Waiting for one's turn: who comes while as many calls are served as the plan allows; and being held.

Only the situation is kept in the call. How many are served, and who came before, the switch says at each look
(:class:`pbx112.model.stimuli.World`), so that nothing has to be put right when others hang up or a daemon
restarts. Another reason to wait needs no more than another word in `CallQueued.reason`.
"""

from __future__ import annotations

from typing import Literal

from .comfort import Comfort
from .events import CallAdmitted, CallerAnswered, CallerBack, CallQueued, PromptHeard, WaitAnnounced
from .reach import start
from .state import Waiting
from .story import Story

OVERLOAD = "overload"
"""The reason to wait: as many calls as the plan allows are being served."""

WORD = ("sound:pbx112/waiting",)


def is_room(story: Story) -> bool:
    """Whether this call may be served now: those who came before have their turn first."""
    return story.world.serving + story.world.ahead < story.plan.service.max_calls


def wait(story: Story) -> None:
    """Let the caller wait, and say so."""
    story.tell(CallQueued(OVERLOAD, WORD, story.plan.service.max_wait))
    if not story.call.caller_answered:
        story.tell(CallerAnswered())


def look_again(story: Story) -> None:
    """A call has ended, or another plan decides: is it this one's turn?"""
    if isinstance(story.call.situation, Waiting) and is_room(story):
        admit(story, "room")


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
    story.tell(CallAdmitted(why))
    start(story)
