"""What staff did with a call, and to whom it turned: the rows of `pbx112.stage`, `help`, `caller_hold`, `mark` and
`call_back`. Pure; a part of the fold in :mod:`pbx112.cdr.record`, which tells each event with the leg that it concerns.

Stages, helps and holds are final when the call ends; a mark and a call back when they are told, also after it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from pbx112.cdr.rows import CallBackRecord, HelpRecord, HoldRecord, MarkRecord, StageRecord
from pbx112.cdr.values import seconds_of, small, text_of
from pbx112.model import events as ev
from pbx112.model.state import BROKEN

StageResult = Literal["accepted", "passed_on", "unreached", "caller_gone", "ended"]
HelpResult = Literal["accepted", "passed_on", "unreached", "dropped", "call_ended"]


class Moment(NamedTuple):
    """An event's number in the journal, its UTC time, and the fold's clock in nanoseconds."""

    seq: int
    at: datetime
    clock: int


class Source(NamedTuple):
    """What all rows of a call say of where they come from."""

    journal_id: str
    call_id: str
    arrived_at: datetime


class _Came:
    """The first attempt that was accepted for whom the call turned to."""

    def __init__(self) -> None:
        self.leg: int | None = None
        self.line = ""
        self.at: datetime | None = None
        self.clock = 0

    def accept(self, leg: int, line: str, now: Moment) -> None:
        if self.leg is None:
            self.leg, self.line, self.at, self.clock = leg, line, now.at, now.clock


class _Stage:
    def __init__(self, event: ev.StageEntered, began: Moment) -> None:
        self.event, self.began, self.came = event, began, _Came()
        self.left: StageResult | None = None


class _Help:
    def __init__(self, event: ev.HelpSought, by_line: str | None, began: Moment) -> None:
        self.event, self.by_line, self.began, self.came = event, by_line, began, _Came()
        self.left: HelpResult | None = None


class _Hold:
    def __init__(self, by: int, began: Moment) -> None:
        self.by, self.began = by, began
        self.ended: int | None = None


class Deeds:
    """A call's stages, helps and holds while its events come in."""

    def __init__(self) -> None:
        self._stages: list[_Stage] = []
        self._helps: list[_Help] = []
        self._holds: list[_Hold] = []
        self._rings: dict[int, tuple[_Came | None, str]] = {}

    def take(self, event: ev.Event, now: Moment) -> None:
        """An event of the call before its end. Legs that were offered twice keep their first meaning."""
        match event:
            case ev.StageEntered(why="turn") if self._stages and self._stages[-1].left is None:
                pass  # after a wait the same is tried once more
            case ev.StageEntered():
                self._leave("passed_on")
                self._stages.append(_Stage(event, now))
                if event.why in BROKEN:
                    self._release(now)
            case ev.MenuOffered():
                self._leave("passed_on")
            case ev.AnnouncementStarted():
                self._leave("unreached")
            case ev.CallerLeft():
                self._leave("caller_gone")
                self._release(now)
            case ev.HelpSought():
                _, by_line = self._rings.get(event.by, (None, None))
                self._close_help(event.help, "passed_on")
                self._helps.append(_Help(event, by_line, now))
            case ev.HelpEnded():
                self._close_help(event.help, event.result)
            case ev.LegOffered() if event.leg not in self._rings:
                self._rings[event.leg] = (self._sought_for(event.help), event.target.number)
            case ev.LegAccepted() if event.leg in self._rings:
                came, line = self._rings[event.leg]
                if came is not None:
                    came.accept(event.leg, line, now)
            case ev.LegEnded() if event.leg in self._rings:
                self._rings[event.leg] = (None, self._rings[event.leg][1])
            case ev.CallerHeld() if not (self._holds and self._holds[-1].ended is None):
                self._holds.append(_Hold(event.by, now))
            case ev.CallerBack():
                self._release(now)
            case _:
                pass

    def stages(self, of: Source) -> list[StageRecord]:
        """Whom the call turned to, in order."""
        return [
            StageRecord(
                journal_id=of.journal_id,
                call_id=of.call_id,
                seq=stage.began.seq,
                arrived_at=of.arrived_at,
                stage=number,
                owner=text_of(stage.event.owner),
                why=text_of(stage.event.why),
                round=small(stage.event.round),
                entered_at=stage.began.at,
                leg=None if stage.came.leg is None else small(stage.came.leg),
                line=None if stage.came.leg is None else text_of(stage.came.line),
                accepted_at=stage.came.at,
                seconds_to_accept=_waited(stage.began, stage.came),
                result="accepted" if stage.came.leg is not None else stage.left or "ended",
            )
            for number, stage in enumerate(self._stages, 1)
        ]

    def helps(self, of: Source, talks: dict[int, float]) -> list[HelpRecord]:
        """Whom staff called in, in order; `talks` has the seconds that each leg stayed."""
        return [
            HelpRecord(
                journal_id=of.journal_id,
                call_id=of.call_id,
                seq=sought.began.seq,
                arrived_at=of.arrived_at,
                help=small(sought.event.help),
                owner=text_of(sought.event.owner),
                why=text_of(sought.event.why),
                by_leg=small(sought.event.by),
                by_line=None if sought.by_line is None else text_of(sought.by_line),
                consult=sought.event.consult,
                sought_at=sought.began.at,
                leg=None if sought.came.leg is None else small(sought.came.leg),
                line=None if sought.came.leg is None else text_of(sought.came.line),
                accepted_at=sought.came.at,
                seconds_to_accept=_waited(sought.began, sought.came),
                talk_seconds=None if sought.came.leg is None else talks.get(small(sought.came.leg)),
                result="accepted" if sought.came.leg is not None else sought.left or "call_ended",
            )
            for sought in self._helps
        ]

    def holds(self, of: Source, clock: int) -> list[HoldRecord]:
        """The times in which the caller heard music; one that lasts ends with the call, at `clock`."""
        return [
            HoldRecord(
                journal_id=of.journal_id,
                call_id=of.call_id,
                seq=hold.began.seq,
                arrived_at=of.arrived_at,
                by_leg=small(hold.by),
                held_at=hold.began.at,
                seconds=seconds_of((clock if hold.ended is None else hold.ended) - hold.began.clock),
            )
            for hold in self._holds
        ]

    def _leave(self, how: StageResult) -> None:
        if self._stages and self._stages[-1].left is None:
            self._stages[-1].left = how

    def _close_help(self, number: int, how: HelpResult) -> None:
        for sought in self._helps:
            if sought.event.help == number and sought.left is None:
                sought.left = how

    def _release(self, now: Moment) -> None:
        if self._holds and self._holds[-1].ended is None:
            self._holds[-1].ended = now.clock

    def _sought_for(self, number: int) -> _Came | None:
        """For whom a line rings: the help of that number as it was last sought, or the stage."""
        if number:
            return next((h.came for h in reversed(self._helps) if h.event.help == number), None)
        return self._stages[-1].came if self._stages else None


class Afterwards:
    """Marks and calls back, each with the number of the entry that told it."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, MarkRecord]] = []
        self.call_backs: list[tuple[int, CallBackRecord]] = []
        self._placed: dict[str, tuple[datetime, str]] = {}

    def take(self, event: ev.Event, now: Moment, of: Source, *, ended: bool) -> None:
        """An event of the call, before or after its end."""
        match event:
            case ev.CallMarked():
                self.marks.append((now.seq, _mark(event, now, of, ended)))
            case ev.CallBackPlaced():
                self._placed[event.by] = (now.at, event.trunk)
            case ev.CallBackEnded():
                placed = self._placed.pop(event.by, None)
                self.call_backs.append((now.seq, _call_back(event, placed, now, of)))
            case _:
                pass


def _mark(event: ev.CallMarked, now: Moment, of: Source, ended: bool) -> MarkRecord:
    return MarkRecord(
        journal_id=of.journal_id,
        call_id=of.call_id,
        seq=now.seq,
        arrived_at=of.arrived_at,
        marked_at=now.at,
        line=text_of(event.by),
        disposition=text_of(event.disposition) or None,
        incident=text_of(event.incident) or None,
        after_end=ended,
    )


def _call_back(
    event: ev.CallBackEnded, placed: tuple[datetime, str] | None, now: Moment, of: Source
) -> CallBackRecord:
    return CallBackRecord(
        journal_id=of.journal_id,
        call_id=of.call_id,
        seq=now.seq,
        arrived_at=of.arrived_at,
        line=text_of(event.by),
        trunk=None if placed is None else text_of(placed[1]),
        placed_at=None if placed is None else placed[0],
        ended_at=now.at,
        result=text_of(event.result),
        talk_seconds=seconds_of(int(event.seconds * 1e9)) if 0 <= event.seconds < 1e9 else 0.0,
    )


def _waited(began: Moment, came: _Came) -> float | None:
    return None if came.leg is None else seconds_of(came.clock - began.clock)
