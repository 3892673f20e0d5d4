"""One live call: a stimulus in, events journalled; then, and only then, its requests out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from pbx112.model import asks, react, stimuli
from pbx112.model.decide import arrive, decide
from pbx112.model.events import CallEvent, Instant
from pbx112.model.state import Call, Ended, begin, due, evolve
from pbx112.model.stimuli import Stimulus, World
from pbx112.plan.types import Plan

log = structlog.get_logger()

AGAIN_NS = 1_000_000_000
"""Nanoseconds after which a deadline that passed in vain is looked at again."""

SETTLING = 0.01
"""Seconds between two looks whether a call has settled (at an orderly stop only)."""


def now() -> Instant:
    """This moment on both clocks."""
    return Instant(time.time_ns() // 1000, time.monotonic_ns())


class Alarm(Protocol):
    """A moment that was asked for."""

    def cancel(self) -> None:
        """It is wanted no more."""


class Surroundings(Protocol):
    """What a live call needs of the switch."""

    @property
    def connected(self) -> bool:
        """Whether Asterisk can be asked for anything now, and the calls know what it has."""

    @property
    def plan(self) -> Plan:
        """The plan that decides now."""

    def world(self, call: Call | None) -> World:
        """The moment, and how loaded the trunks are by others than `call`."""

    def record(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> asyncio.Future[None]:
        """Journal the events; done when they may be acted on."""

    async def ask(self, request: asks.Request) -> Stimulus | None:
        """Carry the request out; what the call has to know of its failure."""

    def moved(self, before: Call | None, after: Call) -> None:
        """The call's state changed (channels to watch for, load of the trunks)."""

    def over(self, live: LiveCall) -> None:
        """The call has ended and everything it asked of Asterisk is answered."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Let `work` go on beside everything else; keep what comes back until it is done."""

    def at(self, moment: int, act: Callable[[], None]) -> Alarm:
        """Call `act` when the monotonic clock has reached `moment` (nanoseconds)."""


def urgent_first(requests: Sequence[asks.Request]) -> list[asks.Request]:
    """What the caller waits for goes out before the rest of its batch: the answer, then the lines. A line that
    stops ringing stops before any line is rung, since it may be the same one."""
    rings = any(isinstance(request, asks.Originate) for request in requests)

    def rank(request: asks.Request) -> int:
        match request:
            case asks.Answer():
                return 0
            case asks.Hangup() if rings:
                return 1
            case asks.Originate():
                return 2
            case _:
                return 3

    return sorted(requests, key=rank)


def together(requests: Sequence[asks.Request]) -> list[tuple[asks.Request, ...]]:
    """The requests in their order; what answers the caller leaves in the same moment as what brings somebody to it.
    Whatever happens to us then, nobody is left with an answered call and nothing to hear."""
    joins = [place for place, request in enumerate(requests) if isinstance(request, asks.Join)]
    if not joins or not isinstance(requests[0], asks.Answer):
        return [(request,) for request in requests]
    first = joins[0] + 1
    return [tuple(requests[:first]), *((request,) for request in requests[first:])]


class LiveCall:
    """The owner of one call from its arrival (or recovery) until its last request has been answered.

    Decisions take no time and wait for nothing: each stimulus is decided when it comes, on the state that the
    one before left. Journalling and requests follow in the same order.
    """

    def __init__(self, surroundings: Surroundings, call_id: str, call: Call | None) -> None:
        self.call_id = call_id
        self.call = call
        self._around = surroundings
        self._unwritten = 0
        self._outbox: deque[tuple[asks.Request, ...]] = deque()
        self._sender: object | None = None
        self._beside: dict[asks.Request, object] = {}
        self._alarm: Alarm | None = None
        self._alarm_for: int | None = None
        self._lost = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will be decided for this call."""
        return self._lost or (self.call is not None and isinstance(self.call.situation, Ended))

    @property
    def busy(self) -> bool:
        """Whether something is still to be written or to be asked of Asterisk."""
        return self._unwritten > 0 or bool(self._outbox or self._beside) or self._sender is not None

    async def settled(self) -> None:
        """Wait until everything decided so far is written and answered."""
        while self.busy:  # noqa: ASYNC110 (once in a daemon's life)
            await asyncio.sleep(SETTLING)

    def tell(self, stimulus: Stimulus) -> None:
        """Decide what follows from `stimulus` and set it going. Never blocks, never raises."""
        if self.ended:
            return
        try:
            self._take(stimulus)
        except Exception:
            log.exception("a call failed inside the daemon", action="fault", call_id=self.call_id)
            self._give_up()
        self._set_alarm()

    def adopt(self, history: Sequence[tuple[Instant, CallEvent]]) -> None:
        """Take note of what the fallback dialplan did with this call (its journalling is the teller's)."""
        for at, event in history:
            if self.call is not None:
                self.call = evolve(self.call, event, at)
        self._set_alarm()
        self._finish()

    def _take(self, stimulus: Stimulus) -> None:
        plan, world = self._around.plan, self._around.world(self.call)
        if self.call is not None:
            events = decide(self.call, stimulus, plan, world)
        elif isinstance(stimulus, stimuli.Arrived):
            events = arrive(self.call_id, stimulus, plan, world)
        else:
            return
        if events:
            self._happened(events, world.now)

    def _happened(self, events: Sequence[CallEvent], at: Instant) -> None:
        """Journal, then act."""
        call, requests = self.call, list[asks.Request]()
        for event in events:
            after = begin(self.call_id, event, at) if call is None else evolve(call, event, at)
            if after is None:
                raise ValueError(f"a call cannot begin with {event}")
            requests += react.react(call or after, event)
            call = after
        written = self._around.record(self.call_id, events, at)
        before, self.call = self.call, call
        if call is not None:
            self._around.moved(before, call)
        self._unwritten += 1
        written.add_done_callback(lambda _: self._written(urgent_first(requests)))

    def _written(self, requests: Sequence[asks.Request]) -> None:
        self._unwritten -= 1
        self._send(requests)
        self._finish()

    def _send(self, requests: Sequence[asks.Request]) -> None:
        self._outbox.extend(together(requests))
        if self._outbox and self._sender is None:
            self._sender = self._around.start(self._drain(), f"requests of {self.call_id}")

    async def _drain(self) -> None:
        """One after the other, in the order in which they were decided."""
        try:
            while self._outbox:
                *beside, last = self._outbox.popleft()
                for request in beside:
                    self._start_beside(request)
                await self._ask(last)
        finally:
            self._sender = None
            self._finish()

    def _start_beside(self, request: asks.Request) -> None:
        async def ask() -> None:
            try:
                await self._ask(request)
            finally:
                self._beside.pop(request, None)
                self._finish()

        self._beside[request] = None  # where it is done before it is kept
        task = self._around.start(ask(), f"{type(request).__name__} of {self.call_id}")
        if request in self._beside:
            self._beside[request] = task

    async def _ask(self, request: asks.Request) -> None:
        try:
            answer = await self._around.ask(request)
        except Exception:
            log.exception(
                "a request failed inside the daemon",
                action="fault",
                call_id=self.call_id,
                request=repr(request),
            )
            self._give_up()
        else:
            if answer is not None:
                self.tell(answer)

    def _give_up(self) -> None:
        """Our own fault must not cost the caller: the fallback dialplan takes over."""
        try:
            if self.call is not None and not self.ended:
                self._take(stimuli.GivenUp("internal error"))
                return
        except Exception:
            log.exception("even giving up failed", action="fault", call_id=self.call_id)
        self._lost = True
        self._send([asks.ToFallback(self.call_id)])

    def _finish(self) -> None:
        if self.ended and not self.busy:
            self.silence()
            self._around.over(self)

    def _set_alarm(self) -> None:
        """One timer, at the moment at which the call wants to hear that time has passed."""
        moment = due(self.call) if self.call is not None and not self._lost else None
        if self._alarm is not None and moment == self._alarm_for:
            return
        self.silence()
        self._alarm_for = moment
        if moment is not None:
            self._alarm = self._around.at(moment, self._time_passes)

    def heed_the_clock(self) -> None:
        """Limits strike again, also those whose moment has passed while none did."""
        self._set_alarm()

    def _time_passes(self) -> None:
        """While Asterisk cannot be asked for anything, time is not held against any line: no limit strikes
        until the reconciliation after the reconnect."""
        self._alarm = None
        if not self._around.connected:
            return
        before, began = self.call, self._around.world(self.call).now.mono_ns
        self.tell(stimuli.TimePassed())
        if self.call is before:
            self._look_again_later(began)

    def _look_again_later(self, now: int) -> None:
        """A deadline that had passed at `now` and of which nothing came is a fault of ours: it must not cost all calls
        the loop. (A timer may be a little early: then its deadline is met next.)"""
        moment = self._alarm_for
        if moment is None or moment > now:
            return
        situation = type(self.call.situation).__name__ if self.call is not None else ""
        log.error("a deadline passed in vain", call_id=self.call_id, situation=situation)
        self.silence()
        self._alarm = self._around.at(now + AGAIN_NS, self._time_passes)

    def silence(self) -> None:
        """No moment strikes any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
