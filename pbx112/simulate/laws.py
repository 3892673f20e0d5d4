"""The laws of `docs/architecture.md` as predicates: what must hold after every step, whatever went wrong before.

Each raises nothing and yields a sentence for what it finds broken. `LAWS` names them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pbx112.cdr.record import Fact, Records, build_record
from pbx112.model import asks, react
from pbx112.model import events as ev
from pbx112.model.comfort import SPEAKING_LIMIT
from pbx112.model.events import CallEvent, Instant, LegResult, Outcome
from pbx112.model.state import (
    ANNOUNCEMENT_LIMIT,
    SECOND,
    Call,
    Ended,
    InFallback,
    Reaching,
    Talking,
    begin,
    due,
    evolve,
)
from pbx112.model.story import TRUNK_FULL
from pbx112.switch.arrival import AT_ONCE

LAWS = {
    "journal_then_act": "no request leaves before the event that causes it is written, and none without one (law 2)",
    "first_and_last": "a call has one CallArrived, first, and one CallEnded, last but for the recording (3)",
    "one_result": "each attempt has one number, one offer and one result, all by the call's end (3)",
    "never_hung_up": "a caller is hung up by us only after staff put the receiver down or the announcement (1)",
    "help_is_sought": "who is called in is rung or given up, and no receiver put down cuts off whom it rings for (1)",
    "rung_once": "a line that rings for a call already is not rung once more for its caller",
    "rung_in_turn": "a line for which its trunk has no circuit beside those that ring with it is rung after them (1)",
    "held_for_somebody": "a caller is held while who wished it is there, and speaks with somebody called in for that",
    "only_the_plan": "only what the plan in force names is dialled (5)",
    "something_due": "a live call has a moment due, or a living party to wait for (6)",
    "bounded_wait": "no moment due is further away than the longest limit that the plan or the model sets (6)",
    "due_is_met": "a moment due is met, and time that has passed moves it on (6)",
    "reaching_rings": "while a human is sought a line is being tried (1)",
    "one_human": "no line accepts while another one talks, but who was called in (a call has one talk)",
    "talk_has_human": "a talk has a line that accepted and lives",
    "no_silence": "a caller hears ringing, a voice or music, but for 2 s (7)",
    "owned": "a channel or bridge that we made belongs to a live call, or is gone in bounded time (6)",
    "nothing_to_mend": "where nothing goes wrong the sweep finds nothing left over (it is the net, not the rope)",
    "in_good_hands": "a caller in our application belongs to a live call in bounded time (3)",
    "picked_up": "who picked up talks to the caller or is let go in bounded time",
    "same_fold": "a call's state is the fold of its journal (the one stream)",
    "time_forward": "the moments of a call's events never run backwards",
    "true_record": "the record has one outcome, fits its events, and its times are in order (3)",
    "true_arrival": "the record has the caller arrive when it came, however long no daemon heard of it (3)",
    "late_record": "a record that arrives late says the same as one that arrives at once (3)",
    "nothing_left": "when all is over, no channel and no bridge of ours is left in Asterisk (6)",
    "everybody_recorded": "each caller whom the daemon or the dialplan had is in the records, once (3)",
    "first_come": "of those who wait for the same, who has lost a human comes first, then who came first, pranks last",
    "line_is_bounded": "nobody waits for call takers longer than the plan says, all waits since a human counted (6)",
    "line_moves": "a call taker who is free is sought for one who waits, in bounded time",
    "comes_to_rest": "a bounded number of things happens for each call (6)",
    "never_raises": "nothing that happens makes the daemon stumble",
}
"""Each law's name, and the sentence (with DESIGN's number where it is one of those)."""

SILENCE = 2.0
"""Seconds of nothing that a caller may hear."""

_REPORTS = (ev.RecordingStarted, ev.RecordingFinished, ev.RecordingFailed)
_SLACK = 5 * SECOND


class Broken(BaseException):
    """A law does not hold. `call_id` is empty where it is no single call's. No `Exception`: the daemon shall not take
    it for a fault of its own and go on."""

    def __init__(self, law: str, call_id: str, why: str) -> None:
        super().__init__(f"{law} ({LAWS[law]}): {why}" + (f" [call {call_id}]" if call_id else ""))
        self.law = law
        self.call_id = call_id
        self.why = why


class Dossier:
    """What the journal has of one call, held against the laws as it grows."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.history: list[tuple[Instant, CallEvent]] = []
        self.plans: list[str] = []
        self.state: Call | None = None
        self.allowed: Counter[asks.Request] = Counter()
        self.ended_by: str | None = None
        self.end = 0  # how many events there are with the end
        self.announced = False
        self.ended_by_code = False

    def append(
        self, at: Instant, event: CallEvent, plan: str, *, told_late: bool = False
    ) -> list[asks.Request]:
        """An event is journalled; the requests it will cause. `told_late`: the dialplan noted it, we hear of it only
        now. Raises :class:`Broken`."""
        for law, why in self._breaks(at, event, told_late):
            raise Broken(law, self.call_id, why)
        before = self.state
        self.state = begin(self.call_id, event, at) if before is None else evolve(before, event, at)
        self.history.append((at, event))
        self.plans.append(plan)
        after = self.state
        if isinstance(event, ev.CallEnded):
            self.ended_by = event.by
            self.end = len(self.history)
        elif isinstance(event, ev.LegEnded) and event.detail == "ended_the_call":
            self.ended_by_code = True
        elif isinstance(event, ev.AnnouncementStarted):
            self.announced = True
        assert after is not None
        return list(react.react(before or after, event))

    def _breaks(self, at: Instant, event: CallEvent, told_late: bool) -> Iterator[tuple[str, str]]:
        if self.history and not told_late and at.mono_ns < self.history[-1][0].mono_ns:
            yield "time_forward", f"{type(event).__name__} lies before the event it follows"
        if (self.state is None) != isinstance(event, ev.CallArrived):
            yield (
                "first_and_last",
                f"{type(event).__name__} " + ("comes first" if self.state is None else "comes again"),
            )
        if self.ended_by is not None and not isinstance(event, _REPORTS):
            yield "first_and_last", f"{type(event).__name__} after the end"
        if self.state is not None:
            yield from _breaks_of_legs(self.state, event)
            sought = any(help_.open for help_ in self.state.helps)
            if sought and isinstance(event, ev.CallEnded) and event.by == "staff" and not self.ended_by_code:
                yield "help_is_sought", "staff hangs up, and the call ends while somebody is being called in"
            if sought and isinstance(event, ev.AnnouncementStarted):
                yield (
                    "help_is_sought",
                    "the caller is told that nobody comes while somebody is being called in",
                )

    def check_state(self, call: Call, now_ns: int) -> None:
        """After a step. Raises :class:`Broken`."""
        if call != self.state:
            raise Broken("same_fold", self.call_id, f"{call} is not {self.state}")
        for law, why in breaks_of_state(call, now_ns):
            raise Broken(law, self.call_id, why)

    def record(self, upto: int | None = None) -> Records:
        """What its first `upto` events come to."""
        told = [
            Fact(seq, at, plan, event)
            for seq, ((at, event), plan) in enumerate(zip(self.history, self.plans, strict=True), start=1)
        ]
        return build_record(self.call_id, told[:upto], journal_id="simulated", node="simulated")

    def check_record(self, came_us: int) -> Records:
        """When all is over; the caller came at `came_us`. Raises :class:`Broken`."""
        records = self.record()
        if why := _told_too_late(self.history, came_us):
            raise Broken("true_arrival", self.call_id, why)
        for why in breaks_of_record(self.history, records):
            raise Broken("true_record", self.call_id, why)
        return records


def _breaks_of_legs(call: Call, event: CallEvent) -> Iterator[tuple[str, str]]:
    match event:
        case ev.LegOffered(leg=number):
            if number != len(call.legs) + 1:
                yield "one_result", f"leg {number} is offered after {len(call.legs)} legs"
            if not event.help and event.target.number in _rings(call):
                yield "rung_once", f"{event.target.number} is rung twice at once"
        case ev.LegRinging(leg=number) | ev.LegAnswered(leg=number) | ev.LegAccepted(leg=number):
            leg = call.leg(number)
            if leg is None or not leg.live:
                yield "one_result", f"{type(event).__name__} of leg {number}, which is not being tried"
            called_in = leg is not None and leg.help > 0
            if isinstance(event, ev.LegAccepted) and call.talkers() and not called_in:
                yield "one_human", f"leg {number} accepts while another one talks"
        case ev.LegEnded(leg=number):
            leg = call.leg(number)
            if leg is None or not leg.live:
                yield "one_result", f"leg {number} has a second result"
            elif event.detail == TRUNK_FULL and leg.number in _passed_over(call):
                yield "rung_in_turn", f"{leg.target.number} is passed over for one that rings with it"
        case ev.CallEnded():
            for leg in call.live_legs():
                yield "one_result", f"leg {leg.number} has no result at the call's end"
        case _:
            pass


def _rings(call: Call) -> set[str]:
    """The lines that are being tried."""
    return {leg.target.number for leg in call.live_legs() if leg.status != "accepted"}


def _passed_over(call: Call) -> set[int]:
    """The legs that were not placed while one for the same rings on the same trunk; but for a line that is rung again
    since nobody saw its end."""
    unseen = {leg.target.number for leg in call.legs if leg.result is LegResult.FAILED}
    tried = [leg for leg in call.live_legs() if leg.status != "accepted"]
    ring = Counter((leg.help, leg.target.trunk) for leg in tried if leg.placed)
    return {
        leg.number
        for leg in tried
        if not leg.placed and ring[leg.help, leg.target.trunk] and leg.target.number not in unseen
    }


def breaks_of_state(call: Call, now_ns: int) -> Iterator[tuple[str, str]]:
    """What is wrong with a call as it is now."""
    situation = call.situation
    if isinstance(situation, Ended):
        return
    moment = due(call)
    legs = call.live_legs()
    waits_for_somebody = isinstance(situation, InFallback) or (isinstance(situation, Talking) and legs)
    if moment is None and not waits_for_somebody:
        yield "something_due", f"nothing is due in {type(situation).__name__}"
    sought = call.tried_for(0) or any(help_.open for help_ in call.helps)
    if isinstance(situation, Reaching) and situation.owner and not sought:
        yield "reaching_rings", f"no line of {situation.owner} is tried"
    if isinstance(situation, Talking) and not any(leg.status == "accepted" for leg in legs):
        yield "talk_has_human", "nobody is on the line"
    if call.held:
        there = {leg.number: call.help(leg.help) for leg in call.talkers()}
        called_in = [help_ for help_ in there.values() if help_ is not None and help_.consult]
        consulted = any(help_.by == call.held.by for help_ in called_in)
        if call.held.by not in there or not consulted:
            yield "held_for_somebody", f"the caller is held by leg {call.held.by}, and {sorted(there)} talk"
    if moment is not None:
        longest = SPEAKING_LIMIT + ANNOUNCEMENT_LIMIT
        for leg in legs:
            target = leg.target
            longest = max(longest, target.ring_for, target.accept_for, target.max_talk or 0.0)
        if moment > now_ns + int(longest * SECOND) + _SLACK:
            yield "bounded_wait", f"due in {(moment - now_ns) / SECOND:.0f} s"


def breaks_of_hangup(dossier: Dossier) -> Iterator[tuple[str, str]]:
    """We are about to hang up the caller of this call."""
    if dossier.ended_by == "staff" or (dossier.ended_by == "system" and dossier.announced):
        return
    yield "never_hung_up", f"the call was ended by {dossier.ended_by or 'nobody'}"


def _told_too_late(history: list[tuple[Instant, CallEvent]], came_us: int) -> str:
    """By how much the daemon's record has the caller arrive after it came; empty where that is near enough."""
    at, first = history[0]
    assert isinstance(first, ev.CallArrived)
    late = (first.came(at).utc_us - came_us) / 1e6
    waited = (at.utc_us - came_us) / 1e6
    near = -0.01 < late < AT_ONCE + 0.01 or waited >= ev.LATEST
    return "" if near or first.via == "fallback" else f"it came {late:.3f} s before its record says"


def breaks_of_record(history: list[tuple[Instant, CallEvent]], records: Records) -> Iterator[str]:
    """What is wrong with a closed call's record."""
    call = records.call
    if call is None:
        yield "there is none"
        return
    events = [event for _, event in history]
    offered = sum(isinstance(event, ev.LegOffered) for event in events)
    if call.legs != offered or len(records.legs) != offered:
        yield f"{call.legs} legs of {offered}"
    moments = [call.arrived_at, call.answered_at, call.accepted_at, call.ended_at]
    known = [moment for moment in moments if moment is not None]
    if known != sorted(known):
        yield f"times out of order: {known}"
    lasted = (call.ended_at - call.arrived_at).total_seconds() + 0.01
    if not 0 <= call.ring_seconds <= lasted or not 0 <= call.talk_seconds <= lasted:
        yield f"rings {call.ring_seconds} s, talks {call.talk_seconds} s in {lasted} s"
    longest = max((leg.talk_seconds for leg in records.legs), default=0.0)
    if longest > 1.0 and call.talk_seconds < 0.5:
        yield f"a line talked for {longest} s, the caller for {call.talk_seconds} s"
    accepted = any(isinstance(event, ev.LegAccepted) for event in events)
    in_dialplan = call.outcome in (Outcome.FALLBACK_ANSWERED, Outcome.FALLBACK_UNANSWERED)
    if call.outcome is Outcome.ANSWERED and not accepted:
        yield "answered, but nobody accepted"
    if accepted and call.outcome not in (
        Outcome.ANSWERED,
        Outcome.FALLBACK_ANSWERED,
        Outcome.SYSTEM_FAILURE,
    ):
        yield f"{call.outcome}, but a human accepted"
    if call.outcome.name.startswith("ABANDONED") and call.ended_by != "caller":
        yield f"{call.outcome}, but ended by {call.ended_by}"
    announced = any(isinstance(event, ev.AnnouncementStarted) for event in events)
    if call.outcome is Outcome.UNANSWERED and not announced:
        yield "unanswered, but nobody was told so"
    if in_dialplan and not (
        call.via == "fallback" or any(isinstance(event, ev.HandedToFallback) for event in events)
    ):
        yield f"{call.outcome}, but the dialplan never had it"
    for leg in records.legs:
        marks = [leg.offered_at, leg.ringing_at, leg.answered_at, leg.accepted_at, leg.ended_at]
        if [m for m in marks if m] != sorted(m for m in marks if m) and leg.ringing_at is None:
            yield f"leg {leg.leg}: times out of order"
        if (leg.result is ev.LegResult.ACCEPTED) != (leg.accepted_at is not None):
            yield f"leg {leg.leg}: {leg.result}, accepted at {leg.accepted_at}"
