"""All rows that follow from events, table by table: what the shipper adds and `rebuild` compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pbx112.cdr.record import Records
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
from pbx112.cdr.store import Connection, add, add_calls, fetch

TABLES = ("call", "leg", "stage", "help", "caller_hold", "recording", "mark", "call_back")
"""The tables whose rows follow from `pbx112.event`, and from nothing else."""

TELLING = frozenset({"CallEnded", "RecordingFinished", "RecordingFailed", "CallMarked", "CallBackEnded"})
"""The kinds of events that make rows final."""


@dataclass(slots=True)
class Derived:
    """Rows of any number of calls."""

    calls: list[CallRecord] = field(default_factory=list)
    legs: list[LegRecord] = field(default_factory=list)
    stages: list[StageRecord] = field(default_factory=list)
    helps: list[HelpRecord] = field(default_factory=list)
    holds: list[HoldRecord] = field(default_factory=list)
    recordings: list[RecordingRecord] = field(default_factory=list)
    marks: list[MarkRecord] = field(default_factory=list)
    call_backs: list[CallBackRecord] = field(default_factory=list)

    def take_end(self, records: Records) -> None:
        """What is final when the call ends."""
        if records.call is not None:
            self.calls.append(records.call)
            self.legs += records.legs
            self.stages += records.stages
            self.helps += records.helps
            self.holds += records.holds

    def take_told(self, records: Records, first: int, last: int) -> None:
        """What became final by itself, in the entries from `first` to `last`."""
        self.recordings += [row for seq, row in records.recordings if first <= seq <= last]
        self.marks += [row for seq, row in records.marks if first <= seq <= last]
        self.call_backs += [row for seq, row in records.call_backs if first <= seq <= last]

    def sort(self) -> None:
        """Into the order in which :func:`stored` reads."""
        self.calls.sort(key=lambda row: row.call_id)
        self.legs.sort(key=lambda row: (row.call_id, row.leg))
        self.stages.sort(key=lambda row: (row.call_id, row.stage))
        self.recordings.sort(key=lambda row: (row.call_id, row.name, row.arrived_at))
        for rows in (self.helps, self.holds, self.marks, self.call_backs):
            rows.sort(key=lambda row: (row.call_id, row.journal_id, row.seq))

    def by_call(self) -> dict[str, Derived]:
        """The same, call by call."""
        calls: dict[str, Derived] = defaultdict(Derived)
        for name in self.__slots__:
            for row in getattr(self, name):
                getattr(calls[row.call_id], name).append(row)
        return calls


async def add_derived(connection: Connection, rows: Derived) -> list[str]:
    """Add `rows`, in a transaction. Returns the ids of calls that stood already: theirs are left out."""
    added = await add_calls(connection, rows.calls)
    refused = [call.call_id for call in rows.calls if call.call_id not in added]
    await add(connection, "leg", [row for row in rows.legs if row.call_id in added])
    await add(connection, "stage", [row for row in rows.stages if row.call_id in added])
    await add(connection, "help", [row for row in rows.helps if row.call_id in added])
    await add(connection, "caller_hold", [row for row in rows.holds if row.call_id in added])
    await add(connection, "recording", rows.recordings)
    await add(connection, "mark", rows.marks)
    await add(connection, "call_back", rows.call_backs)
    return refused


async def stored(connection: Connection, call_ids: Sequence[str]) -> Derived:
    """The rows that stand of these calls."""
    of, by_seq = "WHERE call_id = ANY($1) ORDER BY call_id", "journal_id, seq"
    derived = Derived(
        await fetch(connection, CallRecord, "call", of, call_ids),
        await fetch(connection, LegRecord, "leg", f"{of}, leg", call_ids),
        await fetch(connection, StageRecord, "stage", f"{of}, stage", call_ids),
        await fetch(connection, HelpRecord, "help", f"{of}, {by_seq}", call_ids),
        await fetch(connection, HoldRecord, "caller_hold", f"{of}, {by_seq}", call_ids),
        await fetch(connection, RecordingRecord, "recording", f"{of}, name, arrived_at", call_ids),
        await fetch(connection, MarkRecord, "mark", f"{of}, {by_seq}", call_ids),
        await fetch(connection, CallBackRecord, "call_back", f"{of}, {by_seq}", call_ids),
    )
    derived.sort()
    return derived
