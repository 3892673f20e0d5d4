"""What an office journals, as a chain, and what it comes to in Postgres; nothing older than the last hour is kept."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from pbx112.cdr.derived import Derived
from pbx112.cdr.send import rows_of, told_in
from pbx112.journal import Draft, Entry, genesis
from pbx112.journal.chain import link

KEPT_US = 3 * 3600 * 1_000_000
"""How long after its end a call's events are remembered: whoever marks it or calls back does so within it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries in a row, and the rows that become final with them."""

    entries: list[Entry]
    rows: Derived


def journal_id(seed: int, node: str) -> str:
    """The id of an office's journal."""
    return str(uuid.UUID(int=Random(f"{seed} {node} journal").getrandbits(128), version=4))


def batches(drafts: Iterable[Draft], chain: str, node: str, size: int) -> Iterator[Batch]:
    """`drafts` as the entries of journal `chain`, `size` at once, as the shipper of `node` would send them."""
    seq, head = 0, genesis(chain)
    stories: OrderedDict[str, list[Entry]] = OrderedDict()
    drafts = iter(drafts)
    while portion := list(islice(drafts, size)):
        entries = list[Entry]()
        for draft in portion:
            seq += 1
            head = link(head, seq, draft)
            entry = Entry(seq, *draft, head)
            entries.append(entry)
            if draft.subject:
                stories.setdefault(draft.subject, []).append(entry)
        told = {call_id: stories[call_id] for call_id in told_in(entries)}
        yield Batch(entries, rows_of(told, entries, journal_id=chain, node=node, arrivals={}))
        _forget(stories, entries[-1].utc_us - KEPT_US)


def _forget(stories: OrderedDict[str, list[Entry]], before_us: int) -> None:
    """The calls of which nothing was told since; a call that goes on for hours was told of only lately at its end."""
    for call_id in [one for one, story in stories.items() if story[-1].utc_us < before_us]:
        del stories[call_id]
