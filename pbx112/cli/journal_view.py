"""What the journal tells beside a running daemon: its live calls, the last ended ones, one call in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pbx112.cdr import CallRecord, Fact, LegRecord, RecordingRecord, Records, build_record, facts
from pbx112.cli.errors import Failed
from pbx112.journal import Entry, Reader
from pbx112.model.events import CallEvent, DeskStated, Instant, LinesSeen, LineTestEnded, ServiceEvent
from pbx112.model.seen import Seen
from pbx112.model.state import Call, Ended, fold
from pbx112.switch.verified import Verified

_BLOCK = 2000
_DAY_US = 86_400_000_000
_OF_LINES = frozenset(kind.__name__ for kind in (LinesSeen, LineTestEnded, DeskStated))


@contextmanager
def open_journal(path: Path) -> Iterator[Reader]:
    """The journal, read-only. Raises :class:`Failed` where none is there, JournalError where it is unreadable."""
    try:
        there = path.exists()
    except PermissionError:
        raise Failed(f"{path}: may not be read by this user; run as root or as pbx112") from None
    if not there:
        raise Failed(f"{path}: no journal; has the daemon run on this machine? PBX112_JOURNAL names the file")
    with Reader(path) as reader:
        yield reader


def live_calls(reader: Reader) -> list[Call]:
    """The calls that have not ended, oldest first."""
    stories = reader.of_subjects(reader.open_subjects())
    calls = [fold(call_id, _events(entries)) for call_id, entries in stories.items()]
    return [call for call in calls if call is not None and not isinstance(call.situation, Ended)]


def lines_seen(reader: Reader, utc_us: int) -> tuple[Seen, Verified]:
    """What the line watch has said within the past day, and which lines are verified (that is said again every 12
    hours)."""
    blocks: list[list[Entry]] = []
    base, upto = reader.base()[0], reader.head()[0]
    while upto > base:
        block = reader.after(max(base, upto - _BLOCK), _BLOCK, upto)
        blocks.append([entry for entry in block if entry.kind in _OF_LINES])
        if not block or block[0].utc_us < utc_us - _DAY_US:
            break
        upto = max(base, upto - _BLOCK)
    seen, verified = Seen(), Verified()
    for block in reversed(blocks):
        for fact in facts(block):
            seen.heed(fact.event, fact.at)
            verified.heed(fact.event, fact.at)
    return seen, verified


def last_calls(reader: Reader, limit: int, node: str) -> list[CallRecord]:
    """The calls that ended last, newest arrival first; `node` is this machine's name in the records."""
    found: dict[str, CallRecord] = {}
    base, upto = reader.base()[0], reader.head()[0]
    while upto > base and len(found) < limit:
        block = reader.after(max(base, upto - _BLOCK), _BLOCK, upto)
        ended = [entry.subject for entry in reversed(block) if entry.kind == "CallEnded"]
        for call_id, entries in reader.of_subjects(ended[: limit - len(found)]).items():
            record = _record(reader, call_id, entries, node).call
            if record is not None:
                found[call_id] = record
        upto = max(base, upto - _BLOCK)
    return sorted(found.values(), key=lambda call: call.arrived_at, reverse=True)


@dataclass(frozen=True, slots=True)
class Told:
    """One call in full."""

    call: CallRecord | None
    legs: Sequence[LegRecord]
    events: Sequence[Fact]
    recordings: Sequence[RecordingRecord] = ()


def story_of(reader: Reader, call_id: str, node: str) -> Told | None:
    """All that the journal has about a call, None where it has nothing."""
    entries = reader.of_subjects([call_id])[call_id]
    if not entries:
        return None
    records = _record(reader, call_id, entries, node)
    made = [record for _, record in records.recordings]
    return Told(records.call, records.legs, facts(entries), made)


def _record(reader: Reader, call_id: str, entries: list[Entry], node: str) -> Records:
    return build_record(call_id, facts(entries), journal_id=reader.journal_id, node=node)


def _events(entries: list[Entry]) -> Iterator[tuple[Instant, CallEvent]]:
    for fact in facts(entries):
        if not isinstance(fact.event, ServiceEvent):
            yield fact.at, fact.event
