"""An attempt to reach a line, while its events come in, and the row of `pbx112.leg` that it comes to. Pure."""

from __future__ import annotations

from datetime import datetime

from pbx112.cdr.deeds import Source
from pbx112.cdr.rows import LegRecord
from pbx112.cdr.values import seconds_of, small, text_of
from pbx112.model import events as ev

UNANSWERED = frozenset(
    {
        ev.LegResult.NO_ANSWER,
        ev.LegResult.DECLINED,
        ev.LegResult.BUSY,
        ev.LegResult.ANSWERED_NOT_ACCEPTED,
        ev.LegResult.UNAVAILABLE,
        ev.LegResult.MISCONFIGURED,
        ev.LegResult.FAILED,
    }
)
"""Results of attempts that the line did not take; the others but `accepted` were stopped by us or by the caller."""


class Attempt:
    """An attempt while its events come in. Clock readings are the fold's nanoseconds."""

    def __init__(self, offered: ev.LegOffered, now: datetime, clock: int, round_: int, plan: str) -> None:
        self.offered = offered
        self.round = round_
        self.plan = plan
        self.offered_at = now
        self.offered_clock = clock
        self.ringing_at: datetime | None = None
        self.answered_at: datetime | None = None
        self.answered_clock: int | None = None
        self.accepted_at: datetime | None = None
        self.accepted_clock: int | None = None
        self.ended: LegRecord | None = None

    def end(self, of: Source, now: datetime, clock: int, how: ev.LegEnded) -> None:
        """It is over, or the call is."""
        target = self.offered.target
        picked_up = clock if self.answered_clock is None else self.answered_clock
        talked = 0 if self.accepted_clock is None else clock - self.accepted_clock
        self.ended = LegRecord(
            call_id=of.call_id,
            leg=small(self.offered.leg),
            owner=text_of(target.owner),
            line=text_of(target.number),
            kind=target.kind,
            trunk=None if target.trunk is None else text_of(target.trunk),
            dial=text_of(target.dial),
            round=self.round,
            offered_at=self.offered_at,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            accepted_at=self.accepted_at,
            ended_at=now,
            result=how.result,
            cause=None if how.cause is None else small(how.cause),
            sip=None if how.sip is None else small(how.sip),
            detail=text_of(how.detail),
            ring_seconds=seconds_of(picked_up - self.offered_clock),
            talk_seconds=seconds_of(talked),
            plan=text_of(self.plan),
            arrived_at=of.arrived_at,
            help=small(self.offered.help),
        )
