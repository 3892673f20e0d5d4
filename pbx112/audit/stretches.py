"""Which entries must stand in Postgres, by its own account: journal by journal, across what left by retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pbx112.audit.chain import Fault, Segment
from pbx112.journal import genesis


class Shipment(NamedTuple):
    """How far a journal has arrived: entries `base_seq` + 1 to `last_seq`, the hash before them, and the last one's."""

    journal_id: str
    base_seq: int
    base_hash: bytes
    last_seq: int
    head: bytes


class Dropped(NamedTuple):
    """Entries that left at the end of their retention, in its run `run`. `recorded`: that run says so."""

    first_seq: int
    last_seq: int
    hash_before: bytes
    hash_after: bytes
    run: int
    at: datetime
    recorded: bool


def beginning(shipment: Shipment) -> Fault | None:
    """What is wrong with the hash before the first entry. It is known where the journal arrived from its start."""
    if shipment.base_seq == 0 and shipment.base_hash != genesis(shipment.journal_id):
        why = "shipment.base_hash is not the one that is made of the journal's id"
        return Fault(shipment.journal_id, 1, "altered", why)
    return None


def stretches(shipment: Shipment, dropped: Sequence[Dropped]) -> Iterator[Segment | Fault]:
    """What must stand, in order, between what left; and what is wrong with what is said to have left."""
    journal, seq, before = shipment.journal_id, shipment.base_seq, shipment.base_hash
    for left in dropped:
        if not left.recorded:
            why = (
                f"entries up to {left.last_seq} are said to have left by retention, and no run of it says so"
            )
            yield Fault(journal, left.first_seq, "removed", why)
        if left.first_seq <= seq or left.last_seq > shipment.last_seq:
            yield Fault(journal, left.first_seq, "altered", "what left by retention is written down wrongly")
            return
        if left.first_seq > seq + 1:
            yield Segment(journal, seq + 1, left.first_seq - 1, before, left.hash_before)
        elif left.hash_before != before:
            yield Fault(
                journal,
                left.first_seq,
                "altered",
                "what left by retention does not follow on what was before",
            )
        seq, before = left.last_seq, left.hash_after
    if seq < shipment.last_seq:
        yield Segment(journal, seq + 1, shipment.last_seq, before, shipment.head)
    elif before != shipment.head:
        yield Fault(
            journal,
            seq,
            "altered",
            "its hash is not the one that is written down for the end (shipment.head)",
        )


def portions(stretch: Segment, size: int, floor: int = 0) -> Iterator[Segment]:
    """A stretch in parts that can be looked at side by side, those before entry `floor` left out."""
    begins = max(stretch.first, floor)
    for first in range(begins, stretch.last + 1, size):
        last = min(first + size - 1, stretch.last)
        yield Segment(
            stretch.journal_id,
            first,
            last,
            stretch.before if first == stretch.first else None,
            stretch.then if last == stretch.last else None,
        )
