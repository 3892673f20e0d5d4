"""What a dialogue can ask for, and the prompts by which it speaks."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from pbx112.model import events as ev


@dataclass(frozen=True, slots=True)
class Say:
    """Speak these prompts one after the other."""

    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Speak these prompts and take at most so many digits (`#` ends); the answer is the digits, or nothing."""

    media: tuple[str, ...]
    digits: int


@dataclass(frozen=True, slots=True)
class Note:
    """Write this down, of a call or ("") of none, before anything else is done."""

    subject: str
    event: ev.Event


@dataclass(frozen=True, slots=True)
class Dial:
    """Call this dial string of the plan's trunk; the answer is Dial's status in lower case."""

    dial: str
    trunk: str
    caller_id: str | None
    longest: int


class Talk(NamedTuple):
    """A call taker's phone in a talk; `channel` is Asterisk's id."""

    call_id: str
    leg: int
    line: str
    channel: str


class Listen(NamedTuple):
    """Listen to this talk until somebody hangs up; with `whisper` the call taker hears the supervisor."""

    talk: Talk
    whisper: bool


Act = Say | Ask | Note | Dial | Listen
Dialogue = Generator[Act, str, None]


def media(*prompts: str) -> tuple[str, ...]:
    """The files of these prompts."""
    return tuple(f"pbx112/{prompt}" for prompt in prompts)


def say(*prompts: str) -> Say:
    """Speak these prompts."""
    return Say(media(*prompts))


def words(digits: str) -> tuple[str, ...]:
    """The prompts of a number's digits."""
    return tuple(f"digit_{digit}" for digit in digits if digit.isdecimal())
