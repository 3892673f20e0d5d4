"""What an entry is and how each is bound to the one before it.

The hash of an entry is::

    sha256( previous hash                                      32 bytes
          | seq | utc_us | mono_ns                             three signed 64-bit integers, big-endian
          | subject | plan | kind | body )                     each: its length (32 bits, big-endian), its bytes

Texts are UTF-8 without NUL and times lie between 1970 and 9999, so that any database can hold them. Before the
first entry stands :func:`genesis`, made of the journal's id, so that no chain can be passed off as another's.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

_NUMBERS = struct.Struct(">qqq")
_LENGTH = struct.Struct(">I")
_YEAR_10000 = 253_402_300_800_000_000  # microseconds


class Draft(NamedTuple):
    """Something to be written down. `subject` is what it is about (a call's id; "" is the service itself),
    `utc_us` microseconds since the epoch, `mono_ns` monotonic nanoseconds, `plan` the hash of the rules in
    force, `body` JSON in UTF-8."""

    subject: str
    utc_us: int
    mono_ns: int
    plan: str
    kind: str
    body: bytes


class Entry(NamedTuple):
    """A draft that was written as number `seq` (from 1, without holes), with its link of the chain."""

    seq: int
    subject: str
    utc_us: int
    mono_ns: int
    plan: str
    kind: str
    body: bytes
    hash: bytes


def genesis(journal_id: str) -> bytes:
    """What stands in the place of the hash before the first entry."""
    return hashlib.sha256(b"pbx112 journal " + journal_id.encode()).digest()


def link(previous: bytes, seq: int, draft: Draft | Entry) -> bytes:
    """The hash of `draft` as entry `seq` after the entry whose hash is `previous`.

    Raises :class:`ValueError` or :class:`struct.error` where a field cannot be written down (a lone surrogate,
    a NUL, a time or number out of bounds).
    """
    if not 0 <= draft.utc_us < _YEAR_10000:
        raise ValueError("time out of bounds")
    parts = [previous, _NUMBERS.pack(seq, draft.utc_us, draft.mono_ns)]
    texts = [draft.subject.encode(), draft.plan.encode(), draft.kind.encode()]
    if any(b"\0" in text for text in texts):
        raise ValueError("NUL in a text")
    for part in (*texts, draft.body):
        parts.append(_LENGTH.pack(len(part)))
        parts.append(part)
    return hashlib.sha256(b"".join(parts)).digest()
