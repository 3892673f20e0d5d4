"""The rows that follow from events (`pbx112.call`, `leg`, …): each field is a column of the same name, explained there.

Times are UTC, seconds go to the millisecond.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from pbx112.model import events as ev


class LegRecord(msgspec.Struct, frozen=True):
    """One attempt to reach a line."""

    call_id: str
    leg: int
    owner: str
    line: str
    kind: str
    trunk: str | None
    dial: str
    round: int
    offered_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime
    result: ev.LegResult
    cause: int | None
    sip: int | None
    detail: str
    ring_seconds: float
    talk_seconds: float
    plan: str
    arrived_at: datetime
    help: int


class RecordingRecord(msgspec.Struct, frozen=True):
    """A recording that is complete, or that failed."""

    call_id: str
    name: str
    started_at: datetime | None
    ended_at: datetime
    seconds: float | None
    result: str
    reason: str
    arrived_at: datetime


class CallRecord(msgspec.Struct, frozen=True):
    """One ended call."""

    call_id: str
    journal_id: str
    node: str
    via: str
    caller_raw: str
    caller: str | None
    callable: bool
    dialled: str
    source: str
    arrived_at: datetime
    answered_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime
    outcome: ev.Outcome
    ended_by: str
    ring_seconds: float
    wait_seconds: float
    talk_seconds: float
    answered_by_owner: str | None
    answered_by_line: str | None
    incident: str | None
    escalations: int
    legs: int
    plan: str
    resumed: int
    first_seq: int
    last_seq: int
    record: bool
    offers_accepted: int
    offers_unanswered: int


class StageRecord(msgspec.Struct, frozen=True):
    """One turn of a call to somebody: the first, or an escalation."""

    journal_id: str
    call_id: str
    seq: int
    arrived_at: datetime
    stage: int
    owner: str
    why: str
    round: int
    entered_at: datetime
    leg: int | None
    line: str | None
    accepted_at: datetime | None
    seconds_to_accept: float | None
    result: str


class HelpRecord(msgspec.Struct, frozen=True):
    """One whom staff called in."""

    journal_id: str
    call_id: str
    seq: int
    arrived_at: datetime
    help: int
    owner: str
    why: str
    by_leg: int
    by_line: str | None
    consult: bool
    sought_at: datetime
    leg: int | None
    line: str | None
    accepted_at: datetime | None
    seconds_to_accept: float | None
    talk_seconds: float | None
    result: str


class HoldRecord(msgspec.Struct, frozen=True):
    """A time in which the caller heard music."""

    journal_id: str
    call_id: str
    seq: int
    arrived_at: datetime
    by_leg: int
    held_at: datetime
    seconds: float


class MarkRecord(msgspec.Struct, frozen=True):
    """What somebody said that the call was."""

    journal_id: str
    call_id: str
    seq: int
    arrived_at: datetime
    marked_at: datetime
    line: str
    disposition: str | None
    incident: str | None
    after_end: bool


class CallBackRecord(msgspec.Struct, frozen=True):
    """One calling back of an ended call's caller."""

    journal_id: str
    call_id: str
    seq: int
    arrived_at: datetime
    line: str
    trunk: str | None
    placed_at: datetime | None
    ended_at: datetime
    result: str
    talk_seconds: float
