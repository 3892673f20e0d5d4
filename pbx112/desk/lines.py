"""Which lines are alive: what Asterisk says of devices, turned into what is worth writing down. Pure.

Changes only, and those that last: a line that is lost is said so after two looks, one that is busy after a minute (an
ordinary talk is the call's own record). All is said again every hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pbx112.model.events import LineSeen, LinesSeen, TrunkSeen
from pbx112.plan.dial import Key, endpoint_of
from pbx112.plan.types import Plan

LineState = Literal["ready", "busy", "unreachable", "unknown"]
TrunkState = Literal["ready", "unreachable", "unregistered", "unknown"]

T = TypeVar("T", bound=str)

SECOND = 10**9
LASTS: Mapping[str, int] = {
    "ready": 0,
    "busy": 60 * SECOND,
    "unreachable": 9 * SECOND,
    "unregistered": 9 * SECOND,
    "unknown": 60 * SECOND,
}
"""Nanoseconds for which a state has to last before it is said."""
AGAIN = 3600 * SECOND
"""Nanoseconds after which all is said again."""

_DEVICES: Mapping[str, LineState] = {
    "NOT_INUSE": "ready",
    "INUSE": "busy",
    "BUSY": "busy",
    "RINGING": "busy",
    "RINGINUSE": "busy",
    "ONHOLD": "busy",
    "UNAVAILABLE": "unreachable",
    "INVALID": "unreachable",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What Asterisk said: each device's state, and for each registration with an operator, by the endpoint's name or
    its own, whether it holds."""

    devices: Mapping[Key, str]
    registered: Mapping[str, bool] = field(default_factory=dict)


class Lines:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], LineState] = {}
        """What holds for each owner's line, by its number."""
        self.trunks: dict[str, TrunkState] = {}
        self._since: dict[tuple[str, ...], tuple[str, int]] = {}
        self._whole_ns: int | None = None

    def look(self, plan: Plan, found: Found | None, now_ns: int) -> LinesSeen | None:
        """What is to be said now, if anything. `found` is None where nobody tells."""
        trunks = {
            key: _trunk(endpoint_of(t.dial.replace("{number}", "0")), found) for key, t in plan.trunks.items()
        }
        lines: dict[tuple[str, str], LineState] = {}
        for owner, line in plan.lines():
            if line.trunk is None:
                lines[owner, line.number] = _line(endpoint_of(line.dial), found)
            else:
                trunk = trunks[line.trunk]
                lines[owner, line.number] = "unreachable" if trunk == "unregistered" else trunk
        whole = self._whole_ns is None or now_ns - self._whole_ns >= AGAIN
        settled = {key: self._settled(key, self.lines.get(key), seen, now_ns) for key, seen in lines.items()}
        of_trunks = {
            key: self._settled((key,), self.trunks.get(key), trunk, now_ns) for key, trunk in trunks.items()
        }
        told = LinesSeen(
            tuple(
                LineSeen(*key, state)
                for key, state in settled.items()
                if whole or state != self.lines.get(key)
            ),
            tuple(
                TrunkSeen(key, is_now)
                for key, is_now in of_trunks.items()
                if whole or is_now != self.trunks.get(key)
            ),
            whole,
        )
        self.lines, self.trunks = settled, of_trunks
        self._since = {key: self._since[key] for key in (*settled, *((key,) for key in of_trunks))}
        if whole:
            self._whole_ns = now_ns
        return told if told.lines or told.trunks else None

    def _settled(self, key: tuple[str, ...], said: T | None, seen: T, now_ns: int) -> T:
        """What holds: what was said, until what is seen has lasted."""
        state, since = self._since.get(key, ("", now_ns))
        if state != seen:
            since = now_ns
        self._since[key] = (seen, since)
        return seen if said is None or now_ns - since >= LASTS[seen] else said


def _line(endpoint: Key, found: Found | None) -> LineState:
    if found is None:
        return "unknown"
    return _DEVICES.get(found.devices.get(endpoint, ""), "unknown")


def _trunk(endpoint: Key, found: Found | None) -> TrunkState:
    """A trunk carries many calls: that one goes on does not make it busy."""
    state = _line(endpoint, found)
    if state in ("ready", "busy"):
        registered = found.registered.get(endpoint[1], True) if found else True
        return "ready" if registered else "unregistered"
    return "unreachable" if state == "unreachable" else "unknown"
