"""Keys put together into codes: what an operator presses during a talk comes one by one."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from pbx112.model.codes import codes
from pbx112.model.state import SECOND
from pbx112.plan.types import Plan

PATIENCE = 5.0
"""Seconds between two keys after which what was pressed before is forgotten."""

FIRST = "*#"
"""By what a code begins: any other key on its own is none."""

REMEMBERED = 1_000
"""Phones with the beginning of a code; the oldest is forgotten first."""


class Keypads:
    """What was pressed on each channel and is no code yet. Nothing of it is journalled: after a restart a code is
    pressed again."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._pressed: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def press(self, channel: str, digit: str, plan: Plan) -> str:
        """One more key. The keys together where they are a code, or can become none any more; else empty."""
        before, at = self._pressed.pop(channel, ("", 0))
        now = self._clock()
        if now - at > PATIENCE * SECOND:
            before = ""
        keys = before + digit
        if not before and digit not in FIRST:
            return ""
        known = codes(plan)
        if keys in known or not any(code.startswith(keys) for code in known):
            return keys
        self._pressed[channel] = (keys, now)
        if len(self._pressed) > REMEMBERED:
            self._pressed.popitem(last=False)
        return ""
