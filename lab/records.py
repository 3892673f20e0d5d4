"""What the records say of a call, read from Postgres with plain SQL as an auditor would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from lab.processes import LabError, eventually


@dataclass(frozen=True)
class Record:
    """One call: its row in `pbx112.call`, its legs in the order in which they were rung, its events."""

    call: Mapping[str, Any]
    legs: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]

    @property
    def outcome(self) -> str:
        """How it ended."""
        return str(self.call["outcome"])

    @property
    def tried(self) -> tuple[tuple[str, str], ...]:
        """Line and result of each leg."""
        return tuple((leg["line"], leg["result"]) for leg in self.legs)


async def record_of(dsn: str, caller_raw: str, within: float = 15) -> Record:
    """The record of the last call of the caller that the trunk named `caller_raw`.

    Waits for it; it stands once the call has ended and was shipped. Raises :class:`LabError` after `within` seconds.
    """
    found: list[Record] = []

    async def stands() -> bool:
        try:
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError):
            return False
        try:
            found.extend(await _read(connection, caller_raw))
        except asyncpg.UndefinedTableError:
            return False
        finally:
            await connection.close()
        return bool(found)

    try:
        await eventually(stands, within, pause=0.05)
    except TimeoutError:
        raise LabError(f"no record of the call from {caller_raw} within {within:g} s") from None
    return found[-1]


async def _read(connection: asyncpg.Connection[asyncpg.Record], caller_raw: str) -> list[Record]:
    call = await connection.fetchrow(
        "SELECT * FROM pbx112.call WHERE caller_raw = $1 ORDER BY arrived_at DESC LIMIT 1", caller_raw
    )
    if call is None:
        return []
    legs = await connection.fetch("SELECT * FROM pbx112.leg WHERE call_id = $1 ORDER BY leg", call["call_id"])
    events = await connection.fetch(
        "SELECT * FROM pbx112.event WHERE call_id = $1 ORDER BY seq", call["call_id"]
    )
    return [Record(dict(call), tuple(map(dict, legs)), tuple(map(dict, events)))]
