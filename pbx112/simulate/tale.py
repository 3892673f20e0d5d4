"""What is told of a world as it goes on, and what was covered in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pbx112.model.state import SECOND

from .clock import Clock


class Tale:
    """`told` gets the story line by line; None: nobody listens."""

    def __init__(self, clock: Clock, told: Callable[[str], None] | None) -> None:
        self._clock = clock
        self._told = told
        self.seen: Counter[str] = Counter()

    @property
    def heard(self) -> bool:
        """Whether somebody listens: only then is it worth while to put a line together."""
        return self._told is not None

    def say(self, what: str) -> None:
        """A line of the story."""
        if self._told is not None:
            self._told(f"{(self._clock.now_ns / SECOND) - 3600:9.3f}  {what}")
