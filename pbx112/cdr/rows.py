"""The rows of `pbx112.call`, `leg` and `recording`: each field is a column of the same name, explained there.

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


class RecordingRecord(msgspec.Struct, frozen=True):
    """A recording that is complete, or that failed."""

    call_id: str
    name: str
    started_at: datetime | None
    ended_at: datetime
    seconds: float | None
    result: str
    reason: str


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
