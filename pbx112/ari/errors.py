"""What can become of a request, as exceptions that a caller can match.

The one distinction that matters after a failure is whether Asterisk may have acted: :class:`NotSent` says it
certainly has not, :class:`OutcomeUnknown` that it may have; all others are Asterisk's own answer.
"""

from __future__ import annotations

import msgspec


class AriError(Exception):
    """A request did not succeed.

    `status` is Asterisk's HTTP status (None where there was no answer), `message` its words or ours.
    The path never holds the query or a password.
    """

    def __init__(self, method: str, path: str, message: str, status: int | None = None) -> None:
        super().__init__(method, path, message, status)
        self.method = method
        self.path = path
        self.message = message
        self.status = status

    def __str__(self) -> str:
        status = "" if self.status is None else f"{self.status} "
        return f"{self.method} {self.path}: {status}{self.message}"


class NotFound(AriError):
    """The channel, bridge, playback, recording or variable does not exist (any more)."""


class Conflict(AriError):
    """Something with this id or name exists already: a repeated request that had succeeded, for instance."""


class NotInStasis(AriError):
    """The channel or bridge exists, but is not (yet, or no longer) in our hands, or not in a state to do this."""


class Unavailable(AriError):
    """The endpoint cannot be reached now: not registered, no contact, no such technology."""


class Rejected(AriError):
    """Asterisk does not accept the request as it is; repeating it will not help."""


class Unauthorized(AriError):
    """The user or password is wrong, or the user may only read (`ari.conf`)."""


class ServerError(AriError):
    """Asterisk failed to do it (an internal error), or its answer cannot be read."""


class NotSent(AriError):
    """The request did not leave this machine: it certainly had no effect."""


class OutcomeUnknown(AriError):
    """The request was sent, but the connection or the time ran out before an answer: it may have had effect."""


class Replaced(Exception):
    """Another connection has taken over our application's name: whoever runs this client must stop acting."""

    def __init__(self, app: str) -> None:
        super().__init__(f"another client has connected as the application {app!r}")
        self.app = app


class _Words(msgspec.Struct):
    """The body of an error answer. Asterisk uses either key."""

    message: str = ""
    error: str = ""


_words = msgspec.json.Decoder(_Words)
_LONGEST = 300


def error_for(method: str, path: str, status: int, reason: str, body: bytes | str) -> AriError:
    """The error that Asterisk's answer means. The same condition has different statuses for different requests
    (a channel that is gone: 404, but 400 when it is added to a bridge), so the words decide where they must.
    """
    try:
        words = _words.decode(body)
        message = words.message or words.error or reason
    except msgspec.MsgspecError:  # an HTML page: Asterisk's own web server answered, not ARI
        message = reason
    return _kind(status, message.lower())(method, path, message[:_LONGEST], status)


_GONE = ("channel not found", "provided originator channel was not found")
"""What Asterisk says with 400 of a channel that has ended."""

_STANDS = "supplying a bridge type when updating a bridge is not allowed."
"""What Asterisk 16 says with 500 of a bridge that is there already; later ones say 409."""


def _kind(status: int, words: str) -> type[AriError]:
    if status in (401, 403):
        return Unauthorized
    if status == 404 or (status == 400 and words in _GONE):
        return NotFound
    if status == 412 or (status in (409, 422) and "stasis" in words):
        return NotInStasis
    if status == 409 or (status == 500 and words == _STANDS):
        return Conflict
    if status == 500 and "allocation failed" in words:
        return Unavailable
    if 400 <= status < 500:
        return Rejected
    return ServerError
