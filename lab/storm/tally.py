"""Afterwards: every call is accounted for, from three sides that know nothing of each other (the callers, Asterisk,
the records)."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from lab.storm.callers import Ear, Seen

SILENCE = 2.0
"""Seconds of nothing that a caller may hear at most (law 7)."""

SETTING_UP = 0.1
"""Seconds between a phone's answer and the caller's."""

REACHED = ("answered", "fallback_answered")


class Recorded(msgspec.Struct, frozen=True):
    """A row of `pbx112.call`."""

    caller: str
    outcome: str | None
    via: str
    open_legs: int
    """Legs of it that have no result."""


class Storm(msgspec.Struct):
    """The figures, as they stand in `.lab/storm.json`."""

    seed: int
    rate: float
    seconds: float
    faults: dict[str, int]
    invited: int
    accepted: int
    recorded: int
    outcomes_missing: int
    outcomes_double: int
    results_missing: int
    stayed: int
    reached_or_fallback: int
    by_fallback: int
    dropped_by_us: int
    channels_left: int
    bridges_left: int
    chain_ok: bool
    chain_why: str
    silence_s_max: float
    silence_dead_phone_s_max: float
    listened: int
    silent_caller: str
    recovery_s_median: float
    recovery_s_max: float
    recoveries: dict[str, list[float]]
    answered_after_s_median: float
    answered_after_s_max: float
    outcomes: dict[str, int]

    def faults_found(self) -> list[str]:
        """What does not hold, in words; empty where all is well."""
        claims = (
            (self.accepted > 0, "no call was accepted"),
            (self.accepted == self.invited, "calls that Asterisk did not accept"),
            (self.recorded == self.accepted, "accepted calls and recorded ones are not as many"),
            (self.outcomes_missing == 0, "calls without an outcome"),
            (self.outcomes_double == 0, "calls with more than one outcome"),
            (self.results_missing == 0, "attempts without a result"),
            (self.reached_or_fallback == self.stayed, "callers who stayed and reached nobody"),
            (self.dropped_by_us == 0, "callers dropped by us"),
            (self.channels_left == 0, "channels left over"),
            (self.bridges_left == 0, "bridges left over"),
            (self.chain_ok, f"the journal's chain: {self.chain_why}"),
            (self.listened > 0, "nobody listened"),
        )
        return [why for holds, why in claims if not holds] + self.silences()

    def silences(self) -> list[str]:
        """The same of what was heard alone: it is measured at SIPp's phones, which on a busy machine fall silent
        themselves now and then."""
        if self.silence_s_max <= SILENCE:
            return []
        return [f"a silence of {self.silence_s_max:.1f} s, heard by {self.silent_caller}"]


async def recorded_since(dsn: str, since: datetime) -> list[Recorded]:
    """All calls in the records that arrived from `since` on."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT c.caller_raw, c.outcome, c.via,"
            " (SELECT count(*) FROM pbx112.leg l WHERE l.call_id = c.call_id AND l.result IS NULL) AS open_legs"
            " FROM pbx112.call c WHERE c.arrived_at >= $1",
            since,
        )
    finally:
        await connection.close()
    return [Recorded(row["caller_raw"], row["outcome"], row["via"], row["open_legs"]) for row in rows]


def accounted(seen: Sequence[Seen], rows: Sequence[Recorded]) -> dict[str, Any]:
    """The figures that callers and records give together."""
    accepted = {call.number: call for call in seen if call.taken}
    times = Counter(row.caller for row in rows)
    outcome = {row.caller: row for row in rows if row.outcome}
    stayed = {number for number, call in accepted.items() if not call.gave_up}
    reached = [number for number in stayed if number in outcome and _reached(outcome[number])]
    waits = [(call.answered - call.invited).total_seconds() for call in accepted.values() if call.answered]
    return {
        "invited": len(seen),
        "accepted": len(accepted),
        "recorded": sum(1 for number in accepted if times[number]),
        "outcomes_missing": sum(1 for number in accepted if number not in outcome),
        "outcomes_double": sum(1 for count in times.values() if count > 1),
        "results_missing": sum(row.open_legs for row in rows),
        "stayed": len(stayed),
        "reached_or_fallback": len(reached),
        "by_fallback": sum(1 for row in rows if row.via == "fallback"),
        "dropped_by_us": sum(1 for call in seen if call.dropped or (call.refused and not call.gave_up)),
        "answered_after_s_median": round(statistics.median(waits), 3) if waits else 0.0,
        "answered_after_s_max": round(max(waits, default=0.0), 3),
        "outcomes": dict(Counter(row.outcome or "none" for row in rows)),
    }


def _reached(row: Recorded) -> bool:
    return row.outcome in REACHED or row.via == "fallback"


class Silence(msgspec.Struct):
    """The longest that a caller heard nothing, in seconds."""

    silence_s_max: float = 0.0
    silence_dead_phone_s_max: float = 0.0
    """Of those who talked to a phone in the moment in which it was gone: nobody can speak in its place, until
    Asterisk's RTP timeout ends the leg and the caller rings anew."""
    listened: int = 0
    """Of how many callers the sound was heard."""
    silent_caller: str = ""
    """Who heard the longest silence; `.lab/storm/journal-after.db` has the call's story."""


def silence_of(seen: Sequence[Seen], ear: Ear, phone_gone: Sequence[float]) -> Silence:
    """Before the answer a caller hears the ringing that his own network makes from the exchange's 180 on; of those
    who listen, the pauses between two packets of sound, from the answer until they hang up, count as well.

    `phone_gone`: when the phone that answers first was taken away (seconds since the epoch).
    """
    found = Silence()
    for call in seen:
        if call.rang is not None:
            found.silence_s_max = max(found.silence_s_max, (call.rang - call.invited).total_seconds())
        if not call.listens or call.answered is None or call.hung_up is None:
            continue
        found.listened += 1
        start, end = call.answered.timestamp(), call.hung_up.timestamp()
        heard = ear.heard.get(call.sound_from, [])
        moments = [start, *(at for at in heard if start <= at <= end), end]
        longest = max(after - before for before, after in itertools.pairwise(moments))
        if any(start - SETTING_UP <= moment <= end for moment in phone_gone):
            found.silence_dead_phone_s_max = max(found.silence_dead_phone_s_max, longest)
        elif longest > found.silence_s_max:
            found.silence_s_max, found.silent_caller = longest, call.number
    found.silence_s_max = round(found.silence_s_max, 3)
    found.silence_dead_phone_s_max = round(found.silence_dead_phone_s_max, 3)
    return found


def recovery(recoveries: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Median and worst, and each by its kind; seconds."""
    by_kind: dict[str, list[float]] = {}
    for kind, took in recoveries:
        by_kind.setdefault(kind, []).append(round(took, 3))
    times = [took for _, took in recoveries]
    return {
        "recovery_s_median": round(statistics.median(times), 3) if times else 0.0,
        "recovery_s_max": round(max(times, default=0.0), 3),
        "recoveries": by_kind,
    }


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
