"""The records: journal to Postgres, exactly once; migrations; queries."""

from pbx112.cdr.migrate import MigrationError, migrate, pending
from pbx112.cdr.queries import StoredEvent, Story, last_calls, story_of
from pbx112.cdr.rebuild import Rebuilt, rebuild
from pbx112.cdr.record import Fact, Records, build_record, facts
from pbx112.cdr.rows import CallRecord, LegRecord, RecordingRecord
from pbx112.cdr.ship import Shipper

__all__ = [
    "CallRecord",
    "Fact",
    "LegRecord",
    "MigrationError",
    "Rebuilt",
    "RecordingRecord",
    "Records",
    "Shipper",
    "StoredEvent",
    "Story",
    "build_record",
    "facts",
    "last_calls",
    "migrate",
    "pending",
    "rebuild",
    "story_of",
]
