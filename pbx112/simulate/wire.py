"""The way between the daemon and Asterisk: who believes that it stands, and what goes wrong on it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pbx112.ari import AriError, NotSent, OutcomeUnknown, ServerError
from pbx112.ari import events as rest
from pbx112.model.state import SECOND

from .ari import SURVEYS, Fate
from .clock import Clock
from .daemon import Daemon
from .faults import Faults
from .tale import Tale
from .watch import call_of

HEALED = 80.0
"""Seconds after which a lost or late event, or a failed request, has no effect any more: two sweeps, and the
longest prompt that nobody told us the end of."""


class Wire:
    """Carries events one way and requests the other. `situation` names the one in which a call is."""

    def __init__(
        self, clock: Clock, chance: Random, faults: Faults, tale: Tale, situation: Callable[[str], str]
    ) -> None:
        self.faults = faults
        self.daemon: Daemon | None = None
        """Who is at the near end, dead or alive."""
        self.up = False
        """The daemon believes itself connected."""
        self.registered = False
        """Asterisk believes so."""
        self.stalled = False
        self._noticed_ns = 0
        """When a silent connection is given up."""
        self.agreed = False
        """What both believe has been compared since."""
        self.epoch = 0
        self.connections = 0
        self.blind_ns = 0
        """When Asterisk last did not say what it has."""
        self._clock = clock
        self._chance = chance
        self._tale = tale
        self._situation = situation
        self._event_ns = 0
        self._calm_ns = 0
        self._disturbed: dict[str, int] = {}

    # --- its life ---

    @property
    def serves(self) -> bool:
        """Whether a daemon lives."""
        return self.daemon is not None and self.daemon.alive

    def connect(self) -> int:
        """A new connection; its number."""
        self.epoch += 1
        self.connections += 1
        self.up = self.registered = True
        self.stalled = False
        self._event_ns = self._calm_ns = self._clock.now_ns
        self._tale.say("connected")
        return self.epoch

    def agree(self) -> None:
        """The daemon has compared what it believes with what Asterisk has."""
        self.agreed, self._calm_ns = True, self._clock.now_ns

    def stall(self, seconds: float) -> None:
        """The connection is silent, and given up after so long."""
        self.stalled, epoch = True, self.epoch
        self._noticed_ns = self._clock.now_ns + int(seconds * SECOND)
        self._clock.at(self._noticed_ns, lambda: self.disconnect() if epoch == self.epoch else None)

    def disconnect(self) -> None:
        """The connection is gone, and both know."""
        self._tale.say("the connection is lost")
        self.up = self.registered = self.stalled = self.agreed = False
        self.epoch += 1
        self._calm_ns = self._clock.now_ns

    def struck(self) -> None:
        """Something went wrong for all calls."""
        self._calm_ns = self._clock.now_ns

    # --- events ---

    def tell(self, event: rest.Event, about: str) -> None:
        """An event on its way to the daemon; `about` is the channel that it concerns."""
        if not self.registered:
            return
        chance, faults = self._chance, self.faults
        if self.stalled or (faults.lost and chance.random() < faults.lost):
            self.disturb(about, "lost", event)
            return
        arrives = max(self._event_ns, self._clock.now_ns + int(chance.uniform(0.0005, 0.004) * SECOND))
        if faults.late and chance.random() < faults.late:
            self.disturb(about, "late", event)
            arrives += int(chance.uniform(0.1, 2.0) * SECOND)
            self._calm_ns = max(self._calm_ns, arrives)  # and all that comes after it
        if faults.reordered and chance.random() < faults.reordered:
            self.disturb(about, "reordered", event)
            self._deliver(event, self._clock.now_ns + int(chance.uniform(0.0, 1.5) * SECOND))
        else:
            self._event_ns = arrives
            self._deliver(event, arrives)
        if faults.doubled and chance.random() < faults.doubled:
            self.disturb(about, "doubled", event)
            self._deliver(event, arrives + int(chance.uniform(0.0, 1.0) * SECOND))

    def _deliver(self, event: rest.Event, moment: int) -> None:
        epoch = self.epoch

        def deliver() -> None:
            if epoch == self.epoch and self.up and self.daemon is not None and self.daemon.alive:
                if self._tale.heard:
                    self._tale.say(f"  event {_short(event)}")
                self.daemon.on_event(event)

        self._clock.at(moment, deliver)

    # --- requests (Line) ---

    @property
    def connected(self) -> bool:
        """Whether the daemon believes so."""
        return self.up

    def fate(self, what: str, about: str) -> Fate:
        """How a request fares."""
        if not self.up:
            raise NotSent("", about, "not connected")
        chance, faults = self._chance, self.faults
        self._tale.say(f"  request {what} {about}")
        if self.stalled:
            waits = (
                self._noticed_ns - self._clock.now_ns
            ) / SECOND  # as the client: nobody waits beyond the connection
            return Fate(waits, instead=OutcomeUnknown("", about, "the connection was lost"))
        before = chance.uniform(0.0003, 0.003)
        after = 0.0
        call = call_of(about)
        if faults.slow and chance.random() < faults.slow:
            self.disturb(call, "slow", what)
            before += chance.uniform(0.0, 2.0)
            after = chance.uniform(0.0, 1.0)
        if faults.refused and chance.random() < faults.refused:
            self.disturb(call, "refused", what)
            return Fate(before, instead=ServerError("", about, "refused", 500))
        if faults.unanswered and chance.random() < faults.unanswered:
            self.disturb(call, "unanswered", what)
            unknown = OutcomeUnknown("", about, "no answer in time")
            return (
                Fate(before + 5.0, instead=unknown)
                if chance.random() < 0.5
                else Fate(before, 5.0, unheard=unknown)
            )
        return Fate(before, after)

    def came_through(self) -> AriError | None:
        """What is raised where the way broke while a request was on it."""
        if self.up and not self.stalled:
            return None
        return OutcomeUnknown("", "", "the connection broke")

    # --- what is wrong, and since when nothing is ---

    def disturb(self, call: str, fault: str, what: object) -> None:
        """Something concerning a call goes wrong: noted, with the situation in which it is."""
        name = what if isinstance(what, str) else type(what).__name__
        call = call_of(call)
        self._tale.say(f"  *** {fault}: {name} of {call}")
        self._disturbed[call] = self._clock.now_ns
        if name in SURVEYS:
            self.blind_ns = self._clock.now_ns
        self._tale.seen[f"{fault} {name}"] += 1
        self._tale.seen[f"{fault} in {self._situation(call)}"] += 1

    def disturbed(self, call: str) -> bool:
        """Whether something concerning this call ever went wrong."""
        return call in self._disturbed

    def calm_since(self, call: str) -> int | None:
        """Since when nothing is wrong for this call, None where something is."""
        if not self.agreed or self.stalled or not self.serves:
            return None
        healed = self._disturbed.get(call)
        since = self._calm_ns + int(1.0 * SECOND)
        return since if healed is None else max(since, healed + int(HEALED * SECOND))


def _short(event: rest.Event) -> str:
    about = (
        getattr(event, "channel", None)
        or getattr(event, "playback", None)
        or getattr(event, "recording", None)
    )
    return f"{type(event).__name__} {getattr(about, 'id', getattr(about, 'name', ''))}"
