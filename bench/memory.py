"""The daemon's memory with many calls up at once."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

import psutil

from bench.calls import Load, Run, run
from bench.ways import PBX112
from lab.exchange import Exchange
from lab.processes import LabError

CALLS = 500
RATE = 40
TALK = 18.0
"""Longer than it takes to bring all of them up, so that for some seconds all are."""


@dataclass(frozen=True)
class Memory:
    """Resident memory of the daemon with all calls up, in MB (10^6 bytes)."""

    megabytes: float
    run: Run


async def measure(exchange: Exchange, number: int) -> Memory:
    """Bring 500 calls up. Raises :class:`LabError` where they were never up all at once."""
    full, most = 0.0, 0
    calls = asyncio.create_task(run(exchange, PBX112, Load(RATE, CALLS, TALK, number)))
    try:
        while not calls.done():
            up = await calls_up(exchange)
            most = max(most, up)
            if up >= CALLS:
                full = max(full, megabytes(exchange))
            await asyncio.wait([calls], timeout=0.5)
        made = await calls
    finally:
        calls.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calls
    if not full:
        raise LabError(f"{most} calls were up at once, not {CALLS}; {made.failed} failed")
    return Memory(full, made)


def megabytes(exchange: Exchange) -> float:
    """Resident memory of the daemon now."""
    return float(psutil.Process(exchange.daemon.pid or 0).memory_info().rss) / 1e6


async def calls_up(exchange: Exchange) -> int:
    """Callers in Asterisk. Each has a phone: two channels make a call."""
    told = re.search(r"^(\d+) active channel", await exchange.asterisk.ask("core show channels count"), re.M)
    return int(told[1]) // 2 if told else 0
