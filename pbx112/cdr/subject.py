"""What is held about a number: the answer to a data subject (UU PDP 27/2022, Ps. 7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from asyncpg import Record

from pbx112.cdr.access import masked, note_access
from pbx112.cdr.pseudonym import is_pseudonym, pseudonym
from pbx112.cdr.store import Connection, connect
from pbx112.model.caller import read_caller
from pbx112.plan.types import Plan


class HeldRecording(msgspec.Struct, frozen=True):
    """A recording of the number's call. `until`: when it is due to be deleted."""

    name: str
    result: str
    until: datetime
    deleted_at: datetime | None


class HeldCall(msgspec.Struct, frozen=True):
    """A call of the number, and what stands with it. `events_until`: when its events leave and its number becomes a
    pseudonym; None where both have happened."""

    call_id: str
    arrived_at: datetime
    number: str
    outcome: str
    answered_by: str | None
    incident: str | None
    disposition: str | None
    talk_seconds: float
    legs: int
    marks: int
    call_backs: int
    events: int
    described: bool
    recordings: list[HeldRecording]
    held: bool
    events_until: datetime | None


class Subject(msgspec.Struct, frozen=True):
    """All that is held about a number, in all the ways in which it may have been written."""

    forms: list[str]
    pseudonyms: bool
    """Whether calls whose number is a pseudonym by now could be looked for: the secret is there."""
    calls: list[HeldCall]


_CALLS = """
SELECT c.call_id, c.arrived_at, coalesce(c.caller, c.caller_raw) AS number, c.outcome, c.answered_by_owner, c.incident,
    c.disposition, c.talk_seconds::float8, c.legs, c.called_back,
    pbx112.begins((c.month + interval '1 month')::date) AS ends,
    (SELECT count(*) FROM pbx112.mark m WHERE m.call_id = c.call_id AND m.arrived_at = c.arrived_at) AS marks,
    (SELECT count(*) FROM pbx112.event e WHERE e.call_id = c.call_id) AS events,
    EXISTS (SELECT FROM pbx112.event e WHERE e.call_id = c.call_id AND e.kind = 'CallerDescribed') AS described,
    pbx112.is_held(c.call_id, c.caller, c.caller_raw, c.arrived_at) AS held
FROM pbx112.calls_unmasked c
WHERE c.caller = ANY($1) OR c.caller_raw = ANY($1) ORDER BY c.arrived_at
"""
_RECORDINGS = """
SELECT r.name, r.result, r.ended_at, d.deleted_at FROM pbx112.recording r
LEFT JOIN pbx112.recording_deleted d USING (call_id, name, arrived_at)
WHERE r.call_id = $1 AND r.arrived_at = $2 ORDER BY r.ended_at
"""


def forms_of(number: str, country: str) -> list[str]:
    """The ways in which a trunk may have sent `number`: E.164, without the plus, and as dialled in the country."""
    who = read_caller(number, country)
    forms = [number]
    if who.e164 is not None:
        forms += [who.e164, who.e164[1:]]
        if who.e164.startswith("+62"):
            forms.append("0" + who.e164[3:])
    return list(dict.fromkeys(forms))


async def held_about(dsn: str, number: str, plan: Plan, why: str, key: bytes | None) -> Subject:
    """Everything in Postgres about `number`; that it was asked, and `why`, is in the access log first.

    Takes an account that may see whole numbers. Raises asyncpg's errors and OSError.
    """
    forms = forms_of(number, plan.service.country)
    wanted = [*forms, *(pseudonym(key, form) for form in forms)] if key is not None else forms
    connection = await connect(dsn, "subject")
    try:
        await note_access(connection, "subject", f"all of {masked(number)}", why=why, unmasked=True)
        rows = await connection.fetch(_CALLS, wanted)
        calls = [await _call(connection, row, plan) for row in rows]
    finally:
        await connection.close()
    return Subject(forms, key is not None, calls)


async def _call(connection: Connection, row: Record, plan: Plan) -> HeldCall:
    recordings = await connection.fetch(_RECORDINGS, row["call_id"], row["arrived_at"])
    keep = timedelta(days=plan.recording.keep_days)
    return HeldCall(
        call_id=row["call_id"],
        arrived_at=row["arrived_at"],
        number=row["number"],
        outcome=row["outcome"],
        answered_by=row["answered_by_owner"],
        incident=row["incident"],
        disposition=row["disposition"],
        talk_seconds=row["talk_seconds"],
        legs=row["legs"],
        marks=row["marks"],
        call_backs=row["called_back"],
        events=row["events"],
        described=row["described"],
        recordings=[
            HeldRecording(found["name"], found["result"], found["ended_at"] + keep, found["deleted_at"])
            for found in recordings
        ],
        held=row["held"],
        events_until=None
        if is_pseudonym(row["number"])
        else _months_on(row["ends"], plan.retention.personal_months, plan.service.timezone),
    )


def _months_on(moment: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The beginning of the month that begins so many months after `moment`, itself a beginning."""
    local = moment.astimezone(zone)
    count = local.year * 12 + local.month - 1 + months
    return local.replace(year=count // 12, month=count % 12 + 1, day=1)
