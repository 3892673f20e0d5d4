"""An append-only, hash-chained log on local disk. Knows nothing of telephone calls.

:class:`Journal` is written by one process; :class:`Reader` and :func:`verify` also serve another one meanwhile.
"""

from pbx112.journal.alarm import Over
from pbx112.journal.backlog import Limits
from pbx112.journal.chain import Draft, Entry, genesis, link
from pbx112.journal.errors import JournalDamaged, JournalError, JournalLocked
from pbx112.journal.journal import Journal
from pbx112.journal.lock import Lock, holder, read_beat
from pbx112.journal.reader import Reader, Verdict, verify
from pbx112.journal.salvage import Salvaged, Stretch, salvage

__all__ = [
    "Draft",
    "Entry",
    "Journal",
    "JournalDamaged",
    "JournalError",
    "JournalLocked",
    "Limits",
    "Lock",
    "Over",
    "Reader",
    "Salvaged",
    "Stretch",
    "Verdict",
    "genesis",
    "holder",
    "link",
    "read_beat",
    "salvage",
    "verify",
]
