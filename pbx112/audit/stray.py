"""What stands in Postgres where nothing may stand, and the locks on the tables: what no chain tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pbx112.audit.chain import Fault
from pbx112.audit.stretches import Shipment
from pbx112.cdr.store import Connection

_ONE = "SELECT seq, call_id, at FROM pbx112.event WHERE journal_id = $1 AND {} ORDER BY seq LIMIT 1"

_JOURNALS = """
WITH RECURSIVE met(journal_id) AS (
    (SELECT journal_id FROM pbx112.event ORDER BY journal_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.journal_id FROM pbx112.event e WHERE e.journal_id > met.journal_id ORDER BY e.journal_id LIMIT 1)
    FROM met WHERE met.journal_id IS NOT NULL
)
SELECT journal_id::text FROM met WHERE journal_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM pbx112.shipment s WHERE s.journal_id = met.journal_id)
"""

_UNLOCKED = """
WITH locked AS (
    SELECT c.oid, c.relname FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'pbx112'::regnamespace AND c.relkind IN ('r', 'p')
        AND (c.relname IN ('event', 'access_log', 'dropped_range', 'legal_hold', 'legal_hold_lifted', 'retention_run',
                           'retention_step', 'retention_policy', 'recording_deleted', 'office', 'agency',
                           'reconciliation', 'reconciliation_call')
             OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid
                        AND i.inhparent IN ('pbx112.event'::regclass, 'pbx112.access_log'::regclass)))
)
SELECT DISTINCT l.relname FROM locked l CROSS JOIN unnest(ARRAY['append_only', 'append_only_whole']) name
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = l.oid AND t.tgname = name
                  AND t.tgenabled IN ('O', 'A') AND t.tgfoid = 'pbx112.refuse_change'::regproc)
ORDER BY l.relname
"""


async def strays(connection: Connection, journals: Sequence[Shipment], *, whole: bool) -> list[Fault]:
    """Entries before the beginning of a journal, after its end, or within what has left; with `whole`, also those of a
    journal that nobody shipped."""
    faults: list[Fault] = []
    for shipment in journals:
        within = (
            "EXISTS (SELECT FROM pbx112.dropped_range d WHERE d.journal_id = event.journal_id"
            " AND event.seq BETWEEN d.first_seq AND d.last_seq)"
        )
        asked = [
            (f"seq > {shipment.last_seq}", "it stands after the end of its journal (shipment.last_seq)"),
            (
                f"seq <= {shipment.base_seq}",
                "it stands before the beginning of its journal (shipment.base_seq)",
            ),
            ("call_id = ''", "its call_id is empty instead of NULL"),
        ]
        if await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pbx112.dropped_range WHERE journal_id = $1)", shipment.journal_id
        ):
            asked.append((within, "it stands in what has left by retention"))
        for condition, why in asked:
            faults += await _one(connection, shipment.journal_id, condition, why)
    if whole:
        for row in await connection.fetch(_JOURNALS):
            why = "nothing is known of the shipping of its journal (its row in shipment is missing)"
            faults += await _one(connection, row[0], "true", why)
    return faults


async def unlocked(connection: Connection) -> list[str]:
    """The tables whose trigger, which refuses to change or delete a row, is missing or off."""
    return [str(row["relname"]) for row in await connection.fetch(_UNLOCKED)]


async def _one(connection: Connection, journal_id: str, condition: str, why: str) -> list[Fault]:
    row = await connection.fetchrow(_ONE.format(condition), journal_id)
    if row is None:
        return []
    at = row["at"] if isinstance(row["at"], datetime) else None
    return [Fault(journal_id, row["seq"], "added", why, row["call_id"] or "", at)]
