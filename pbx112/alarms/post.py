"""Delivers messages: each destination for itself, tried until it has arrived or is of no use any more.

Each message is tried again by its own clock: one that a destination refuses for good holds up none that follows.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import structlog

from .deliver import Order, Outcome
from .destinations import Destination, DestinationsError, read
from .texts import Message

log = structlog.get_logger()

COMMAND = (sys.executable, "-m", "pbx112.alarms.deliver")
WAITING = 20
"""Messages that one destination may have waiting; then the oldest goes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: in which a server has to take a message, between two tries, and after which a message is given up."""

    within: float = 45.0
    again: tuple[float, ...] = (10.0, 30.0, 60.0, 300.0)
    give_up: float = 6 * 3600


PATIENCE = Patience()


async def hand_over(to: Destination, message: Message | None, within: float = PATIENCE.within) -> Outcome:
    """Send it once; None: only see whether the address can be used. A process that takes longer is ended."""
    order = Order(to.url)
    if message is not None and to.short:
        order = Order(to.url, "", message.short, message.kind)
    elif message is not None:
        order = Order(to.url, message.title, message.body, message.kind)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PBX112_")}
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=pipe, stdout=pipe, stderr=nowhere, env=kept
        )
    except OSError as error:
        return Outcome(False, f"no process can be started: {error.strerror}")
    try:
        async with asyncio.timeout(within):
            said, _ = await process.communicate(msgspec.json.encode(order))
        return msgspec.json.decode(said, type=Outcome)
    except TimeoutError:
        return Outcome(False, f"no answer within {within:g} s")
    except msgspec.DecodeError:
        return Outcome(False, f"the delivery ended with exit code {process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Post:
    """Hands each message to every destination that stands in `file` at that moment."""

    def __init__(
        self,
        file: Path,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        patience: Patience = PATIENCE,
    ) -> None:
        self._file = file
        self._spawn = spawn
        self._patience = patience
        self._couriers: dict[str, tuple[_Courier, asyncio.Task[None]]] = {}
        self._owed: dict[int, float] = {}
        """By their numbers the messages that nobody has yet, and when they were sent (monotonic)."""
        self._sent = 0

    @property
    def owes(self) -> bool:
        """Whether a message that is still tried has reached nobody yet."""
        since = time.monotonic() - self._patience.give_up
        self._owed = {number: sent for number, sent in self._owed.items() if sent > since}
        return bool(self._owed)

    def send(self, message: Message) -> None:
        """To all of them; waits for none."""
        try:
            destinations = read(self._file)
        except DestinationsError as error:
            log.error(
                "an alarm reaches nobody", action="alarm_undelivered", title=message.title, error=str(error)
            )
            return
        for mistake in destinations.mistakes:
            log.error(mistake, action="alarm_destinations")
        there = {to.url: to for to in destinations.all}
        if not there:
            log.error(
                f"{self._file}: names nobody who could be told",
                action="alarm_undelivered",
                title=message.title,
            )
        for url in [url for url in self._couriers if url not in there]:
            self._couriers.pop(url)[1].cancel()
        letter = _Letter(message, self._sent, time.monotonic())
        self._sent += 1
        if there:
            self._owed[letter.number] = letter.sent
        for url, to in there.items():
            if url not in self._couriers:
                courier = _Courier(to, self._patience, self._reached)
                self._couriers[url] = courier, self._spawn(courier.run())
            self._couriers[url][0].take(to, replace(letter))

    def _reached(self, number: int) -> None:
        self._owed.pop(number, None)


@dataclass(slots=True)
class _Letter:
    """A message on its way to one destination. Moments are monotonic seconds."""

    message: Message
    number: int
    sent: float
    due: float = 0.0
    """When it is tried next."""
    tries: int = 0


class _Courier:
    """Of one destination. What arrives there says that it works: then all that waits is tried at once, the oldest
    first."""

    def __init__(self, to: Destination, patience: Patience, reached: Callable[[int], None]) -> None:
        self._to = to
        self._patience = patience
        self._reached = reached
        self._waiting: list[_Letter] = []
        self._came = asyncio.Event()

    def take(self, to: Destination, letter: _Letter) -> None:
        self._to = to
        self._keep(letter)
        self._came.set()

    async def run(self) -> None:
        while True:
            self._came.clear()
            letter = min(self._waiting, key=lambda each: each.due, default=None)
            pause = letter.due - time.monotonic() if letter is not None else None
            if letter is None or (pause is not None and pause > 0):
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._came.wait()
                continue
            self._waiting.remove(letter)
            await self._bring(letter)

    async def _bring(self, letter: _Letter) -> None:
        outcome = await hand_over(self._to, letter.message, self._patience.within)
        letter.tries += 1
        if outcome.delivered:
            log.info("an alarm was delivered", action="alarm_delivered", to=str(self._to), tries=letter.tries)
            self._reached(letter.number)
            for other in self._waiting:
                other.due = 0.0
            return
        pause = self._patience.again[min(letter.tries, len(self._patience.again)) - 1]
        letter.due = time.monotonic() + pause
        if letter.due - letter.sent > self._patience.give_up:
            self._lost(letter.message, outcome.why)
            return
        if letter.tries == 1:
            log.error(
                "an alarm could not be delivered; it is tried again",
                action="alarm_undelivered",
                to=str(self._to),
                error=outcome.why,
            )
        self._keep(letter)

    def _keep(self, letter: _Letter) -> None:
        """In the order of their sending; where too many wait, the oldest goes."""
        self._waiting.append(letter)
        self._waiting.sort(key=lambda each: each.number)
        if len(self._waiting) > WAITING:
            self._lost(self._waiting.pop(0).message, "too many wait for it")

    def _lost(self, message: Message, why: str) -> None:
        log.error(
            "an alarm was not delivered, and is not tried again",
            action="alarm_lost",
            to=str(self._to),
            title=message.title,
            error=why,
        )
