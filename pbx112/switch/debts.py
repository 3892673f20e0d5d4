"""What has to come true in Asterisk and did not yet: asked again until it is done, or what it is about is gone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from pbx112.ari import AriClient

from .requests import Final, settle

log = structlog.get_logger()

AGAIN = 1.0
"""Seconds between two rounds (law 6: what belongs to no live call is gone within 5 s)."""

MOST = 10_000
"""Debts that are remembered; the reconciliation after the next reconnect finds what was forgotten."""


class Debts:
    """Hang-ups, removed bridges and hand-overs that Asterisk did not take. `still` says whether one of them is
    wanted yet."""

    def __init__(self, ari: AriClient, still: Callable[[Final], bool]) -> None:
        self._ari = ari
        self._still = still
        self._open: deque[Final] = deque(maxlen=MOST)
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, request: Final) -> None:
        """See that `request` is done in the end."""
        if request in self._open:
            return
        if len(self._open) == MOST:
            log.error(
                "too much is left to clear up in Asterisk", action="debts", forgotten=str(self._open[0])
            )
        self._open.append(request)
        self._some.set()

    async def run(self) -> None:
        """Settle until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(AGAIN)
            for _ in range(len(self._open)):
                if not self._ari.connected:
                    break
                request = self._open.popleft()
                if self._still(request) and not await settle(self._ari, request):
                    self._open.append(request)
            if not self._open:
                self._some.clear()
