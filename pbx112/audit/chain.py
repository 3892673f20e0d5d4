"""A stretch of a journal as Postgres' binary COPY sends it, held against its chain of hashes. No input or output here.

What an entry's hash covers (:mod:`pbx112.journal.chain`) ends with its texts, each with its length in 32 bits: exactly
as binary COPY writes them. So one slice of what was received is hashed as it is, and nothing is decoded for it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from pbx112.cdr.body import UNREADABLE, jsonb_view

COLUMNS = "seq, at, mono_ns, coalesce(call_id, ''), plan, kind, raw, hash, body"
"""What :class:`Checker` must be fed with, in this order, by ascending seq."""

_HEAD = struct.Struct(">hiqiqiqi")  # columns; length and value of seq, at, mono_ns; length of call_id
_TEXTS = 38  # where the length of call_id stands
_LENGTH = struct.Struct(">i")
_NUMBERS = struct.Struct(">qqq")
_SIGNATURE = 19  # bytes before the first row (Postgres' manual, "Binary Format" of COPY)
_MILLENNIUM = 946_684_800_000_000  # Postgres counts microseconds from 2000-01-01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEW = 1_000


class Segment(NamedTuple):
    """Entries `first` to `last` of a journal.

    `before` is the hash before the first (None: the one that the entry before it carries, which is read along), `then`
    the hash that the last must have (None: nobody says).
    """

    journal_id: str
    first: int
    last: int
    before: bytes | None
    then: bytes | None


class Fault(NamedTuple):
    """What is wrong with the records at one place."""

    journal_id: str
    seq: int
    what: str
    """altered, removed, added, reordered, cut off"""
    why: str
    call_id: str = ""
    at: datetime | None = None


class Checker:
    """Takes a segment's bytes as they come, in bounded memory. `fault` is the first that was found; after it nothing is
    looked at any more."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.events = 0
        self.fault: Fault | None = None
        self.hidden: list[tuple[Fault, bytes]] = []
        """Entries whose body says that it cannot be read, while `raw` (given) can: Postgres must say if it could."""
        self.before = segment.before
        """The hash of the entry before the next one, or before the one at fault."""
        self._next = segment.first if segment.before is not None else segment.first - 1
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        if self.fault is not None:
            return
        data = self._rest + data
        if not self._begun:
            if len(data) < _SIGNATURE:
                self._rest = data
                return
            data, self._begun = data[_SIGNATURE:], True
        try:
            self._rest = data[self._rows(data) :]
        except struct.error:  # a time beyond what an entry can hold
            self.fault = self._at(self._next, "altered", "its time is none that a journal writes")

    def end(self) -> None:
        """That was all."""
        if self.fault is not None:
            return
        first, last = self._next, self.segment.last
        if first <= last:
            many = "it is" if first == last else f"entries up to {last} are"
            self.fault = self._at(first, "removed", f"{many} missing")
        elif self.segment.then is not None and self.before != self.segment.then:
            self.fault = self._at(
                last, "altered", "its hash is not the one that is written down for the end here"
            )

    def _rows(self, data: bytes) -> int:
        """Look at the whole rows in `data`; returns where the rest begins."""
        position, size = 0, len(data)
        head, length, numbers, sha256 = _HEAD.unpack_from, _LENGTH.unpack_from, _NUMBERS.pack, hashlib.sha256
        while size - position >= 42:
            _, _, seq, _, at, _, mono, width = head(data, position)
            texts = position + _TEXTS
            stop = texts + 4 + width
            for _ in range(3):  # plan, kind, raw
                if stop + 4 > size:
                    return position
                start = stop + 4
                stop = start + length(data, stop)[0]
            body = stop + 40  # past the hash, and the length of the body
            if body > size:
                return position
            kept = length(data, body - 4)[0]
            following = body + max(kept, 0)
            if following > size:
                return position
            found = data[stop + 4 : stop + 36]
            row = (data, texts, at)
            if seq != self._next:
                self._misplaced(seq, row)
                return size
            if self.before is not None:
                if (
                    sha256(self.before + numbers(seq, at + _MILLENNIUM, mono) + data[texts:stop]).digest()
                    != found
                ):
                    self.fault = self._fault(
                        seq, row, "altered", "it does not fit its hash and the one before it"
                    )
                    return size
                self.events += 1
                if kept >= 0 and not _is_view(data[start:stop], data[body + 1 : following]):
                    fault = self._fault(seq, row, "altered", "its body is not what its raw bytes say")
                    if data[body + 1 : following].decode() != UNREADABLE or len(self.hidden) >= _FEW:
                        self.fault = fault
                        return size
                    self.hidden.append((fault, data[start:stop]))
            self.before = found
            self._next = seq + 1
            position = following
        return position

    def _misplaced(self, seq: int, row: tuple[bytes, int, int]) -> None:
        if seq < self._next:
            self.fault = self._fault(seq, row, "added", "this number stands twice")
            return
        many = "the entry" if seq == self._next + 1 else f"{seq - self._next} entries"
        self.fault = self._fault(self._next, row, "removed", f"{many} before number {seq} missing")

    def _fault(self, seq: int, row: tuple[bytes, int, int], what: str, why: str) -> Fault:
        data, texts, at = row
        (width,) = _LENGTH.unpack_from(data, texts)
        call = data[texts + 4 : texts + 4 + width].decode("utf-8", "replace")
        return self._at(seq, what, why)._replace(call_id=call, at=_moment(at))

    def _at(self, seq: int, what: str, why: str) -> Fault:
        return Fault(self.segment.journal_id, seq, what, why)


def _moment(microseconds: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=microseconds + _MILLENNIUM)
    except OverflowError:
        return None


_decode = msgspec.json.Decoder[Any]().decode
_encode = msgspec.json.Encoder(order="sorted").encode


def _is_view(raw: bytes, body: bytes) -> bool:
    """Whether `body`, as `jsonb` spells it, says the same as `raw`."""
    try:
        if _encode(_decode(raw)) == _encode(_decode(body)):
            return True
    except (ValueError, RecursionError, msgspec.MsgspecError):
        pass  # one of those that jsonb cannot hold as they are
    try:
        return bool(_exact(jsonb_view(raw)) == _exact(body.decode()))
    except (ValueError, RecursionError):
        return False


def _exact(text: str) -> Any:
    """JSON with numbers as they are: 1 is not true, and no digit is lost."""
    return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=str)


def _number(text: str) -> tuple[str, Decimal]:
    return "number", Decimal(text)
