"""The fallback dialplan: the calls that it handles alone, and what it notes of them, as
:mod:`pbx112.cdr.fallback_story` tells it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pbx112.cdr.fallback_story import At, FallbackCall
from pbx112.model import events as ev
from pbx112.model.caller import read_caller
from pbx112.model.events import Instant, LegResult, Outcome
from pbx112.model.route import target_of
from pbx112.model.state import SECOND, leg_channel
from pbx112.plan.types import Plan

from .asterisk import Asterisk, Chan
from .clock import Clock
from .people import People
from .tale import Tale


class Dialplan:
    """Whom it serves now. `plan` is the one that it was last made from."""

    def __init__(
        self,
        clock: Clock,
        chance: Random,
        asterisk: Asterisk,
        people: People,
        plan: Callable[[], Plan],
        tale: Tale,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._asterisk = asterisk
        self._people = people
        self._plan = plan
        self._tale = tale
        self._serving: dict[str, tuple[Instant, float | None]] = {}
        self._written: list[FallbackCall] = []

    def serve(self, chan: Chan, answered: Callable[[], None]) -> None:
        """It has a caller; `answered` is called when a human accepts."""
        self._tale.say(f"call {chan.id}: in the fallback dialplan")
        found = self._people.fallback(chan.id)
        begun = self._clock.now
        answers, talks = found or (self._chance.uniform(5.0, 90.0), 0.0)

        def over() -> None:
            if self._asterisk.channels.get(chan.id) is chan:
                self._note(chan, begun, answers if found else None, "staff" if found else "system")
                self._asterisk.dialplan_ends(chan)

        if found:
            self._clock.after(answers, answered)
        self._clock.after(answers + talks, over)
        self._serving[chan.id] = (begun, answers if found else None)

    def caller_gone(self, chan: Chan) -> None:
        """A caller is gone; perhaps it was here."""
        if chan.id in self._serving:
            begun, after = self._serving[chan.id]
            has = after is not None and begun.mono_ns + after * SECOND <= self._clock.now_ns
            self._note(chan, begun, after if has else None, "caller")

    def cut(self, chan: Chan) -> None:
        """Asterisk's restart ended a call; perhaps it was here."""
        if chan.id in self._serving:
            self._note(chan, self._serving[chan.id][0], None, "cut")

    def written_since(self) -> list[FallbackCall]:
        """What it wrote since this was last asked for."""
        written, self._written = self._written, []
        return written

    def _note(self, chan: Chan, begun: Instant, accepted_after: float | None, by: str) -> None:
        self._serving.pop(chan.id, None)
        now = self._clock.now
        self._written.append(
            tell_fallback(chan.id, chan.number, self._plan(), begun, now, accepted_after, by)
        )


def tell_fallback(
    call_id: str,
    number: str,
    plan: Plan,
    begun: Instant,
    ended: Instant,
    accepted_after: float | None,
    by: str,
) -> FallbackCall:
    """The story of a call in the dialplan's hands from `begun` to `ended`, ended `by` `caller`, `staff`, `system`, or
    `cut` off by Asterisk's restart; a human accepted after `accepted_after` seconds, or none."""
    caller = read_caller(number, plan.service.country)
    events: list[At] = []

    def tell(at_us: int, event: ev.CallEvent) -> None:
        events.append((Instant(at_us, at_us * 1000), event))

    start, end = begun.utc_us, ended.utc_us
    tell(
        start,
        ev.CallArrived(
            call_id, caller.raw, caller.e164, caller.callable, plan.service.number, via="fallback"
        ),
    )
    lines = plan.lines()
    if lines:
        owner, line = lines[0]
        target = target_of(plan, owner, line)
        tell(start, ev.StageEntered(owner, "first", 1, ((target,),)))
        tell(start, ev.LegOffered(1, leg_channel(call_id, 1), target))
    accepted = accepted_after is not None and bool(lines)
    if accepted and accepted_after is not None:
        moment = min(end, start + int(accepted_after * SECOND) // 1000)
        tell(moment, ev.CallerAnswered())
        tell(moment, ev.LegAnswered(1))
        tell(moment, ev.LegAccepted(1))
    if by in ("caller", "cut"):
        tell(end, ev.CallerLeft())
    if lines:
        tell(end, ev.LegEnded(1, LegResult.ACCEPTED if accepted else LegResult.NO_ANSWER))
    outcome = Outcome.FALLBACK_ANSWERED if accepted else Outcome.FALLBACK_UNANSWERED
    if by == "cut":
        outcome = Outcome.SYSTEM_FAILURE
    ended_by = "staff" if by == "staff" else "caller" if by == "caller" else "system"
    tell(end, ev.CallEnded(outcome, ended_by))  # type: ignore[arg-type]
    return FallbackCall(call_id, plan.hash, tuple(events))
