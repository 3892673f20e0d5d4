"""One run of a verification: which line is called next, when one is tried again, and when it is left."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import structlog

from pbx112.model import line_test
from pbx112.model.events import VerificationEnded, VerificationStarted
from pbx112.model.route import target_of
from pbx112.model.state import InFallback, Reaching
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Line, Plan
from pbx112.switch.line_tests import Test, not_tried
from pbx112.switch.live import now
from pbx112.switch.switch import Switch

from .wire import Order

log = structlog.get_logger()

LOOK_EVERY = 0.25
"""Seconds between two looks at which line may be called now."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line that is still to be called: for the `attempt`-th time, not before that moment (seconds, monotonic).

    `kept_since` is when its turn had come and something else than a test of ours kept it waiting.
    """

    owner: str
    line: Line
    attempt: int
    not_before: float
    kept_since: float | None = None


def lines_for(plan: Plan, order: Order) -> list[tuple[str, Line]]:
    """The lines that the order names. Of itself it names all of every agency, standby mobiles included; call takers,
    supervisors and the 112 of a neighbour only where they are named.

    Raises :class:`ValueError`, which names what the plan does not know.
    """
    known = list(_all_lines(plan))
    owners = {owner for owner, _ in known}
    strangers = [each for each in order.agencies if each not in owners]
    numbers = {line.number for _, line in known}
    strangers += [each for each in order.lines if each not in numbers]
    if strangers:
        raise ValueError(
            f"the plan has no such agency or line: {', '.join(strangers)}; agencies: {', '.join(sorted(owners))}"
        )
    chosen = [
        (owner, line)
        for owner, line in known
        if (owner in order.agencies if order.agencies else order.lines or _by_itself(plan, owner))
        and (not order.lines or line.number in order.lines)
    ]
    if not chosen:
        raise ValueError("none of these lines is one of these agencies")
    return chosen


def _all_lines(plan: Plan) -> Iterator[tuple[str, Line]]:
    yield from plan.lines()
    for agency in plan.agencies.values():
        yield from ((agency.key, line) for line in agency.standby)


def _by_itself(plan: Plan, owner: str) -> bool:
    return owner not in (CALL_TAKERS, SUPERVISORS) and plan.agencies[owner].kind == "agency"


class Round:
    """Goes through the lines of one order."""

    def __init__(self, switch: Switch, order: Order, by: Literal["command", "schedule"]) -> None:
        """Raises :class:`ValueError` as :func:`lines_for`."""
        self._switch = switch
        self._order = order
        self._by: Literal["command", "schedule"] = by
        self.lines = [
            (owner, line)
            for owner, line in lines_for(switch.plan, order)
            if not order.on_duty_only or _on_duty(switch.plan, line)
        ]
        self.run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self._tests: dict[asyncio.Task[object], Wanted] = {}

    async def run(self) -> None:
        """To the end; cancelled, all test calls end with it."""
        switch, complete = self._switch, False
        await switch.note("", VerificationStarted(self.run_id, self._by, len(self.lines)))
        log.info("lines are verified", action="verify", run=self.run_id, by=self._by, lines=len(self.lines))
        began = time.monotonic()
        waiting = [Wanted(owner, line, 1, began) for owner, line in self.lines]
        try:
            while waiting or self._tests:
                waiting = self._start(waiting)
                waiting += await self._ended()
            complete = True
        finally:
            for task in self._tests:
                task.cancel()
            await asyncio.gather(*self._tests, return_exceptions=True)
            switch.note("", VerificationEnded(self.run_id, complete))
            log.info("verification over", action="verify_over", run=self.run_id, complete=complete)

    def _start(self, waiting: Sequence[Wanted]) -> list[Wanted]:
        """Call whom we may now; who is left."""
        left, moment = [], time.monotonic()
        for wanted in waiting:
            if moment < wanted.not_before or self._is_next_to_ours(wanted):
                left.append(replace(wanted, kept_since=None))
                continue
            if not (why := self._hindrance(wanted.line)):
                task = asyncio.create_task(self._test(wanted), name=f"test of {wanted.line.number}")
                self._tests[task] = wanted
                continue
            since = moment if wanted.kept_since is None else wanted.kept_since
            if moment - since > self._order.patience:
                self._switch.note("", not_tried(self._of(wanted), why))
            else:
                left.append(replace(wanted, kept_since=since))
        return left

    def _is_next_to_ours(self, wanted: Wanted) -> bool:
        """Whether it waits only for tests of ours to end: they do, and nobody need lose patience."""
        if len(self._tests) >= self._order.at_once or any(
            other.owner == wanted.owner or other.line.number == wanted.line.number
            for other in self._tests.values()
        ):
            return True
        tests = self._on_trunk(wanted.line.trunk)
        return tests > 0 and self._is_full(wanted.line, tests)

    def _on_trunk(self, trunk: str | None) -> int:
        """How many tests it carries; also those that have only just been begun, and are no channel yet."""
        return sum(trunk is not None and other.line.trunk == trunk for other in self._tests.values())

    async def _test(self, wanted: Wanted) -> bool:
        """Whether the line is worth another try."""
        verdict = await self._switch.tests.run(self._of(wanted))
        return wanted.attempt < self._order.tries and line_test.worth_another(verdict.result)

    async def _ended(self) -> list[Wanted]:
        """Wait a moment for tests to end; who is to be tried again."""
        if not self._tests:
            await asyncio.sleep(LOOK_EVERY)
            return []
        done, _ = await asyncio.wait(self._tests, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        again = []
        for task in done:
            wanted = self._tests.pop(task)
            if task.exception() is not None:
                log.error("a test failed inside the daemon", action="fault", exc_info=task.exception())
            elif task.result():
                after = time.monotonic() + self._order.again_after
                again.append(replace(wanted, attempt=wanted.attempt + 1, not_before=after))
        return again

    def _of(self, wanted: Wanted) -> Test:
        target = target_of(self._switch.plan, wanted.owner, wanted.line)
        return Test(self.run_id, target, wanted.attempt, wanted.attempt >= self._order.tries)

    def _hindrance(self, line: Line) -> str:
        """Why this line cannot be called now; empty where it can. Whom a caller is about to be led to is left alone,
        and the last free circuit of a trunk is for whoever calls 112 now. The fallback dialplan rings whom it will, and
        can end no test."""
        switch = self._switch
        if not switch.ari.connected:
            return "asterisk_away"
        for call in switch.live_calls():
            if isinstance(call.situation, InFallback):
                return "in_use"
            if any(leg.target.number == line.number for leg in call.live_legs()):
                return "in_use"
            waves = call.situation.waves if isinstance(call.situation, Reaching) else ()
            if any(target.number == line.number for wave in waves for target in wave):
                return "in_use"
        if line.trunk is None:
            return ""
        limits = switch.plan.trunks.get(line.trunk)
        if limits is None:
            return "not_in_plan"
        if self._is_full(line, self._on_trunk(line.trunk)):
            return "trunk_full"
        hour = switch.calls.trunk_hours.within_hour(now().mono_ns).get(line.trunk, 0)
        return "trunk_hour_full" if hour >= limits.max_per_hour else ""

    def _is_full(self, line: Line, tests: int) -> bool:
        """Whether the trunk has no circuit for one more test beside so many."""
        limits = self._switch.plan.trunks.get(line.trunk or "")
        calls = self._switch.calls.load_beside(None).get(line.trunk or "", 0)
        return limits is not None and calls + tests >= max(1, limits.max_calls - 1)


def _on_duty(plan: Plan, line: Line) -> bool:
    return line.duty is None or line.duty.covers(datetime.now(plan.service.timezone))
