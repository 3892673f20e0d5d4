"""Anchors: the heads of all journals, signed, kept outside of the database.

Whoever owns the database can write the whole chain of hashes anew. What he cannot do is make an anchor of before fit
it. An anchor is one line, `<signature> <statement>`: Ed25519 in base64 over the bytes of the statement, which is JSON.
Each carries the number and the hash of the one before it, so that none can be taken out of the middle.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import io
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pbx112.audit.keys import PublicKey, public_half

_LONGEST = 100_000  # bytes of a line: hundreds of journals
_LARGEST = 64 * 2**20  # bytes of a file: a century of days


class AnchorError(Exception):
    """Anchors cannot be read or written; the message names the file, the line and the remedy."""


class Head(msgspec.Struct, frozen=True):
    """The end of a journal as it stood: its last entry in Postgres, and how many calls had ended by then."""

    journal: str
    seq: int
    hash: str
    calls: int


class Statement(msgspec.Struct, frozen=True):
    """What is signed. `previous` is the SHA-256 of the line before, empty for the first."""

    number: int
    time: datetime
    node: str
    key: str
    previous: str
    heads: tuple[Head, ...]


class Anchor(msgspec.Struct, frozen=True):
    """A line, read. Nothing says yet that its signature is good."""

    line: str
    signature: bytes
    signed: bytes
    says: Statement

    @property
    def digest(self) -> str:
        """What the next anchor carries of this one."""
        return hashlib.sha256(self.line.encode()).hexdigest()

    @property
    def code(self) -> str:
        """Eight groups of five digits that can be read out on the telephone: 132 bits of the line's SHA-256."""
        number = int.from_bytes(hashlib.sha256(self.line.encode()).digest()) % 10**40
        digits = f"{number:040}"
        return " ".join(digits[at : at + 5] for at in range(0, 40, 5))


def parse(line: str) -> Anchor:
    """Read one line. Raises :class:`ValueError` where it is none."""
    word, _, text = line.partition(" ")
    try:
        signature = base64.b64decode(word, validate=True)
        says = msgspec.json.decode(text, type=Statement)
    except (binascii.Error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from None
    if len(signature) != 64 or says.time.tzinfo is None:
        raise ValueError("its signature or its time is none")
    return Anchor(line, signature, text.encode(), says)


def read(path: Path) -> list[Anchor]:
    """All anchors in a file, oldest first. Raises :class:`AnchorError`."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise AnchorError(f"{path}: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise AnchorError(f"{path}: is larger than a file of anchors can be")
    anchors = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            anchors.append(parse(line[:_LONGEST].decode("ascii")))
        except ValueError:
            raise AnchorError(f"{path}:{number}: is no anchor: the line was changed, or cut off") from None
    return anchors


def latest(path: Path, before: datetime | None = None) -> Anchor | None:
    """The last anchor made before that moment, for a report; None where there is none. Raises :class:`AnchorError`."""
    if not path.exists():
        return None
    made = [anchor for anchor in read(path) if before is None or anchor.says.time < before]
    return made[-1] if made else None


def qr_svg(anchor: Anchor) -> str:
    """The whole line as a QR code: a scan of the paper is the anchor itself."""
    return qr_of(anchor.line)


def qr_of(text: str) -> str:
    """A QR code (SVG, black on white)."""
    drawn = io.BytesIO()
    segno.make(text, error="l", micro=False).save(
        drawn, kind="svg", xmldecl=False, scale=2, border=4, light="#fff"
    )
    return drawn.getvalue().decode()


def write(
    path: Path, key: Ed25519PrivateKey, node: str, heads: Sequence[Head], now: datetime | None = None
) -> Anchor:
    """Sign `heads` as of `now` and add them to the file, which the disk has confirmed when this returns.

    Raises :class:`AnchorError`, also where the file's last line is damaged: it must be looked at first.
    """
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise AnchorError(f"{path}: {error.strerror}; run as the daemon's user (pbx112)") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        last = latest(path)
        statement = Statement(
            number=last.says.number + 1 if last else 1,
            time=now or datetime.now(UTC),
            node=node,
            key=public_half(key).name,
            previous=last.digest if last else "",
            heads=tuple(heads),
        )
        signed = msgspec.json.encode(statement)
        line = f"{base64.b64encode(key.sign(signed)).decode()} {signed.decode()}"
        os.write(handle, line.encode() + b"\n")
        os.fsync(handle)
    except OSError as error:
        raise AnchorError(f"{path}: {error.strerror}") from None
    finally:
        os.close(handle)
    return parse(line)


def to_syslog(anchor: Anchor, socket_path: Path) -> bool:
    """Tell syslog (authpriv.notice, `pbx112-anchor`); whether there was one to tell."""
    text = f"<{10 * 8 + 5}>pbx112-anchor: {anchor.line}".encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(2)
        try:
            channel.sendto(text, str(socket_path))
        except OSError:
            return False
    return True


def broken(anchors: Sequence[Anchor], keys: Sequence[PublicKey]) -> list[str]:
    """What is wrong with the anchors themselves: a signature, a missing one, one out of its place."""
    known = {key.name: key for key in keys}
    wrong = []
    previous: Anchor | None = None
    for anchor in anchors:
        says = anchor.says
        key = known.get(says.key)
        if key is None:
            wrong.append(
                f"anchor {says.number}: it is signed by a key ({says.key}) that is not among those given"
            )
        elif not key.verifies(anchor.signature, anchor.signed):
            wrong.append(f"anchor {says.number}: its signature is false: the line was changed")
        number, digest = (previous.says.number, previous.digest) if previous else (0, "")
        if says.number != number + 1:
            wrong.append(
                f"anchor {says.number}: it follows on number {number}: lines are missing or out of order"
            )
        elif says.previous != digest:
            wrong.append(f"anchor {says.number}: it does not fit the line before it")
        elif previous is not None and says.time < previous.says.time:
            wrong.append(f"anchor {says.number}: it is older than the one before it: the clock was set back")
        previous = anchor
    return wrong
