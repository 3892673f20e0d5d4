"""Help during a talk: an agency, several, or a colleague are rung while caller and operator go on talking.

Each help is sought by the plan like a human for the caller (duty, order, press 1, the agency's `then`), but once only,
and nobody's failure changes anything for those who talk.
"""

from __future__ import annotations

from . import route
from .events import HelpEnded, HelpSought, LegEnded, LegResult
from .reach import offer_together
from .state import Help, Talking
from .story import Story

MOST_LEGS = 24
"""Lines that one call rings and holds together, from which on nobody more is called in."""


def on_the_call(story: Story, owner: str, line: str = "") -> bool:
    """Whether this owner (of the call takers: this line) is on the call, or being called."""
    if any(help_.open and help_.owner == owner and not line for help_ in story.call.helps):
        return True
    targets = [leg.target for leg in story.call.live_legs()]
    return any(target.owner == owner and (not line or target.number == line) for target in targets)


def is_room(story: Story) -> bool:
    """Whether one more party may be called (all of whose lines may ring together)."""
    return len(story.call.live_legs()) < MOST_LEGS


def seek(story: Story, owner: str, by: int, why: str, *, consult: bool = False, line: str = "") -> None:
    """Call `owner` in."""
    waves = _not_here(story, route.waves_to(story.plan, owner, story.world, line))
    story.tell(HelpSought(len(story.call.helps) + 1, owner, by, why, waves, consult))
    go_on(story)


def go_on(story: Story) -> None:
    """For every help that waits for nobody: the next wave, the next owner, or its end."""
    for number in range(1, len(story.call.helps) + 1):
        while (help_ := story.call.help(number)) and help_.open and not story.call.tried_for(number):
            if help_.waves:
                offer_together(story, help_.waves[0], help_.number)
            else:
                _escalate(story, help_)


def drop(story: Story, help_: Help, why: LegResult = LegResult.WITHDRAWN) -> None:
    """Call nobody any more for this help, and let go who came."""
    for leg in story.call.live_legs():
        if leg.help == help_.number:
            result = LegResult.ACCEPTED if leg.status == "accepted" else why
            story.tell(LegEnded(leg.number, result, detail="dropped"))
    story.tell(HelpEnded(help_.number, "dropped"))


def last(story: Story, besides: int) -> Help | None:
    """The help that was asked for last of those that ring or are here, `besides` the one through which the operator
    came."""
    alive = {leg.help for leg in story.call.live_legs()} - {0, besides}
    return max((h for h in story.call.helps if h.number in alive), key=lambda h: h.number, default=None)


def _not_here(story: Story, waves: route.Waves) -> route.Waves:
    """Without the lines that ring or talk for this call already."""
    here = {leg.target.number for leg in story.call.live_legs()}
    left = (tuple(target for target in wave if target.number not in here) for wave in waves)
    return tuple(wave for wave in left if wave)


def _escalate(story: Story, help_: Help) -> None:
    agency = story.plan.agencies.get(help_.owner)
    then = agency.then if agency else None
    talks = isinstance(story.call.situation, Talking)
    if then and talks and then not in help_.route and not on_the_call(story, then):
        waves = _not_here(story, route.waves_of(story.plan, then, story.world))
        story.tell(HelpSought(help_.number, then, help_.by, "then", waves, help_.consult))
    else:
        story.tell(HelpEnded(help_.number, "unreached"))
