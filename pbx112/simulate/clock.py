"""Virtual time: what shall happen when, and work that waits in it."""

from __future__ import annotations

import heapq
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from pbx112.model.events import Instant
from pbx112.model.state import SECOND

Act = Callable[[], None]


class Alarm:
    """A moment that was asked for."""

    __slots__ = ("act",)

    def __init__(self, act: Act) -> None:
        self.act: Act | None = act

    def cancel(self) -> None:
        """It is wanted no more."""
        self.act = None


@types.coroutine
def sleep(seconds: float) -> Generator[float, None, None]:
    """Wait, within work that :meth:`Clock.start` set going."""
    yield seconds


class Clock:
    """Begins at `utc_us` (microseconds since the epoch), with the monotonic clock at an hour."""

    def __init__(self, utc_us: int) -> None:
        self.now_ns = 3600 * SECOND
        self._utc_base_ns = utc_us * 1000 - self.now_ns
        self._heap: list[tuple[int, int, Alarm]] = []
        self._count = 0
        self._to_begin: set[Coroutine[Any, Any, None]] = set()

    @property
    def now(self) -> Instant:
        """This moment on both clocks."""
        return Instant((self._utc_base_ns + self.now_ns) // 1000, self.now_ns)

    def monotonic_ns(self) -> int:
        """As `time.monotonic_ns`."""
        return self.now_ns

    def at(self, moment_ns: int, act: Act) -> Alarm:
        """Call `act` at `moment_ns`, or next where that has passed. What is asked for first comes first."""
        alarm = Alarm(act)
        self._count += 1
        heapq.heappush(self._heap, (max(moment_ns, self.now_ns), self._count, alarm))
        return alarm

    def after(self, seconds: float, act: Act) -> Alarm:
        """Call `act` in `seconds`."""
        return self.at(self.now_ns + int(seconds * SECOND), act)

    def start(self, work: Coroutine[Any, Any, None], alive: Callable[[], bool] = lambda: True) -> object:
        """Let `work` begin next, as a task does; where it wakes up and is not `alive` any more, it is closed."""
        self._to_begin.add(work)
        self.at(self.now_ns, lambda: self._go_on(work, alive))
        return work

    def stop(self) -> None:
        """Nothing more happens: work that has not begun never will."""
        while self._to_begin:
            self._to_begin.pop().close()

    def _go_on(self, work: Coroutine[Any, Any, None], alive: Callable[[], bool]) -> None:
        self._to_begin.discard(work)
        if not alive():
            work.close()
            return
        try:
            pause = work.send(None)
        except StopIteration:
            return
        self.after(pause, lambda: self._go_on(work, alive))

    def step(self) -> bool:
        """Let the next thing happen; False where there is none."""
        while self._heap:
            moment, _, alarm = heapq.heappop(self._heap)
            if alarm.act is not None:
                self.now_ns = moment
                alarm.act()
                return True
        return False
