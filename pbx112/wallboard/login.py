"""Who may look: one password, a session that outlives restarts, and a bound on guessing.

A session is its end and a signature over it, made with a key that comes from the password: nothing is stored, and
another password ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from pbx112.settings import Settings, SettingsError

SHORTEST = 10
"""Characters of a password."""

SESSION = 30 * 86_400
"""Seconds: a screen on the wall shall not ask anew every day."""

GUESSES, WITHIN = 10, 60.0
"""So many wrong passwords within so many seconds; then nobody is let in until they have passed. Who looks already goes
on looking."""


class TooMany(Exception):
    """Too many wrong passwords; `wait` seconds from now there is room for another."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"{wait:.0f} s")
        self.wait = wait


class Door:
    """Opens for `password`."""

    def __init__(self, password: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._key = hashlib.scrypt(password.encode(), salt=b"pbx112 wallboard", n=2**14, r=8, p=1, dklen=32)
        self._password = self._digest(password)
        self._wrong: deque[float] = deque(maxlen=GUESSES)

    def knock(self, password: str) -> str | None:
        """A session where the password is right, None where it is wrong. Raises :class:`TooMany`."""
        now = self._clock()
        if len(self._wrong) == GUESSES and (wait := self._wrong[0] + WITHIN - now) > 0:
            raise TooMany(wait)
        if not hmac.compare_digest(self._digest(password), self._password):
            self._wrong.append(now)
            return None
        return self._session(int(now) + SESSION)

    def knows(self, session: str) -> bool:
        """Whether this session was given out, and is not over."""
        until, _, _ = session.partition(".")
        if not until.isascii() or not until.isdigit() or len(until) > 12:
            return False
        return (
            hmac.compare_digest(self._session(int(until)).encode(), session.encode(errors="replace"))
            and int(until) > self._clock()
        )

    def _session(self, until: int) -> str:
        return f"{until}.{hmac.new(self._key, b'session %d' % until, hashlib.sha256).hexdigest()}"

    def _digest(self, password: str) -> bytes:
        return hmac.new(self._key, password.encode(errors="replace"), hashlib.sha256).digest()


def password_of(settings: Settings) -> str:
    """The wallboard's password, from the environment or from a file. Raises :class:`SettingsError`."""
    file: Path | None = settings.wallboard_password_file
    try:
        given = file.read_text().strip() if file else None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise SettingsError(f"PBX112_WALLBOARD_PASSWORD_FILE: {file}: {why}") from None
    if given is None and settings.wallboard_password is not None:
        given = settings.wallboard_password.get_secret_value()
    remedy = "make one: openssl rand -hex 12; set it in PBX112_WALLBOARD_PASSWORD, or name a file with it in …_FILE"
    if not given:
        raise SettingsError(
            f"PBX112_WALLBOARD_PASSWORD is not set: the wallboard shows nothing without one; {remedy}"
        )
    if len(given) < SHORTEST:
        raise SettingsError(f"PBX112_WALLBOARD_PASSWORD: choose at least {SHORTEST} characters; {remedy}")
    return given
