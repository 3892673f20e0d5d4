"""The laws that need the whole world: who hears nothing, what belongs to nobody, what is overdue."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pbx112.model.state import SECOND, Call, Ended, InFallback, due

from .asterisk import Asterisk
from .clock import Clock
from .laws import SILENCE, Broken

TICK = 1.0
"""Seconds between two looks."""

FOUND = 12.0
"""Seconds in which two sweeps (every 4 s) have found and ended what belongs to nobody, where Asterisk answers them."""

SOUGHT = 1.0
"""Seconds after which somebody rings for who is called in, or the help is over."""

OVERDUE = 1.0
"""Seconds after which a moment due counts as not met."""


class Watch:
    """`calm_since` says from when on (monotonic nanoseconds) nothing has been wrong for a call, None where something
    is: only that time counts. `blind_at` says when a look of the daemon's last failed, having seen nothing: what a look
    has to find counts from then on."""

    def __init__(
        self,
        clock: Clock,
        asterisk: Asterisk,
        calm_since: Callable[[str], int | None],
        blind_at: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._asterisk = asterisk
        self._calm_since = calm_since
        self._blind_at = blind_at
        self._unheard: dict[str, int] = {}
        self._unowned: dict[str, int] = {}
        self._stray: dict[str, int] = {}
        self._unsought: dict[str, int] = {}

    def look(self, calls: Mapping[str, Call]) -> None:
        """Once every :data:`TICK`; `calls` are those that the daemon has. Raises :class:`Broken`."""
        for chan in self._asterisk.channels.values():
            call_id = call_of(chan.id)
            if chan.kind == "caller":
                silent = not self._asterisk.hears(chan)
                if self._too_long(self._unheard, call_id, chan.id, silent, SILENCE + TICK):
                    raise Broken("no_silence", call_id, "the caller hears nothing")
                stray = chan.in_app and chan.id not in calls
                if self._too_long(self._stray, call_id, chan.id, stray, FOUND, looked_for=True):
                    raise Broken("in_good_hands", call_id, "nobody has the caller")
            else:
                owner = calls.get(call_id)
                wanted = owner is not None and any(leg.channel == chan.id for leg in owner.live_legs())
                if self._too_long(self._unowned, call_id, chan.id, not wanted, FOUND, looked_for=True):
                    raise Broken("owned", call_id, f"{chan.id} belongs to no live call")
        for bridge in self._asterisk.bridges:
            call_id = call_of(bridge)
            if self._too_long(self._unowned, call_id, bridge, call_id not in calls, FOUND, looked_for=True):
                raise Broken("owned", call_id, f"{bridge} belongs to no live call")
        for call in calls.values():
            self._check_due(call)
            self._check_helps(call)

    def left_over_ns(self, what: str) -> int:
        """For how long a channel or bridge has been seen to belong to nobody."""
        return self._clock.now_ns - self._unowned.get(what, self._clock.now_ns)

    def _too_long(
        self,
        since: dict[str, int],
        call: str,
        what: str,
        wrong: bool,
        seconds: float,
        *,
        looked_for: bool = False,
    ) -> bool:
        """Whether something has been wrong with `what` for more than `seconds` without an excuse."""
        if not wrong:
            since.pop(what, None)
            return False
        begun = since.setdefault(what, self._clock.now_ns)
        if looked_for:
            begun = max(begun, self._blind_at())
        calm = self._calm_since(call)
        return calm is not None and self._clock.now_ns - max(begun, calm) > seconds * SECOND

    def _check_due(self, call: Call) -> None:
        moment, calm = due(call), self._calm_since("")
        if moment is None or calm is None or isinstance(call.situation, Ended):
            return
        if self._clock.now_ns - max(moment, calm) > OVERDUE * SECOND:
            late = (self._clock.now_ns - moment) / SECOND
            raise Broken("due_is_met", call.call_id, f"{late:.1f} s late")

    def _check_helps(self, call: Call) -> None:
        elsewhere = isinstance(call.situation, InFallback | Ended)
        for help_ in call.helps:
            forgotten = not elsewhere and help_.open and not call.tried_for(help_.number)
            what = f"{call.call_id}-help{help_.number}"
            if self._too_long(self._unsought, call.call_id, what, forgotten, SOUGHT + TICK):
                raise Broken(
                    "help_is_sought", call.call_id, f"nobody rings for {help_.owner}, who was called in"
                )


def call_of(channel: str) -> str:
    """The call that one of our channels, or a bridge, is named after."""
    return channel.removesuffix("-bridge").partition("-")[0]
