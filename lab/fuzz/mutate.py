"""From samples that are right to inputs that are not, by seeded dice: the same number, the same input."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 40_000
"""Bytes; longer inputs are cut, since their size is another test's matter."""

ODD = (
    *(
        b"\0",
        b"\r\n",
        b"\n\n",
        b"\t",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"\xf0\x9f\x9a\x91",
        b"\x1b[2J",
    ),
    *(
        b"-1",
        b"0",
        b"1e309",
        b"NaN",
        b"-0.0",
        b"9" * 400,
        b"4294967296",
        b"18446744073709551616",
        b"null",
        b"true",
    ),
    *(
        b'"',
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"[" * 500,
        b'{"a":' * 300,
    ),
    *(
        b"&a ",
        b"*a",
        b"<<: *a",
        b"!!python/object:os.system ",
        b"? ",
        b"- ",
        b"|\n",
        b"%YAML 9.9\n",
        b"---\n",
    ),
    *(b"${EXTEN}", b"$[1/0]", b"&SIP/9", b"../../etc", b"%0a", b"%", b";--", b"' OR 1=1", b"A" * 3000),
    *(b"yes", b"0x1F", b"2026-11-24", b"\xc2\xa0", b"\xef\xbb\xbf"),
)
"""What parsers stumble over."""


def mutated(samples: Sequence[bytes], number: int) -> bytes:
    """The input with this number."""
    dice = random.Random(number)  # noqa: S311 (it is to be repeatable)
    data = bytearray(dice.choice(samples))
    for _ in range(dice.choice((0, 1, 1, 2, 2, 3, 5, 9))):
        dice.choice(_WAYS)(data, dice, samples)
        del data[LONGEST:]
    return bytes(data)


def _place(data: bytearray, dice: random.Random) -> int:
    return dice.randrange(len(data) + 1)


def _flip(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _byte(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    if data:
        data[dice.randrange(len(data))] = dice.randrange(256)


def _cut(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    at = _place(data, dice)
    del data[at : at + dice.choice((1, 2, 8, 40, len(data)))]


def _double(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    start, at = _place(data, dice), _place(data, dice)
    data[at:at] = data[start : start + dice.choice((1, 4, 20, 200))]


def _insert(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    at = _place(data, dice)
    data[at:at] = dice.choice(ODD)


def _replace_word(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    """What stands between two of the format's own signs becomes something else: the structure stays."""
    at = _place(data, dice)
    start = at
    while start > 0 and data[start - 1 : start] not in _SIGNS:
        start -= 1
    end = at
    while end < len(data) and data[end : end + 1] not in _SIGNS:
        end += 1
    data[start:end] = dice.choice(ODD)


def _swap_lines(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"\n".join(lines)


def _cross(data: bytearray, dice: random.Random, samples: Sequence[bytes]) -> None:
    other = dice.choice(samples)
    at, start = _place(data, dice), dice.randrange(len(other) + 1)
    data[at:] = other[start:]


_SIGNS = tuple(bytes([sign]) for sign in b"\"',:;=&{}[]()<> \n\r|/")
_Way = Callable[[bytearray, random.Random, Sequence[bytes]], None]
_WAYS: tuple[_Way, ...] = (
    _flip,
    _byte,
    _cut,
    _double,
    _insert,
    _insert,
    _replace_word,
    _replace_word,
    _swap_lines,
    _cross,
)


def shortened(data: bytes, fails: Callable[[bytes], bool], tries: int = 400) -> bytes:
    """A shorter input that `fails` as well, found by leaving out ever smaller parts."""
    size = max(1, len(data) // 2)
    while size and tries:
        at = 0
        while at < len(data) and tries:
            tries -= 1
            without = data[:at] + data[at + size :]
            if fails(without):
                data = without
            else:
                at += size
        size //= 2
    return data
