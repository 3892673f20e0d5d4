"""What a caller hears who waits for a turn or is held: a word, music, and after every 20 s of it a word again."""

from __future__ import annotations

import msgspec

from .events import Instant

SPEAKING_LIMIT = 60.0
"""Seconds after which a prompt counts as spoken even if Asterisk never says so."""

WORD_EVERY = 20.0
"""Seconds of music after which the word is spoken again."""


class Comfort(msgspec.Struct, frozen=True):
    """The `number`-th such wait of its call: the word is spoken for the `time`-th time (`speaking`) or music plays. At
    `word_ns` that has to change; at `until_ns` the wait ends in any case."""

    number: int
    time: int
    speaking: bool
    word_ns: int
    until_ns: int


def begun(number: int, longest: float, at: Instant) -> Comfort:
    """The first word is spoken from `at` on; all ends `longest` seconds later."""
    return Comfort(number, 1, True, at.after(SPEAKING_LIMIT), at.after(longest))


def told_again(comfort: Comfort, time: int, at: Instant) -> Comfort:
    """The word is spoken once more."""
    return msgspec.structs.replace(comfort, time=time, speaking=True, word_ns=at.after(SPEAKING_LIMIT))


def heard(comfort: Comfort, at: Instant) -> Comfort:
    """The word is over: music."""
    return msgspec.structs.replace(comfort, speaking=False, word_ns=at.after(WORD_EVERY))
