"""The key that signs anchors (Ed25519, RFC 8032): private on the 112 machine, public with the auditor."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_WORD = "pbx112-ed25519"
_MOST = 100_000  # bytes of a file of keys


class KeyFileError(Exception):
    """A key cannot be made or read; the message names the file and the remedy."""


class PublicKey(NamedTuple):
    """What verifies a signature."""

    raw: bytes

    @property
    def name(self) -> str:
        """Names the key in an anchor: the first 16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{_WORD} {base64.b64encode(self.raw).decode()}"

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """Whether the owner of the private key signed exactly this."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def make_key(path: Path) -> PublicKey:
    """Make a private key in the new file `path`, for its owner alone. Raises :class:`KeyFileError`."""
    key = Ed25519PrivateKey.generate()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileError(
            f"{path}: there is a key already; for another one move it aside (old anchors need its public half)"
        ) from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: {error.strerror}; run as the daemon's user (pbx112) or as root"
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return PublicKey(key.public_key().public_bytes_raw())


def private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in `path`. Raises :class:`KeyFileError`, also where others may read the file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST)
        if mode & 0o077:
            raise KeyFileError(
                f"{path}: others may read it; chmod 600, and make another key (`pbx112 audit key`)"
            )
        key = load_pem_private_key(text, None)
    except FileNotFoundError:
        raise KeyFileError(f"{path}: there is no key; make one with `pbx112 audit key`") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise KeyFileError(f"{path}: is no private key of `pbx112 audit key`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: is a key of another kind; make one with `pbx112 audit key`")
    return key


def public_half(key: Ed25519PrivateKey) -> PublicKey:
    """What may be given to everybody."""
    return PublicKey(key.public_key().public_bytes_raw())


def read_public_keys(path: Path) -> list[PublicKey]:
    """The public keys in `path`, one a line as `pbx112 audit key` prints them. Raises :class:`KeyFileError`."""
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    keys = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.strip().partition(" ")
        try:
            raw = base64.b64decode(rest.split(" ")[0], validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if word != _WORD or len(raw) != 32:
            raise KeyFileError(f"{path}:{number}: is no public key; a line begins with {_WORD}")
        keys.append(PublicKey(raw))
    if not keys:
        raise KeyFileError(
            f"{path}: holds no public key; `pbx112 audit key --public` prints it on the 112 machine"
        )
    return keys
