"""Traffic into a real journal file."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from pbx112.journal import Draft, Journal, Limits
from pbx112.model import events as ev

AT_ONCE = 5_000

PATIENT = Limits(answer=30.0)
"""No caller waits here: a slow disk is waited for."""


async def write_journal(path: Path, drafts: Iterable[Draft]) -> int:
    """Append `drafts` to the journal at `path`, as the daemon would; returns how many it then holds.

    Raises :class:`pbx112.journal.JournalError` where it cannot be opened or the disk did not take all.
    """
    alarms = list[str]()
    journal = await Journal.open(
        path, closing=("CallEnded",), gap=_gap, on_alarm=alarms.append, limits=PATIENT
    )
    try:
        drafts = iter(drafts)
        while portion := list(islice(drafts, AT_ONCE)):
            await journal.append(portion)
        if alarms:
            raise OSError(f"{path}: {alarms[0]}")
        return journal.written
    finally:
        await journal.close()


def _gap(lost: int, reason: str) -> Draft:
    return Draft("", 0, 0, "", "JournalGap", ev.encode(ev.JournalGap(lost, reason)))
