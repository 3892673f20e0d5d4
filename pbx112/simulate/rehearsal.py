"""Recorded calls once more, under a plan: who would have been rung, and how long each caller would have waited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pbx112.ari import AriError
from pbx112.ari import events as rest
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.model import asks
from pbx112.model import events as ev
from pbx112.model.events import CallEvent, Instant
from pbx112.model.state import SECOND, Call
from pbx112.plan.types import Plan
from pbx112.switch.requests import Final

from .ari import Ari, Fate
from .asterisk import Asterisk, Chan
from .asterisk import World as AroundAsterisk
from .clock import Clock
from .daemon import Daemon, Written
from .people import People
from .recorded import Recorded

IN_FLIGHT = Fate(0.001)
"""How long a request takes: nothing goes wrong in a rehearsal."""


@dataclass(slots=True)
class Played:
    """What became of a call. `waited` until a human accepted, None where none did; `rung` are the lines' numbers."""

    call_id: str
    outcome: str = ""
    waited: float | None = None
    owner: str = ""
    line: str = ""
    rung: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether a human accepted."""
        return self.waited is not None


class _Now:
    def add_done_callback(self, act: Callable[[object], object], /) -> object:
        act(None)
        return None


class Rehearsal(AroundAsterisk):
    """`calls` (in the order of their arrival) under `plan`, with `people` who do as the record says."""

    def __init__(self, calls: Sequence[Recorded], plan: Plan, people: People) -> None:
        self.plan = plan
        self.people = people
        self.connections = 1
        self.connected = True
        self.clock = Clock(calls[0].arrived.utc_us if calls else 0)
        self._began_us = self.clock.now.utc_us
        self._calls = {call.call_id: call for call in calls}
        self._played: dict[str, Played] = {call: Played(call) for call in self._calls}
        self._began: dict[str, Instant] = {}
        self._rung: dict[str, list[ev.LegOffered]] = {}
        self._menus: dict[str, int] = {}
        self.asterisk = Asterisk(self)
        self._daemon = Daemon(self, Ari(self.asterisk, self), alone=True)

    def run(self, progress: Callable[[], None] = lambda: None) -> dict[str, Played]:
        """What becomes of each call; `progress` is called once for each."""
        for call in self._calls.values():
            after = (call.arrived.utc_us - self._began_us) / 1e6
            self.clock.after(after, lambda call=call: self._dial(call, progress))  # type: ignore[misc]
        while self.clock.step():
            pass
        return self._played

    def _dial(self, call: Recorded, progress: Callable[[], None]) -> None:
        progress()
        chan = self.asterisk.call_comes_in(call.call_id, call.number)
        self.clock.after(call.caller.patience, lambda: self._gives_up(chan))

    def _gives_up(self, chan: Chan) -> None:
        if not chan.joined:
            self.asterisk.caller_hangs_up(chan)

    # --- around Asterisk ---

    def listening(self) -> bool:
        """Always."""
        return True

    def tell(self, event: rest.Event, about: str) -> None:
        """An event reaches the daemon."""
        self.clock.after(0.001, lambda: self._daemon.on_event(event))

    def in_fallback(self, chan: Chan) -> None:
        """A call that the daemon cannot handle."""
        self.asterisk.dialplan_ends(chan)

    def joined(self, chan: Chan) -> None:
        """The caller talks as long as it did; what staff pressed does not change who is reached first."""
        if chan.kind == "caller":
            talks = self._calls[chan.id].caller.talks
            self.clock.after(talks, lambda: self.asterisk.caller_hangs_up(chan))

    def question_spoken(self, chan: Chan) -> None:
        """Nobody rehearses pranks."""

    def menu_spoken(self, chan: Chan) -> None:
        """The caller chooses the incident that it chose, whichever key that has now; where it heard no menu, or this
        one has no such incident, nothing."""
        call = self._calls[chan.id]
        keys = call.caller.keys
        turn = self._menus.get(chan.id, 0)
        self._menus[chan.id] = turn + 1
        if (key := keys[min(turn, len(keys) - 1)]) is None:
            return
        incident = self.plan.incidents.get(call.chosen.get(key[1], ""))
        if incident is not None and (digit := incident.menu) is not None:
            self.clock.after(key[0], lambda: self.asterisk.presses(chan, digit))

    def picked_up(self, chan: Chan) -> None:
        """Nothing to note."""

    def gone(self, chan: Chan, by_us: bool) -> None:
        """Nothing to note."""

    # --- the way to Asterisk ---

    def fate(self, what: str, about: str) -> Fate:
        """Every request arrives."""
        return IN_FLIGHT

    def came_through(self) -> AriError | None:
        """Nothing breaks."""
        return None

    # --- what the daemon keeps ---

    def journal(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> Written:
        """Note what is asked for at the end."""
        played = self._played[call_id]
        for event in events:
            match event:
                case ev.CallArrived():
                    self._began[call_id] = at
                case ev.LegOffered():
                    self._rung.setdefault(call_id, []).append(event)
                case ev.LegAccepted(leg=leg) if played.waited is None:
                    target = self._rung[call_id][leg - 1].target
                    played.owner, played.line = target.owner, target.number
                    played.waited = (at.mono_ns - self._began[call_id].mono_ns) / SECOND
                case ev.CallEnded(outcome=outcome):
                    played.outcome = outcome.value
                    played.rung = tuple(offer.target.number for offer in self._rung.pop(call_id, ()))
                case _:
                    pass
        return _Now()

    def history(self, call_id: str) -> list[tuple[Instant, CallEvent]]:
        """Nothing is kept."""
        return []

    def open_calls(self) -> list[str]:
        """None."""
        return []

    def placed(self) -> Iterable[tuple[str, int]]:
        """Nothing yet."""
        return ()

    def fallback_records(self) -> Iterable[FallbackCall]:
        """None."""
        return ()

    def take_over(self, call: FallbackCall, history: Sequence[tuple[Instant, CallEvent]]) -> None:
        """Never asked."""

    def moved(self, call: Call) -> None:
        """Nothing to note."""

    def asked(self, call_id: str, request: asks.Request) -> None:
        """Nothing to note."""

    def cleared(self, request: Final) -> None:
        """Nothing to note."""
