"""Holds Asterisk's own count of a day's calls against the records, call by call. Pure: no files, no database.

Each call is in exactly one class. A call belongs to the day in which Asterisk says that it came; where Asterisk has
none, to that of its record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from pbx112.audit.asterisk_cdr import AsteriskChannel, Life, lives

TOLERANCE = timedelta(seconds=2)
"""By so much their times of a call may differ: Asterisk notes when the channel came and went, the daemon when it heard
of it; that is milliseconds, on a machine that is not overloaded."""

STAFF_TALK_ON = timedelta(hours=12)
"""For so long after the caller has gone a call without a record may be one that staff still talk in."""

DIFFERENCES: Mapping[str, str] = {
    "not_recorded": "Asterisk had this call, the records do not",
    "not_in_asterisk": "the records have this call, Asterisk does not",
    "recorded_twice": "the records have this call more than once",
    "answered_differs": "one says that somebody answered, the other that nobody did",
    "arrival_differs": "it came at another time",
    "end_differs": "it ended at another time",
}
EXPLAINED: Mapping[str, str] = {
    "under_way": "staff still talk, after the caller has gone: it has no record yet",
    "staff_talked_on": "the caller left when Asterisk says; staff talked on",
    "ended_unseen": "it ended while no daemon was there; the record has the time when that was noticed",
    "answered_as_it_ended": "somebody picked up as the caller left",
    "asterisk_cut": "Asterisk itself ended, took the call with it and started anew",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of `pbx112.call`, and what its events say of its end."""

    call_id: str
    via: str
    arrived_at: datetime
    accepted_at: datetime | None
    ended_at: datetime
    outcome: str
    caller_left_at: datetime | None = None
    resumed_at: datetime | None = None
    """When a daemon last took it up after a time without one."""
    ended_by_system: bool = False
    """Its events say that neither the caller nor staff ended it."""


class Sides(NamedTuple):
    """What Asterisk says of a call, and what the records say, under the names of `pbx112.reconciliation_call`."""

    asterisk_began_at: datetime | None = None
    asterisk_ended_at: datetime | None = None
    asterisk_answered: bool | None = None
    arrived_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One call in which the two differ."""

    call_id: str
    kind: str
    channel: AsteriskChannel | None
    recorded: Recorded | None

    @property
    def is_difference(self) -> bool:
        """Whether no reason is known."""
        return self.kind in DIFFERENCES

    @property
    def sides(self) -> Sides:
        """Both sides' word."""
        channel, recorded = self.channel, self.recorded
        return Sides(
            *((moment(channel.start_us), moment(channel.end_us), channel.joined) if channel else (None,) * 3),
            *((recorded.arrived_at, recorded.ended_at, recorded.outcome) if recorded else (None,) * 3),
        )


@dataclass(slots=True)
class Day:
    """What the comparison of one day gave."""

    day: date
    begins: datetime
    ends: datetime
    asterisk_calls: int = 0
    recorded_calls: int = 0
    agreed: int = 0
    agreed_fallback: int = 0
    desk_codes: int = 0
    other_channels: int = 0
    unreadable_lines: int = 0
    found: list[Found] = field(default_factory=list)

    @property
    def differences(self) -> list[Found]:
        """Those for which no reason is known."""
        return [each for each in self.found if each.is_difference]

    @property
    def asterisk_alone(self) -> int:
        """Calls that the records do not have."""
        return sum(each.recorded is None for each in self.found)

    @property
    def records_alone(self) -> int:
        """Calls that Asterisk does not have."""
        return sum(each.channel is None for each in self.found)

    def figures(self) -> dict[str, object]:
        """The result without its calls, under the names of `pbx112.reconciliation`."""
        differences = len(self.differences)
        return {
            "day": self.day,
            "begins": self.begins,
            "ends": self.ends,
            "tolerance_seconds": TOLERANCE.total_seconds(),
            "asterisk_calls": self.asterisk_calls,
            "recorded_calls": self.recorded_calls,
            "agreed": self.agreed,
            "agreed_fallback": self.agreed_fallback,
            "explained": len(self.found) - differences,
            "differences": differences,
            "asterisk_alone": self.asterisk_alone,
            "records_alone": self.records_alone,
            "desk_codes": self.desk_codes,
            "other_channels": self.other_channels,
            "unreadable_lines": self.unreadable_lines,
        }

    def counts(self) -> Counter[str]:
        """How many calls are of each class."""
        return Counter(each.kind for each in self.found)


def moment(us: int) -> datetime:
    """Microseconds since the epoch as a time."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def reconcile(
    day: Day,
    channels: Sequence[AsteriskChannel],
    records: Sequence[Recorded],
    unended: frozenset[str],
    now: datetime,
) -> Day:
    """Fill `day`. `records` are those of the day and, of whatever day, those of its channels; `unended` the calls that
    have events but no end. `channels` are Asterisk's, also those of around the day: by them it is known
    whether it ended itself."""
    by_id: dict[str, list[Recorded]] = {}
    for recorded in records:
        by_id.setdefault(recorded.call_id, []).append(recorded)
    known = set()
    for channel in channels:
        known.add(channel.uniqueid)
        if not day.begins <= moment(channel.start_us) < day.ends:
            continue
        if not channel.is_call:
            day.desk_codes += channel.is_desk_code
            day.other_channels += not channel.is_desk_code
            continue
        rows = by_id.get(channel.uniqueid, [])
        day.asterisk_calls += 1
        day.recorded_calls += bool(rows)
        kind = _compare(channel, rows, channel.uniqueid in unended, now)
        if kind:
            day.found.append(Found(channel.uniqueid, kind, channel, rows[0] if rows else None))
        else:
            day.agreed += 1
            day.agreed_fallback += rows[0].via == "fallback"
    asterisk = lives(channels, TOLERANCE // timedelta(microseconds=1))
    for call_id, rows in by_id.items():
        if call_id not in known and day.begins <= rows[0].arrived_at < day.ends:
            day.recorded_calls += 1
            kind = "asterisk_cut" if _was_cut(rows[0], asterisk) else "not_in_asterisk"
            day.found.append(Found(call_id, kind if len(rows) == 1 else "recorded_twice", None, rows[0]))
    day.found.sort(key=lambda each: (not each.is_difference, each.call_id))
    return day


def _was_cut(recorded: Recorded, asterisk: Sequence[Life]) -> bool:
    """Whether Asterisk ended with this call in its hands. Both have to say so: the call's events, which the chain of
    hashes covers, and Asterisk's own count, which began anew after the call had come; of what Asterisk had until then
    nothing may have outlived the call, or it would have written this one's record as well."""
    if recorded.outcome != "system_failure" or not recorded.ended_by_system:
        return False
    for before, after in pairwise(asterisk):
        if moment(after.begins_us) > recorded.arrived_at:
            return moment(before.ends_us) <= recorded.ended_at + TOLERANCE
    return False


def _compare(channel: AsteriskChannel, rows: Sequence[Recorded], unended: bool, now: datetime) -> str:
    """The class of a call that Asterisk had; empty where both say the same."""
    ended = moment(channel.end_us)
    match rows:
        case []:
            return "under_way" if unended and now - ended < STAFF_TALK_ON else "not_recorded"
        case [row]:
            pass
        case _:
            return "recorded_twice"
    if (row.accepted_at is not None) != channel.joined:
        late = row.accepted_at is not None and abs(row.accepted_at - ended) <= TOLERANCE
        if not late:
            return "answered_differs"
    if abs(row.arrived_at - moment(channel.start_us)) > TOLERANCE:
        return "arrival_differs"
    if abs(row.ended_at - ended) > TOLERANCE:
        if row.ended_at < ended:
            return "end_differs"
        if row.caller_left_at is not None and abs(row.caller_left_at - ended) <= TOLERANCE:
            return "staff_talked_on"
        if row.resumed_at is not None and row.resumed_at >= ended - TOLERANCE:
            return "ended_unseen"
        return "end_differs"
    return "answered_as_it_ended" if (row.accepted_at is not None) != channel.joined else ""
