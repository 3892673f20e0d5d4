"""Work beside the calls that has to go on: what dies is seen, told, and started again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

RESTART_PAUSE = 5.0
"""Seconds (more or less) before work that died is started again."""


async def keep_running(name: str, work: Callable[[], Awaitable[None]], pause: float = RESTART_PAUSE) -> None:
    """Do `work` until it returns, or this is cancelled; again each time it dies. Calls do not wait for it."""
    while True:
        try:
            await work()
            return
        except OSError as error:
            log.error(
                "a file cannot be used: see that it and its folder are there and may be used by this user; "
                "it is tried again",
                action="side_task",
                task=name,
                error=str(error),
            )
        except Exception:
            log.exception("side task died; it is started again", action="side_task", task=name)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
