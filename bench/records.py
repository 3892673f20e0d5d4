"""Whether every call that Asterisk took stands in Postgres, exactly once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import asyncpg

from lab.processes import eventually

WITHIN = 60.0
"""Seconds after its end in which a call must stand in Postgres."""


class Ledger:
    """Compares callers with `pbx112.call`; calls from before it was opened do not count."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._since = dsn, datetime.now(UTC)
        self.unrecorded: set[str] = set()
        self.recorded_again: set[str] = set()
        self.accepted = 0

    async def settle(self, accepted: set[str]) -> None:
        """Wait until the calls of these callers stand; note those that do not in time, or stand twice."""
        found: Counter[str] = Counter()

        async def all_stand() -> bool:
            nonlocal found
            found = await self._found()
            return accepted <= found.keys()

        try:
            await eventually(all_stand, WITHIN, pause=0.2)
        except TimeoutError:
            self.unrecorded |= accepted - found.keys()
        self.accepted += len(accepted)
        self.recorded_again |= {number for number, times in found.items() if times > 1}

    async def _found(self) -> Counter[str]:
        connection = await asyncpg.connect(self._dsn)
        try:
            rows = await connection.fetch(
                "SELECT caller_raw FROM pbx112.call WHERE arrived_at >= $1", self._since
            )
        finally:
            await connection.close()
        return Counter(row["caller_raw"] for row in rows)
