"""What callers and phones do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

from pbx112.model.codes import ADD, COLLEAGUE, INCIDENT, SUPERVISOR

Q850_NORMAL = 16

UNREACHABLE = "unreachable"

CALL_IN = (ADD, INCIDENT, COLLEAGUE, SUPERVISOR)
"""What the codes by which somebody is called in begin with."""

HANGS_UP = "down"

PRANK = "#63"
"""The code of what staff say most often."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a line does when it is rung. Seconds count from the ringing on, or from the pick-up on.

    `does`: `answers` after `after`, pressing `presses` (seconds, key) and putting the receiver down after
    `talks` (None: stays) with `cause`; `ends` after `after` with `cause` and `sip` (busy, refused, dead); `rings`
    for ever; is `unreachable` at once. `says_ringing`: seconds until it says that it rings, or None.
    """

    does: Literal["answers", "ends", "rings", "unreachable"]
    after: float = 0.0
    says_ringing: float | None = 0.2
    presses: tuple[tuple[float, str], ...] = ()
    talks: float | None = None
    cause: int = Q850_NORMAL
    sip: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """How long (seconds) a citizen waits for a human, how long it talks, and what it presses in the menu: the
    key, and the seconds after the menu began. `keys` are taken one a menu, the last one then again. `speaks` and
    `presses_5`: seconds after the join at which it is heard, and presses 5 (None: never)."""

    number: str
    patience: float
    talks: float
    keys: tuple[tuple[float, str] | None, ...] = (None,)
    speaks: float | None = 1.0
    presses_5: float | None = None
    presses_1: float | None = None
    """Seconds after the question whether it is an emergency at which it says so."""


class People(Protocol):
    """Who decides what lines do."""

    def rung(self, call_id: str, number: str, dial: str) -> Attempt:
        """A line is rung for a call."""

    def at_work(self, codes: Sequence[str]) -> Iterable[tuple[float, str]]:
        """What somebody who talks presses, of these codes or none of them: seconds from the join on, and the key; or
        that the receiver is put down."""

    def transfers(self, channel: str, named: Sequence[str]) -> tuple[float, str] | None:
        """Whether who talks there presses the phone's own transfer key: seconds from the join on, and to whom."""

    def fallback(self, call_id: str) -> tuple[float, float] | None:
        """What the fallback dialplan comes to: seconds until a human accepts and of the talk, None for nobody."""


class Strangers:
    """People of all kinds, drawn from a seed. `dead` lines cannot be reached."""

    def __init__(self, chance: Random, dead: frozenset[str]) -> None:
        self._chance = chance
        self._dead = dead

    def caller(self) -> Caller:
        """A citizen."""
        chance = self._chance
        known = chance.random() < 0.4  # from few telephones come many calls
        number = f"0812{chance.randrange(3) + 30_000_000 if known else chance.randrange(10**8):08d}"
        kind = chance.random()
        if kind < 0.25:
            patience = chance.uniform(0.0, 30.0)
        elif kind < 0.5:
            patience = chance.uniform(10.0, 200.0)
        else:
            patience = 1500.0
        keys: list[tuple[float, str] | None] = [None]
        if chance.random() < 0.7:
            keys = [
                (chance.uniform(0.0, 25.0), chance.choice("1234567890#*"))
                for _ in range(chance.randint(1, 2))
            ]
        speaks = chance.uniform(0.1, 15.0) if chance.random() < 0.8 else None
        presses = chance.uniform(5.0, 40.0) if speaks is None and chance.random() < 0.5 else None
        says_so = chance.uniform(0.0, 9.0) if chance.random() < 0.4 else None
        return Caller(number, patience, chance.uniform(0.5, 90.0), tuple(keys), speaks, presses, says_so)

    def rung(self, call_id: str, number: str, dial: str) -> Attempt:
        """Anything a phone does."""
        chance = self._chance
        if number in self._dead:
            return Attempt("unreachable") if chance.random() < 0.7 else Attempt("ends", 0.1, None, cause=20)
        rings = chance.uniform(0.05, 2.0) if chance.random() < 0.9 else None
        kind = chance.random()
        if kind < 0.45:
            return self._answers(rings)
        if kind < 0.60:
            return Attempt("rings", says_ringing=rings)
        if kind < 0.66:
            return Attempt("unreachable")
        cause, sip = chance.choice(
            (
                (17, 486),
                (21, 603),
                (19, 480),
                (1, 404),
                (34, 503),
                (38, 503),
                (127, None),
                (0, None),
                (26, None),
            )
        )
        return Attempt("ends", chance.uniform(0.0, 22.0), rings, cause=cause, sip=sip)

    def _answers(self, rings: float | None) -> Attempt:
        chance = self._chance
        presses: tuple[tuple[float, str], ...] = ()
        kind = chance.random()
        if kind < 0.7:
            presses = ((chance.uniform(0.3, 13.0), "1"),)
        elif kind < 0.85:
            presses = ((chance.uniform(0.3, 8.0), chance.choice("0259#*")), (9.0, chance.choice("15")))
        talks = None if chance.random() < 0.5 else chance.uniform(0.3, 120.0)
        cause = Q850_NORMAL if chance.random() < 0.7 else chance.choice((44, 38, 0, 31))
        return Attempt("answers", chance.uniform(0.1, 24.0), rings, presses, talks, cause)

    def transfers(self, channel: str, named: Sequence[str]) -> tuple[float, str] | None:
        """One in ten does; by the channel alone, so that what the others do stays what it was."""
        chance = Random(channel)
        return (chance.uniform(0.5, 30.0), chance.choice(named)) if chance.random() < 0.1 else None

    def at_work(self, codes: Sequence[str]) -> Iterable[tuple[float, str]]:
        """One in three presses something, mostly codes; one in five calls many in, one after the other, and may
        leave them with the caller."""
        chance = self._chance
        moment = chance.uniform(0.2, 20.0)
        if chance.random() < 0.2:
            called_in = [code for code in codes if code.startswith(CALL_IN)]
            for code in chance.choices(called_in, k=chance.randint(2, 4)) if called_in else ():
                for key in code:
                    yield moment, key
                    moment += chance.uniform(0.1, 0.4)
                moment += chance.choice((0.2, 2.0, 15.0))
            if chance.random() < 0.5:
                yield moment, HANGS_UP
            return
        for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2, 4))):
            keys = (
                chance.choice((*codes, *[PRANK] * (len(codes) // 5)))
                if chance.random() < 0.9
                else chance.choice(("*#", "##", "*0", "15", "***"))
            )
            for key in keys:
                yield moment, key
                moment += chance.uniform(0.1, 0.6)
            moment += chance.uniform(0.0, 25.0)

    def fallback(self, call_id: str) -> tuple[float, float] | None:
        """The dialplan's own luck."""
        chance = self._chance
        return (chance.uniform(1.0, 60.0), chance.uniform(1.0, 60.0)) if chance.random() < 0.6 else None
