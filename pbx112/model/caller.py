"""Who calls: what the trunk sent, made harmless and, where it is a telephone number, E.164."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

LONGEST = 80
"""Characters kept of what the trunk sent."""

_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_DISPLAYABLE = re.compile(r"[^0-9+*#]")


@dataclass(frozen=True, slots=True)
class Caller:
    """`raw` as sent (printable, at most 80 characters), `e164` where it is such a number, `callable` whether
    that number may be called back."""

    raw: str
    e164: str | None
    callable: bool


def harmless(sent: str, longest: int = LONGEST) -> str:
    """What came from outside, fit for the journal and for people: printable, at most `longest` characters."""
    return "".join(character if character.isprintable() else " " for character in sent[:longest]).strip()


def read_caller(sent: str, country: str) -> Caller:
    """The caller behind a caller ID; a number without `+` is read as one of `country` (ISO 3166).

    A handset without a SIM sends a pseudo-number that must not be called back (NENA i3): only what the
    numbering plan knows as a valid subscriber number is marked callable.
    """
    raw = harmless(sent)
    if not _NUMBER.fullmatch(raw):
        return Caller(raw, None, callable=False)
    try:
        number = phonenumbers.parse(raw, country)
    except phonenumbers.NumberParseException:
        return Caller(raw, None, callable=False)
    if not phonenumbers.is_valid_number(number):
        return Caller(raw, None, callable=False)
    return Caller(raw, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), callable=True)


def for_display(number: str) -> str:
    """The digits of a caller ID that a phone may be shown; `anonymous` where there are none."""
    return _DISPLAYABLE.sub("", number)[:20] or "anonymous"
