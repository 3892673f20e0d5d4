"""A supervisor listens in on a call taker's talk, and may whisper: only the call taker hears that, never the citizen.

Asterisk's ChanSpy on the supervisor's own channel does it, inside Asterisk: no channel and no bridge is made that could
be left over, and it goes on while the daemon restarts. It ends when one of supervisor, call taker and caller hangs up.
"""

from __future__ import annotations

from collections.abc import Iterable

from pbx112.model import events as ev
from pbx112.model.state import Call, Talking
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS

from .acts import Ask, Dialogue, Listen, Note, Talk, media, say, words
from .desk import Desk

LISTEN, WHISPER, NEXT = "1", "2", "3"
LONGEST = 4 * 3600
"""Seconds, as long as a talk may be recorded."""


def talks_of(calls: Iterable[Call]) -> tuple[Talk, ...]:
    """The call takers' talks, the oldest call first."""
    return tuple(
        Talk(call.call_id, leg.number, leg.target.number, leg.channel)
        for call in sorted(calls, key=lambda call: call.arrived.mono_ns)
        if isinstance(call.situation, Talking)
        for leg in call.talkers()
        if leg.target.owner == CALL_TAKERS and leg.target.kind == "extension"
    )


def listen_in(desk: Desk) -> Dialogue:
    """Offer each talk in turn."""
    line = desk.line_of(SUPERVISORS)
    if line is None:
        yield say("desk_not_yours")
        return
    if not desk.talks:
        yield say("desk_no_talk")
        return
    for talk in desk.talks:
        pressed = yield Ask(media("desk_talk", *words(talk.line), "desk_listen"), 1)
        if pressed == NEXT:
            continue
        if pressed in (LISTEN, WHISPER):
            whisper = pressed == WHISPER
            yield Note(
                talk.call_id, ev.ListenStarted(line.number, talk.line, talk.leg, whisper, desk.channel)
            )
            yield Listen(talk, whisper)
            yield Note(talk.call_id, ev.ListenEnded(line.number, desk.channel))
        return
    yield say("desk_end_of_list")
