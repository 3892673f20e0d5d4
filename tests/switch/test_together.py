"""An answered caller is never without somebody: the answer and the join leave together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from pbx112.model import asks, stimuli
from pbx112.model.events import CallEvent, Instant
from pbx112.model.state import Call
from pbx112.model.stimuli import World
from pbx112.plan.types import Plan
from pbx112.switch.live import Alarm, LiveCall, now, together
from tests.model.desk import agency, extension, plan

CALLER, PHONE = "c1", "c1-leg1"


class Frozen:
    """Surroundings in which no request is ever answered: as if the daemon hung after its first send."""

    connected = True

    def __init__(self) -> None:
        self.plan: Plan = plan(agency("damkar", extension("2101")))
        self.sent: list[asks.Request] = []
        self._tasks: list[asyncio.Task[None]] = []

    def world(self, call: Call | None) -> World:
        return World(now())

    def record(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> asyncio.Future[None]:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    async def ask(self, request: asks.Request) -> stimuli.Stimulus | None:
        self.sent.append(request)
        if isinstance(request, asks.Answer | asks.Join):
            await asyncio.Event().wait()
        return None

    def moved(self, before: Call | None, after: Call) -> None:
        pass

    def over(self, live: LiveCall) -> None:
        pass

    def start(self, work: Coroutine[Any, Any, None], name: str) -> object:
        self._tasks.append(asyncio.create_task(work, name=name))
        return self._tasks[-1]

    def at(self, moment: int, act: Callable[[], None]) -> Alarm:
        return asyncio.get_running_loop().call_later(3600, act)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_an_answer_without_an_answer_does_not_hold_up_the_join() -> None:
    around = Frozen()
    live = LiveCall(around, CALLER, None)
    live.tell(stimuli.Arrived(CALLER, "0812", None, False, "112", "PJSIP/intake"))
    live.tell(stimuli.Rang(1))
    await asyncio.sleep(0)
    live.tell(stimuli.PickedUp(1))
    async with asyncio.timeout(5):
        while {asks.Answer, asks.Join} - set(map(type, around.sent)):
            await asyncio.sleep(0)
    kinds = [type(request) for request in around.sent]
    assert kinds.index(asks.MakeBridge) < kinds.index(asks.Join)
    assert live.busy
    live.silence()
    await around.stop()


def test_what_follows_the_join_waits_for_it() -> None:
    answer, hush = asks.Answer(CALLER), asks.StopPlay("c1-leg1-accept")
    join, record = asks.Join(1, "c1-bridge", (CALLER, PHONE)), asks.Record("c1-bridge", "112-c1")
    assert together([answer, hush, join, record]) == [(answer, hush, join), (record,)]
    assert together([hush, join, record]) == [(hush,), (join,), (record,)]
