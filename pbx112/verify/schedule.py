"""Verification by itself: once in each of the plan's windows, at a moment that nobody can foresee."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from pbx112.plan.types import Duty, Plan
from pbx112.switch.switch import Switch

from .orders import OrderServer
from .wire import Order

log = structlog.get_logger()

LOOK_EVERY = 20.0
"""Seconds."""


def window_at(when: Duty, moment: datetime) -> tuple[datetime, datetime] | None:
    """Begin and end of the window that `moment` (in the service's time zone) lies in; None outside."""
    for day in (moment, moment - timedelta(days=1)):
        begin = day.replace(hour=when.start.hour, minute=when.start.minute, second=0, microsecond=0)
        end = begin.replace(hour=when.end.hour, minute=when.end.minute)
        if end <= begin:
            end += timedelta(days=1)
        if begin.isoweekday() in when.days and begin <= moment < end:
            return begin, end
    return None


class Schedule:
    """Orders a run in each window of `verify` in the plan."""

    def __init__(
        self,
        switch: Switch,
        orders: OrderServer,
        clock: Callable[[Plan], datetime] = lambda plan: datetime.now(plan.service.timezone),
    ) -> None:
        self._switch = switch
        self._orders = orders
        self._clock = clock
        self._window: datetime | None = None
        self._at: datetime | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await self._switch.calls.desk_known.wait()
        while True:
            if self.due():
                await self._carry_out()
            await asyncio.sleep(LOOK_EVERY)

    def due(self) -> bool:
        """Whether the moment of this window has come, and it has not had its run."""
        plan = self._switch.plan
        if plan.verify is None:
            return False
        moment = self._clock(plan)
        window = window_at(plan.verify.when, moment)
        if window is None:
            return False
        begin, end = window
        if self._switch.ledger.verified.scheduled_us >= begin.timestamp() * 1e6:
            return False
        if self._window != begin:
            self._window = begin
            room = max(
                timedelta(), end - moment - timedelta(seconds=2 * LOOK_EVERY)
            )  # a look still comes in time
            self._at = moment + random.random() * room  # noqa: S311 (nobody gains by foreseeing it)
        return self._at is not None and moment >= self._at

    async def _carry_out(self) -> None:
        plan = self._switch.plan
        tries = plan.verify.tries if plan.verify else 1
        try:
            await self._orders.carry_out(Order(tries=tries, again_after=300.0, on_duty_only=True), "schedule")
        except ValueError as error:
            log.warning("the scheduled verification does not begin", action="verify", error=str(error))
