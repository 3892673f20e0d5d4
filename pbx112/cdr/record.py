"""What a call's events come to: its rows in `pbx112.call`, `leg`, `recording`, and those of what staff did. Pure.

Times are UTC; durations come from the monotonic clock, and from UTC only where that clock is another one: across a
restart of the machine, and between the daemon's events and those that the dialplan noted alone.
`docs/records.md` says what each field means.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from pbx112.cdr.attempts import UNANSWERED, Attempt
from pbx112.cdr.deeds import Afterwards, Deeds, Moment, Source
from pbx112.cdr.rows import (
    CallBackRecord,
    CallRecord,
    HelpRecord,
    HoldRecord,
    LegRecord,
    MarkRecord,
    RecordingRecord,
    StageRecord,
)
from pbx112.cdr.values import EPOCH, INT4, moment, seconds_of, small, text_of
from pbx112.journal import Entry
from pbx112.model import events as ev
from pbx112.model.state import BROKEN

_SAME_MOMENT = 10**9
"""Nanoseconds by which two clocks that both run may differ over the minutes of a call."""
_ANOTHER_CLOCK = 3600 * 10**9
"""Nanoseconds by which the monotonic clock may outrun the wall clock between two events and still be the same."""


class Fact(NamedTuple):
    """An event with its number in the journal, its moment, and the hash of the plan then in force."""

    seq: int
    at: ev.Instant
    plan: str
    event: ev.Event


class Records(NamedTuple):
    """All that a call's events come to: `call` is None while it has not ended (and `legs`, `stages`, `helps` and
    `holds` are empty then). A recording, mark or call back stands with the number of the entry that completed it,
    which may follow the call's end."""

    call: CallRecord | None
    legs: list[LegRecord]
    recordings: list[tuple[int, RecordingRecord]]
    stages: list[StageRecord]
    helps: list[HelpRecord]
    holds: list[HoldRecord]
    marks: list[tuple[int, MarkRecord]]
    call_backs: list[tuple[int, CallBackRecord]]


def facts(entries: Iterable[Entry]) -> list[Fact]:
    """The entries that are events we know; kinds of a later version, and what is no event at all, are left out."""
    known = []
    for entry in entries:
        try:
            event = ev.decode(entry.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        known.append(Fact(entry.seq, ev.Instant(entry.utc_us, entry.mono_ns), entry.plan, event))
    return known


def build_record(
    call_id: str, facts: Iterable[Fact], *, journal_id: str, node: str, arrived_at: datetime | None = None
) -> Records:
    """What `facts`, all of `call_id` and in the journal's order, come to.

    Never raises, whatever their order: what contradicts an earlier event is left out, and an attempt without an
    end is `failed`. What follows the call's end changes nothing but recordings, and adds marks and calls back.
    `arrived_at` is when the call arrived, where it has ended already and its events do not tell that any more.
    """
    fold = _Fold(call_id, journal_id, arrived_at)
    call: CallRecord | None = None
    legs: list[LegRecord] = []
    stages: list[StageRecord] = []
    helps: list[HelpRecord] = []
    holds: list[HoldRecord] = []
    for fact in facts:
        fold.pass_time(fact)
        match fact.event:
            case ev.RecordingStarted() | ev.RecordingFinished() | ev.RecordingFailed() as event:
                fold.recording(fact.seq, event)
            case ev.CallEnded() as event if call is None:
                legs = fold.end_legs()
                call = fold.end(event, fact, legs, node)
                stages = fold.deeds.stages(fold.source)
                helps = fold.deeds.helps(fold.source, {leg.leg: leg.talk_seconds for leg in legs})
                holds = fold.deeds.holds(fold.source, fold.now.clock)
            case event:
                ended = call is not None or arrived_at is not None
                fold.afterwards.take(event, fold.now, fold.source, ended=ended)
                if call is None:
                    fold.take(fact)
    after = fold.afterwards
    return Records(call, legs, fold.recordings, stages, helps, holds, after.marks, after.call_backs)


class _Fold:
    """A call while its events come in."""

    def __init__(self, call_id: str, journal_id: str, arrived_at: datetime | None) -> None:
        self.call_id = text_of(call_id)
        self.deeds = Deeds()
        self.afterwards = Afterwards()
        self._journal_id = journal_id
        self._known_arrival = arrived_at
        self.recordings: list[tuple[int, RecordingRecord]] = []
        self._first: Fact | None = None
        self._last: ev.Instant | None = None
        self._seq = 0
        self._now = EPOCH
        self._clock = 0  # nanoseconds since the first event
        self._arrived: ev.CallArrived | None = None
        self._arrived_clock = 0
        self._answered_at: datetime | None = None
        self._accepted: Attempt | None = None
        self._incident: str | None = None
        self._stages = 0
        self._round = 1
        self._resumed = 0
        self._caller_gone: int | None = None
        self._held = False
        self._waiting_since: int | None = None
        self._waited = 0  # nanoseconds in which the caller waited for its turn
        self._talked = 0  # nanoseconds in which the caller was joined to somebody
        self._legs: dict[int, Attempt] = {}
        self._started: dict[str, datetime] = {}
        self._recorded: set[str] = set()

    @property
    def now(self) -> Moment:
        """The moment of the last event."""
        return Moment(self._seq, self._now, self._clock)

    @property
    def source(self) -> Source:
        """What all rows have in common. The first event is the arrival; where that is missing (a journal lost), what
        is known of it elsewhere, or whichever event is first: rows that became final early and late say the same."""
        arrived = moment(self._first.at.utc_us) if self._first else self._now
        if self._first and isinstance(self._first.event, ev.CallArrived):
            arrived = moment(self._first.event.came(self._first.at).utc_us)
        elif self._known_arrival:
            arrived = self._known_arrival
        return Source(self._journal_id, self.call_id, arrived)

    def pass_time(self, fact: Fact) -> None:
        """Move the clock on to `fact`."""
        if self._first is None or self._last is None:
            self._first, self._last = fact, fact.at
        passed = fact.at.mono_ns - self._last.mono_ns
        by_wall_clock = (fact.at.utc_us - self._last.utc_us) * 1000
        if passed < 0 or 0 <= by_wall_clock < passed - _ANOTHER_CLOCK:
            # Both clocks say "earlier" by as much: the dialplan noted it, and we heard of it afterwards.
            told_late = by_wall_clock < 0 and abs(by_wall_clock - passed) < _SAME_MOMENT
            passed = passed if told_late else max(0, by_wall_clock)
        if self._joined() and not self._held:
            self._talked += passed
        self._clock += passed
        self._last = fact.at
        self._seq = fact.seq
        self._now = moment(fact.at.utc_us)

    def take(self, fact: Fact) -> None:
        """An event of the call before its end."""
        self.deeds.take(fact.event, self.now)
        leg = self._legs.get(getattr(fact.event, "leg", -1))
        match fact.event:
            case ev.CallArrived() as event if self._arrived is None:
                self._arrived = event
                self._arrived_clock = self._clock - fact.at.mono_ns + event.came(fact.at).mono_ns
            case ev.CallQueued() if self._waiting_since is None and self._accepted is None:
                self._waiting_since = self._clock
            case ev.CallAdmitted() | ev.HandedToFallback():
                self._end_wait()
            case ev.CallerAnswered():
                self._answered_at = self._answered_at or self._now
            case ev.StageEntered(round=round_, why=why):
                self._stages += why != "turn"
                self._round = small(round_)
                self._held = self._held and why not in BROKEN
            case ev.MenuChosen(incident=incident) if incident:
                self._incident = text_of(incident)
            case ev.CallMarked(incident=incident) if incident:
                self._incident = text_of(incident)
            case ev.CallerHeld():
                self._held = True
            case ev.CallerBack():
                self._held = False
            case ev.LegOffered() as event if leg is None:
                self._legs[event.leg] = Attempt(event, self._now, self._clock, self._round, fact.plan)
            case ev.LegRinging() if leg and not leg.ended:
                leg.ringing_at = leg.ringing_at or self._now
            case ev.LegAnswered() if leg and not leg.ended and leg.answered_at is None:
                leg.answered_at, leg.answered_clock = self._now, self._clock
            case ev.LegAccepted() if leg and not leg.ended and leg.accepted_at is None:
                leg.accepted_at, leg.accepted_clock = self._now, self._clock
                if leg.answered_at is None:
                    leg.answered_at, leg.answered_clock = self._now, self._clock
                self._accepted = self._accepted or leg
            case ev.LegEnded() as event if leg and not leg.ended:
                leg.end(self.source, self._now, self._clock, event)
            case ev.CallerLeft():
                gone = self._clock if self._caller_gone is None else min(self._clock, self._caller_gone)
                self._caller_gone = gone
            case ev.CallResumed():
                self._resumed += 1
            case _:
                pass

    def recording(
        self, seq: int, event: ev.RecordingStarted | ev.RecordingFinished | ev.RecordingFailed
    ) -> None:
        """What became of a recording; the first word on it counts."""
        if isinstance(event, ev.RecordingStarted):
            self._started.setdefault(event.name, self._now)
            return
        if event.name in self._recorded:
            return
        self._recorded.add(event.name)
        finished = isinstance(event, ev.RecordingFinished)
        seconds = event.seconds if isinstance(event, ev.RecordingFinished) else None
        if seconds is not None and not 0 <= seconds < INT4:
            seconds = None
        self.recordings.append(
            (
                seq,
                RecordingRecord(
                    call_id=self.call_id,
                    name=text_of(event.name),
                    started_at=self._started.get(event.name),
                    ended_at=self._now,
                    seconds=None if seconds is None else round(seconds, 3),
                    result="finished" if finished else "failed",
                    reason="" if isinstance(event, ev.RecordingFinished) else text_of(event.reason),
                    arrived_at=self.source.arrived_at,
                ),
            )
        )

    def end_legs(self) -> list[LegRecord]:
        """All attempts, in the order in which they began; those without an end are `failed`."""
        unfinished = ev.LegEnded(0, ev.LegResult.FAILED, detail="no_end_recorded")
        rows: dict[int, LegRecord] = {}
        for leg in self._legs.values():
            if leg.ended is None:
                leg.end(self.source, self._now, self._clock, unfinished)
            if leg.ended is not None:
                rows.setdefault(leg.ended.leg, leg.ended)
        return list(rows.values())

    def end(self, event: ev.CallEnded, fact: Fact, legs: list[LegRecord], node: str) -> CallRecord:
        """The call's row."""
        self._end_wait()
        first = self._first or fact
        arrived = self._arrived or ev.CallArrived("", "", None, False, "")
        accepted = self._accepted
        waited_until = self._clock
        if accepted is not None and accepted.accepted_clock is not None:
            waited_until = accepted.accepted_clock
        return CallRecord(
            call_id=self.call_id,
            journal_id=self._journal_id,
            node=node,
            via=arrived.via,
            caller_raw=text_of(arrived.caller_raw),
            caller=None if arrived.caller is None else text_of(arrived.caller),
            callable=arrived.callable,
            dialled=text_of(arrived.dialled),
            source=text_of(arrived.source),
            arrived_at=self.source.arrived_at,
            answered_at=self._answered_at,
            accepted_at=accepted.accepted_at if accepted else None,
            ended_at=self._now,
            outcome=event.outcome,
            ended_by=event.by,
            ring_seconds=seconds_of(max(0, waited_until - self._arrived_clock)),
            wait_seconds=seconds_of(self._waited),
            talk_seconds=seconds_of(self._talked),
            answered_by_owner=text_of(accepted.offered.target.owner) if accepted else None,
            answered_by_line=text_of(accepted.offered.target.number) if accepted else None,
            incident=self._incident,
            escalations=max(0, self._stages - 1),
            legs=len(legs),
            plan=text_of(first.plan),
            resumed=self._resumed,
            first_seq=first.seq,
            last_seq=fact.seq,
            record=arrived.record,
            offers_accepted=sum(leg.result is ev.LegResult.ACCEPTED for leg in legs),
            offers_unanswered=sum(leg.result in UNANSWERED for leg in legs),
        )

    def _end_wait(self) -> None:
        if self._waiting_since is not None:
            self._waited += self._clock - self._waiting_since
            self._waiting_since = None

    def _joined(self) -> bool:
        there = self._caller_gone is None or self._clock < self._caller_gone
        return there and any(leg.accepted_at is not None and leg.ended is None for leg in self._legs.values())
