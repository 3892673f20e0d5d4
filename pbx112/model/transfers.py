"""A phone's own transfer key: whoever presses it is gone; the caller never is.

Blind (the target has still to be rung) is what `*code` and putting the receiver down are; attended (they have spoken
already) is consult, bring together, and leave.
"""

from __future__ import annotations

from pbx112.plan.dialled import Whom, dialled, line_of

from . import helps, legs, reach, route
from .events import (
    CallerBack,
    CallTransferred,
    LegAccepted,
    LegAnswered,
    LegEnded,
    LegOffered,
    LegResult,
)
from .stimuli import Transferred
from .story import Story


def transferred(story: Story, what: Transferred) -> None:
    """Asterisk has put `what.channel` in the place of this leg's phone. What names nobody of the plan is refused, and
    the caller goes back to the call takers."""
    leg = story.call.leg(what.leg)
    if leg is None or leg.status != "accepted":
        return
    whom = dialled(story.plan).get(what.to)
    line = line_of(story.plan, whom) if whom else None
    attended = what.attended and line is not None
    owner, number = whom or Whom("")
    story.tell(CallTransferred(leg.number, what.to, owner, number, attended, what.channel))
    if story.call.held:
        story.tell(CallerBack(leg.number))
    if attended and whom and line:
        here = len(story.call.legs) + 1
        target = route.target_of(story.plan, owner, line)
        story.tell(LegOffered(here, what.channel, target, placed=False, brought=leg.number))
        story.tell(LegAnswered(here))
        story.tell(LegAccepted(here))
    story.tell(LegEnded(leg.number, LegResult.ACCEPTED, detail="transferred"))
    if attended:
        return
    if not whom:
        legs.settle(story, "returned")
    elif not story.call.talkers():
        _hand_over(story, whom)
    elif not helps.on_the_call(story, owner, number) and helps.is_room(story):
        helps.seek(story, owner, leg.number, "transferred", line=number)


def _hand_over(story: Story, whom: Whom) -> None:
    """The caller is there alone: ring whom the transfer names."""
    for help_ in story.call.helps:
        if help_.open and help_.owner == whom.owner:
            helps.drop(story, help_)
    reach.turn_to(story, whom.owner, "transferred", round_=1, line=whom.line)
