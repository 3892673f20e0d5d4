"""`python -m lab.crash K before|after …`: pbx112 that kills itself at the K-th decision about a call.

A decision's events are written together or not at all, so these are all the moments at which a journal can stand.
`before`: the events are written, the requests that they cause have not left. `after`: these are answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from pbx112 import cli
from pbx112.model import asks
from pbx112.switch.live import LiveCall

_written = LiveCall._written


def crash_at(decision: int, when: str) -> None:
    """From now on the process ends itself, as a crash would, at this decision (counted from 1)."""
    count = 0
    going: list[asyncio.Task[None]] = []

    async def once_settled(call: LiveCall) -> None:
        await call.settled()
        os.kill(os.getpid(), signal.SIGKILL)

    def written(call: LiveCall, requests: Sequence[asks.Request]) -> None:
        nonlocal count
        count += 1
        if count == decision and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        _written(call, requests)
        if count == decision:
            going.append(asyncio.create_task(once_settled(call)))

    LiveCall._written = written  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    crash_at(int(sys.argv[1]), sys.argv[2])
    sys.argv[1:] = sys.argv[3:]
    cli.app()
