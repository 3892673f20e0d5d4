"""What the fallback dialplan notes of a call that it handled alone, as :mod:`pbx112.cdr.fallback_story` tells it."""

from __future__ import annotations

from pbx112.cdr.fallback_story import At, FallbackCall
from pbx112.model import events as ev
from pbx112.model.caller import read_caller
from pbx112.model.events import Instant, LegResult, Outcome
from pbx112.model.route import target_of
from pbx112.model.state import SECOND, leg_channel
from pbx112.plan.types import Plan


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
