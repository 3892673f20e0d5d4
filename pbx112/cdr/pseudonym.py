"""Pseudonyms of citizens' numbers: a keyed hash, with a secret that can be destroyed.

The same number has the same pseudonym as long as the secret is the same, so that who calls again and again can still be
counted. With the secret somebody could try all numbers; without it nobody can tell a number from its pseudonym.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

_BYTES = 32
_PSEUDONYM = re.compile(r"p:[0-9a-f]{20}")


class PseudonymKeyError(Exception):
    """The secret cannot be read or made; the message names the file and the remedy."""


def read_key(path: Path, *, make: bool = False) -> bytes | None:
    """The secret in `path`; None where there is none, unless it is to be made. Raises :class:`PseudonymKeyError`."""
    try:
        if make and not path.exists():
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if not make:
            return None
        raise PseudonymKeyError(
            f"{path}: its folder is not there; make it, or set PBX112_PSEUDONYM_KEY"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PseudonymKeyError(
            f"{path}: cannot be used ({error}); it must belong to the user that runs the retention"
        ) from None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise PseudonymKeyError(
            f"{path}: does not hold {_BYTES * 2} hexadecimal digits; move it aside, and another is made"
        )
    return key


def is_pseudonym(number: str) -> bool:
    """Whether this stands in the place of a number. (A trunk may send anything, also what begins like one.)"""
    return _PSEUDONYM.fullmatch(number) is not None


def pseudonym(key: bytes, number: str) -> str:
    """What stands in the place of `number`."""
    return "p:" + hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:20]
