"""Log lines at a bounded rate, for faults that an outside party can repeat at will."""

from __future__ import annotations

import time
from typing import Any

import structlog


class Sparingly:
    """Passes on at most `burst` lines of each action in `window` seconds; the next one says how many were not."""

    def __init__(self, log: structlog.stdlib.BoundLogger, burst: int = 5, window: float = 30.0) -> None:
        self._log = log
        self._burst = burst
        self._window = window
        self._begun: dict[str, float] = {}
        self._seen: dict[str, int] = {}

    def warning(self, action: str, **fields: Any) -> None:
        """Log a warning, or only count it."""
        now = time.monotonic()
        if now - self._begun.get(action, -self._window) >= self._window:
            unsaid = self._seen.get(action, 0) - self._burst
            if unsaid > 0:
                fields["unsaid_before"] = unsaid
            self._begun[action], self._seen[action] = now, 0
        self._seen[action] = self._seen.get(action, 0) + 1
        if self._seen[action] <= self._burst:
            self._log.warning(action, **fields)
