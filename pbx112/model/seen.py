"""What the line watch has said so far: the fold of :class:`pbx112.model.events.LinesSeen`."""

from __future__ import annotations

from typing import NamedTuple

from .events import Event, Instant, LinesSeen

HOLDS_US = 70 * 60 * 1_000_000
"""Microseconds for which a state holds without being said again: all is said every hour."""


class Held(NamedTuple):
    """A state, since when it holds and when it was last said (UTC in microseconds)."""

    state: str
    since_us: int
    said_us: int


class Seen:
    """Lines by owner and number, trunks by key."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], Held] = {}
        self._trunks: dict[str, Held] = {}

    def heed(self, event: Event, at: Instant) -> None:
        """Something happened."""
        if not isinstance(event, LinesSeen):
            return
        if event.whole:  # what is not among it is no line any more
            lines, self._lines = self._lines, {}
            trunks, self._trunks = self._trunks, {}
        else:
            lines, trunks = self._lines, self._trunks
        for line in event.lines:
            key = line.owner, line.number
            self._lines[key] = _held(lines.get(key), line.state, at.utc_us)
        for trunk in event.trunks:
            self._trunks[trunk.trunk] = _held(trunks.get(trunk.trunk), trunk.state, at.utc_us)

    def line(self, owner: str, number: str, utc_us: int) -> Held | None:
        """What holds for this line now; None where nobody has said so for too long."""
        return _fresh(self._lines.get((owner, number)), utc_us)

    def trunk(self, key: str, utc_us: int) -> Held | None:
        """The same for a trunk."""
        return _fresh(self._trunks.get(key), utc_us)


def _held(before: Held | None, state: str, utc_us: int) -> Held:
    lasted = before is not None and before.state == state and utc_us - before.said_us < HOLDS_US
    return Held(state, before.since_us if before is not None and lasted else utc_us, utc_us)


def _fresh(held: Held | None, utc_us: int) -> Held | None:
    return held if held is not None and utc_us - held.said_us < HOLDS_US else None
