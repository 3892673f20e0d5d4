"""When to say what: that an alarm begins, that it still stands, that it is over. Pure; time comes in.

Bounds: an alarm is said again after 15 minutes, after another hour, then every 4 hours, however often it comes and goes
in between; it is over once it has been gone for half a minute; and no message follows another within half a minute.
Whatever is due by then goes together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from .conditions import LASTS, Finding, Kind

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    again: tuple[float, ...] = (15 * 60, 3600, 4 * 3600)
    """From one word on an alarm to the next; the last of them for ever."""
    calm: float = 30.0
    """For which it has to be gone before it is over."""
    apart: float = 30.0
    """Between two messages."""


PACE = Pace()


class Known(msgspec.Struct):
    """An alarm that stands, or was told of late. Moments are UTC in microseconds."""

    kind: Kind
    about: str
    name: str
    many: float
    why: str
    since_us: int | None
    """None: it does not stand."""
    gone_us: int | None = None
    """Since when it stands no more, while that has to last."""
    told: int = 0
    """How often its standing was told, until it was forgotten."""
    told_us: int = 0
    open: bool = False
    """It was told that it stands, and not yet that it is over."""


State = dict[str, Known]
"""What survives a restart."""


@dataclass(frozen=True, slots=True)
class Word:
    """Something to be said. `until_us` is set where it is over."""

    what: Literal["begins", "still", "over"]
    about: Known
    since_us: int
    until_us: int | None = None


class Heart:
    """The state machine; `known` is from before a restart."""

    def __init__(
        self,
        known: State | None = None,
        pace: Pace = PACE,
        lasts: Mapping[Kind, float] = LASTS,
    ) -> None:
        self.known: State = known or {}
        self._pace = pace
        self._lasts = lasts
        self._said_us: int | None = None

    def beat(self, found: Iterable[Finding], now_us: int) -> list[Word]:
        """What is to be said now, in one message."""
        now = {finding.key: finding for finding in found}
        for key, finding in now.items():
            if finding.stands:
                self._stands(key, finding, now_us)
        for key, known in self.known.items():
            finding_now = now.get(key)
            if finding_now is None or finding_now.stands is False:
                known.gone_us = known.gone_us if known.gone_us is not None else now_us
        if self._said_us is not None and 0 <= now_us - self._said_us < self._pace.apart * SECOND:
            return []
        words = [word for known in self.known.values() if (word := self._word(known, now_us)) is not None]
        self.known = {key: known for key, known in self.known.items() if not self._forgotten(known, now_us)}
        if words:
            self._said_us = now_us
        return words

    def _stands(self, key: str, finding: Finding, now_us: int) -> None:
        began = min(finding.since_us if finding.since_us is not None else now_us, now_us)
        known = self.known.get(key)
        if known is None:
            known = Known(finding.kind, finding.about, "", 0, "", began)
            self.known[key] = known
        known.name, known.many, known.why = finding.name, finding.many, finding.why
        if known.since_us is None or (known.gone_us is not None and not known.open):
            known.since_us = began
        known.since_us = min(known.since_us, now_us)
        known.gone_us = None

    def _word(self, known: Known, now_us: int) -> Word | None:
        if known.since_us is None:
            return None
        known.told_us = min(known.told_us, now_us)  # a clock that was set back delays nothing for ever
        if known.gone_us is not None:
            known.gone_us = min(known.gone_us, now_us)
            if now_us - known.gone_us < self._pace.calm * SECOND:
                return None
            since, was_open = known.since_us, known.open
            known.since_us, known.open = None, False
            return Word("over", msgspec.structs.replace(known), since, known.gone_us) if was_open else None
        if now_us - known.since_us < self._lasts[known.kind] * SECOND or not self._due(known, now_us):
            return None
        what: Literal["begins", "still"] = "still" if known.open else "begins"
        known.open, known.told, known.told_us = True, known.told + 1, now_us
        return Word(what, msgspec.structs.replace(known), known.since_us)

    def _due(self, known: Known, now_us: int) -> bool:
        if not known.told:
            return True
        again = self._pace.again
        return now_us - known.told_us >= again[min(known.told, len(again)) - 1] * SECOND

    def _forgotten(self, known: Known, now_us: int) -> bool:
        """Gone, and so long ago that the next time is a new one."""
        if known.since_us is not None:
            return False
        return not known.told or now_us - known.told_us >= self._pace.again[-1] * SECOND
