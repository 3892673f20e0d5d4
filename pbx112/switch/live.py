"""One live call: its stimuli in, one at a time; events journalled; then, and only then, its requests out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from pbx112.ari import AriClient
from pbx112.model import react, stimuli
from pbx112.model.decide import arrive, decide
from pbx112.model.events import CallEvent, Instant
from pbx112.model.state import SECOND, Call, Ended, begin, due, evolve
from pbx112.model.stimuli import Stimulus, World
from pbx112.plan.types import Plan

from .requests import perform

log = structlog.get_logger()

MAILBOX_LIMIT = 1000
"""Stimuli one call may have waiting; a phone that sends more keys than this is not listened to."""

URGENT = (react.Answer, react.Originate)
"""What the caller waits for goes out before the rest of its batch."""


def now() -> Instant:
    """This moment on both clocks."""
    return Instant(time.time_ns() // 1000, time.monotonic_ns())


class Surroundings(Protocol):
    """What a live call needs of the switch."""

    ari: AriClient

    @property
    def plan(self) -> Plan:
        """The plan that decides now."""

    def world(self, call: Call | None) -> World:
        """The moment, and how loaded the trunks are by others than `call`."""

    def record(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> asyncio.Future[None]:
        """Journal the events; done when they may be acted on."""

    def moved(self, before: Call | None, after: Call) -> None:
        """The call's state changed (channels to watch for, load of the trunks)."""


class LiveCall:
    """The owner of one call from its arrival (or recovery) until its last request has been answered."""

    def __init__(self, surroundings: Surroundings, call_id: str, call: Call | None) -> None:
        self.call_id = call_id
        self.call = call
        self._around = surroundings
        self._mailbox: asyncio.Queue[Stimulus] = asyncio.Queue(MAILBOX_LIMIT)
        self._outbox: deque[react.Request] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._lost = False

    @property
    def over(self) -> bool:
        """Whether nothing more will be decided for this call."""
        return self._lost or (self.call is not None and isinstance(self.call.situation, Ended))

    @property
    def busy(self) -> bool:
        """Whether something is still to be decided or to be asked of Asterisk."""
        return not self._mailbox.empty() or self._sender is not None or bool(self._outbox)

    def tell(self, stimulus: Stimulus) -> None:
        """Put a stimulus before the call; never blocks."""
        try:
            self._mailbox.put_nowait(stimulus)
        except asyncio.QueueFull:
            log.error(
                "call does not keep up; stimulus dropped", call_id=self.call_id, stimulus=repr(stimulus)
            )

    def adopt(self, history: Sequence[tuple[Instant, CallEvent]]) -> None:
        """Take note of what the fallback dialplan did with this call (its journalling is the teller's)."""
        for at, event in history:
            if self.call is not None:
                self.call = evolve(self.call, event, at)
        self.tell(stimuli.TimePassed())

    async def run(self) -> None:
        """Live until the call has ended and all it asked of Asterisk is answered."""
        try:
            while not self.over:
                stimulus = await self._mailbox.get()
                try:
                    await self._take(stimulus)
                except Exception:
                    log.exception("a call failed inside the daemon", call_id=self.call_id)
                    await self._give_up()
            if self._sender is not None:
                await self._sender
        finally:
            self._silence_alarm()
            if self._sender is not None:
                self._sender.cancel()

    async def _take(self, stimulus: Stimulus) -> None:
        plan, world = self._around.plan, self._around.world(self.call)
        if self.call is not None:
            events = decide(self.call, stimulus, plan, world)
        elif isinstance(stimulus, stimuli.Arrived):
            events = arrive(self.call_id, stimulus, plan, world)
        else:
            return
        if events:
            await self._happened(events, world.now)
        self._set_alarm()

    async def _happened(self, events: Sequence[CallEvent], at: Instant) -> None:
        """Journal, then act."""
        before, requests = self.call, list[react.Request]()
        call = before
        for event in events:
            after = begin(self.call_id, event, at) if call is None else evolve(call, event, at)
            if after is None:
                raise ValueError(f"a call cannot begin with {event}")
            requests += react.react(call or after, event)
            call = after
        written = self._around.record(self.call_id, events, at)
        if call is not None:
            self.call = call
            self._around.moved(before, call)
        await written
        self._send(requests)

    def _send(self, requests: list[react.Request]) -> None:
        requests.sort(key=lambda request: not isinstance(request, URGENT))
        self._outbox.extend(requests)
        if self._outbox and self._sender is None:
            self._sender = asyncio.create_task(self._drain(), name=f"requests of {self.call_id}")

    async def _drain(self) -> None:
        """One request after the other, in the order in which they were decided."""
        try:
            while self._outbox:
                answer = await perform(self._around.ari, self._outbox.popleft())
                if answer is not None:
                    self.tell(answer)
        except Exception as error:
            log.exception("requests of a call failed inside the daemon", call_id=self.call_id)
            self.tell(stimuli.GivenUp(f"internal error: {type(error).__name__}"))
        finally:
            self._sender = None

    async def _give_up(self) -> None:
        """Our own fault must not cost the caller: the fallback dialplan takes over."""
        try:
            if self.call is not None:
                await self._take(stimuli.GivenUp("internal error"))
                return
        except Exception:
            log.exception("even giving up failed", call_id=self.call_id)
        self._lost = True
        await perform(self._around.ari, react.ToFallback(self.call_id))

    def _set_alarm(self) -> None:
        self._silence_alarm()
        moment = due(self.call) if self.call is not None else None
        if moment is not None:
            delay = max(0.0, (moment - time.monotonic_ns()) / SECOND)
            self._alarm = asyncio.get_running_loop().call_later(delay, self.tell, stimuli.TimePassed())

    def _silence_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
