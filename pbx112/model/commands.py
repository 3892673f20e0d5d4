"""What an operator's code does (:mod:`pbx112.model.codes` has the table)."""

from __future__ import annotations

from typing import Literal, assert_never

from . import helps
from .codes import CallIn, CallInAll, MarkDisposition, MarkIncident, Plainly, codes
from .endings import end
from .events import (
    CallerBack,
    CallerSpoke,
    CallMarked,
    CommandRefused,
    KeyAsked,
    KeyGiven,
    LegEnded,
    LegResult,
    Outcome,
)
from .legs import settle
from .state import Leg, Talking, listens
from .story import Story

YES_KEY = "5"
"""What a caller who cannot speak is asked to press."""


def obey(story: Story, number: int, keys: str) -> None:
    """The operator on this leg pressed `keys`; those who are not on the bridge command nothing."""
    leg = story.call.leg(number)
    if leg is None or leg.status != "accepted":
        return
    match codes(story.plan).get(keys):
        case None:
            why: Refusal | None = "unknown"
        case CallIn(owner=owner, consult=consult, line=line):
            why = _call_in(story, leg, owner, consult=consult, line=line)
        case CallInAll(incident=incident):
            why = _call_in_all(story, leg, incident)
        case MarkIncident(incident=incident):
            story.tell(_happened(story, leg, incident))
            why = None
        case MarkDisposition(disposition=disposition):
            story.tell(CallMarked(leg.target.number, disposition=disposition))
            why = None
        case Plainly(what=what):
            why = _plainly(story, leg, what)
        case _ as never:
            assert_never(never)
    if why is not None:
        story.tell(CommandRefused(number, keys, why))


Refusal = Literal["unknown", "here", "nobody", "full"]


def _call_in(story: Story, leg: Leg, owner: str, *, consult: bool, line: str) -> Refusal | None:
    if helps.on_the_call(story, owner, line):
        return "here"
    if not helps.is_room(story):
        return "full"
    helps.seek(story, owner, leg.number, "asked", consult=consult, line=line)
    return None


def _call_in_all(story: Story, leg: Leg, key: str) -> Refusal | None:
    """Everybody who goes for the incident, but for those who are here already; that it has happened is noted."""
    incident = story.plan.incidents[key]
    owners = [
        o for o in dict.fromkeys((incident.primary, *incident.support)) if not helps.on_the_call(story, o)
    ]
    if not owners:
        return "here"
    story.tell(_happened(story, leg, key))
    for owner in owners:
        if not helps.is_room(story):
            return "full"
        helps.seek(story, owner, leg.number, f"incident:{key}")
    return None


def _happened(story: Story, leg: Leg, incident: str) -> CallMarked:
    known = story.plan.incidents.get(incident)
    return CallMarked(leg.target.number, incident=incident, name=known.name if known else "")


def _plainly(
    story: Story, leg: Leg, what: Literal["together", "back", "drop", "ask", "end"]
) -> Refusal | None:
    match what:
        case "together":
            if not story.call.held:
                return "nobody"
            story.tell(CallerBack(leg.number))
        case "back" | "drop":
            last = helps.last(story, leg.help)
            if last is None:
                return "nobody"
            helps.drop(story, last)
            if what == "back" and story.call.held:
                story.tell(CallerBack(leg.number))
            else:
                settle(story, "returned")
        case "ask":
            if story.call.held or story.call.asking:
                return "nobody"
            story.tell(KeyAsked(leg.number))
        case "end":
            story.tell(LegEnded(leg.number, LegResult.ACCEPTED, detail="ended_the_call"))
            end(story, Outcome.ANSWERED, by="staff")
        case _ as never:
            assert_never(never)
    return None


def caller_speaks(story: Story) -> None:
    """Something is heard of the caller."""
    if listens(story.call):
        story.tell(CallerSpoke())


def nothing_is_heard(story: Story) -> None:
    """Nothing was heard of the caller for a while: perhaps it cannot speak."""
    if isinstance(story.call.situation, Talking) and story.call.asking is None:
        story.tell(KeyAsked(0))


def caller_answers(story: Story, digit: str) -> None:
    """The caller pressed a key after having been asked to."""
    if story.call.asking is not None and digit == YES_KEY:
        story.tell(KeyGiven(digit))


def caller_is_silent(story: Story) -> None:
    """The caller pressed nothing in time."""
    story.tell(KeyGiven(""))
