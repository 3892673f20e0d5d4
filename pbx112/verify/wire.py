"""What the command orders of the daemon over its socket, and what it hears: lines of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from pbx112.model.events import LineTestEnded, LineTestPlaced, VerificationEnded, VerificationStarted

LONGEST_ORDER = 65_536
"""Bytes."""

Word = Annotated[str, msgspec.Meta(max_length=64)]
Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=1000)]


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """Verify these `lines` (their numbers) of these agencies (their keys); empty: all. Seconds."""

    agencies: Words = ()
    lines: Words = ()
    tries: Annotated[int, msgspec.Meta(ge=1, le=5)] = 2
    again_after: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 60.0
    """Seconds until a line is tried once more."""
    at_once: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    """Lines that are called at once, never two of one agency."""
    patience: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 300.0
    """Seconds for which a line that is in use is waited for."""
    on_duty_only: bool = False
    """Leave out lines that are off duty when the run begins."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """The order is not carried out."""

    why: str


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """It is: `lines` are owner and number of each line, in order."""

    run: str
    lines: tuple[tuple[str, str], ...]


Told = Accepted | Refusal | VerificationStarted | LineTestPlaced | LineTestEnded | VerificationEnded
"""What the daemon answers."""


class _Kind(msgspec.Struct):
    type: str = ""


_order = msgspec.json.Decoder(Order)
_answer: msgspec.json.Decoder[Accepted | Refusal] = msgspec.json.Decoder(Accepted | Refusal)
_event: msgspec.json.Decoder[VerificationStarted | LineTestPlaced | LineTestEnded | VerificationEnded] = (
    msgspec.json.Decoder(VerificationStarted | LineTestPlaced | LineTestEnded | VerificationEnded)
)


def socket_beside(journal: Path) -> Path:
    """Where the daemon that serves from this journal takes orders."""
    return journal.with_name("verify.sock")


def encode(message: Order | Told) -> bytes:
    """One line."""
    return msgspec.json.encode(message) + b"\n"


def read_order(line: bytes) -> Order:
    """Raises :class:`msgspec.ValidationError` or :class:`msgspec.DecodeError` where the line is none."""
    return _order.decode(line)


def read_told(line: bytes) -> Told:
    """Raises as :func:`read_order`."""
    if msgspec.json.decode(line, type=_Kind).type:
        return _answer.decode(line)
    return _event.decode(line)
