"""Calls found by what people know of them: the number, the time, who was asked, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbx112.cdr.access import masked, note_access
from pbx112.cdr.rows import CallRecord
from pbx112.cdr.store import connect, fetch

SHOWN = 3
"""Last digits of a number that a masked account sees, and may ask for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls; what is empty is not asked for. `number` is whole (E.164, or as the trunk sent it), `digits` are a
    number's last ones; `agency` was asked or answered."""

    since: datetime
    until: datetime
    number: str = ""
    digits: str = ""
    agency: str = ""
    outcome: str = ""
    disposition: str = ""

    def told(self) -> str:
        """For the access log: no whole number."""
        said = [f"{self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}"]
        said += [f"number {masked(self.number)}"] if self.number else []
        said += (
            [f"last digits {masked(self.digits) if len(self.digits) > SHOWN else self.digits}"]
            if self.digits
            else []
        )
        said += [word for word in (self.agency, self.outcome, self.disposition) if word]
        return "calls, " + ", ".join(said)


async def find_calls(
    dsn: str, wanted: Wanted, limit: int, *, why: str = "", unmasked: bool = False
) -> list[CallRecord]:
    """The calls that arrived last of those wanted, newest first; noted in the access log. A masked account finds
    a whole number too, which it has to know, by `why`. Raises asyncpg's errors and OSError."""
    where, values = ["arrived_at >= $1", "arrived_at < $2"], list[object]([wanted.since, wanted.until])

    def want(condition: str, value: object) -> None:
        values.append(value)
        where.append(condition.replace("$", f"${len(values)}"))

    if wanted.number and unmasked:
        want("(caller = $ OR caller_raw = $)", wanted.number)
    elif wanted.number:
        values += [wanted.number, why]
        why_at = len(values)
        where.append(f"(call_id, arrived_at) IN (SELECT * FROM pbx112.calls_of(${why_at - 1}, ${why_at}))")  # noqa: S608
    if wanted.digits:
        want("right(coalesce(caller, caller_raw), length($::text)) = $::text", wanted.digits)
    if wanted.agency:
        want(
            "EXISTS (SELECT FROM pbx112.agency_answers a WHERE a.call_id = found.call_id"
            " AND a.arrived_at = found.arrived_at AND a.owner = $)",
            wanted.agency,
        )
    if wanted.outcome:
        want("(outcome = $ OR class = $)", wanted.outcome)
    if wanted.disposition:
        want("disposition = $", wanted.disposition)
    view = "calls_unmasked" if unmasked else "calls"
    connection = await connect(dsn, "cdr search")
    try:
        await note_access(connection, "cdr search", wanted.told(), why=why, unmasked=unmasked)
        tail = f"found WHERE {' AND '.join(where)} ORDER BY arrived_at DESC, call_id LIMIT {int(limit)}"
        return await fetch(connection, CallRecord, view, tail, *values)
    finally:
        await connection.close()
