"""Who may look: one password, a session that outlives restarts, and a bound on guessing.

A session is its end and a signature over it, made with a key that comes from the password: nothing is stored, and
another password ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from pbx112.settings import Settings, SettingsError

SHORTEST = 10
"""Characters of a password."""

SESSION = 30 * 86_400
"""Seconds: a screen on the wall shall not ask anew every day."""

GUESSES, WITHIN = 10, 60.0
"""So many wrong passwords within so many seconds from one address; then it is not let in until they have passed."""

ALL_GUESSES, ALL_WITHIN = 300, 600.0
"""The same for all addresses together from which nobody was let in before, for who guesses from many: two do not reach
it. It holds up strangers alone, and who looks already goes on looking."""

KNOWN = 256
"""Addresses from which somebody was let in, the latest."""


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
        self._known: dict[str, None] = {}
        self._wrong: dict[str, _Bound] = {}
        """Of each address while they count: strangers' are bounded by `_strangers`, the others by `_known`."""
        self._strangers = _Bound(ALL_GUESSES, ALL_WITHIN)

    def knock(self, password: str, address: str) -> str | None:
        """A session where the password is right, None where it is wrong. Raises :class:`TooMany`."""
        now, whose = self._clock(), network(address)
        self._wrong = {held: bound for held, bound in self._wrong.items() if not bound.is_empty(now)}
        bounds = [self._wrong.get(whose) or _Bound(GUESSES, WITHIN)]
        if whose not in self._known:
            bounds.append(self._strangers)
        if (wait := max(bound.wait(now) for bound in bounds)) > 0:
            raise TooMany(wait)
        if not hmac.compare_digest(self._digest(password), self._password):
            self._wrong[whose] = bounds[0]
            for bound in bounds:
                bound.count(now)
            return None
        self.welcome(address)
        return self._session(int(now) + SESSION)

    def welcome(self, address: str) -> None:
        """Who has a session is at this address: guessing elsewhere does not hold it up."""
        whose = network(address)
        self._known.pop(whose, None)
        self._known[whose] = None
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]

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


class _Bound:
    """So many within so many seconds."""

    def __init__(self, most: int, within: float) -> None:
        self._within = within
        self._moments: deque[float] = deque(maxlen=most)

    def count(self, now: float) -> None:
        self._moments.append(now)

    def wait(self, now: float) -> float:
        """Seconds until there is room for another."""
        self._forget(now)
        return self._moments[0] + self._within - now if len(self._moments) == self._moments.maxlen else 0.0

    def is_empty(self, now: float) -> bool:
        self._forget(now)
        return not self._moments

    def _forget(self, now: float) -> None:
        # Less than none: the clock was set back.
        while self._moments and not 0 <= now - self._moments[0] < self._within:
            self._moments.popleft()


def asker(peer: str, forwarded: Sequence[str]) -> str:
    """The address that asks: where `peer` is a proxy on this machine, the one that it saw and wrote last into
    `X-Forwarded-For`. What anybody else writes there is not believed."""
    ip = address_of(peer)
    if ip is not None and ip.is_loopback and forwarded:
        return str(address_of(forwarded[-1].rpartition(",")[2]) or peer)
    return peer


def network(address: str) -> str:
    """Whom `address` stands for: of IPv6, where one subscriber has many, the first 64 bits."""
    ip = address_of(address)
    return str(ip_network((ip, 64), strict=False)) if isinstance(ip, IPv6Address) else str(ip)


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` is, None where it is none."""
    try:
        ip = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


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
