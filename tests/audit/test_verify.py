"""The database's superuser changes something, anywhere: it is found, and the first place is named."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from lab.postgres import Postgres
from pbx112.audit.verify import verify
from pbx112.cdr import rebuild
from tests.audit.conftest import Records
from tests.cdr.calls import gap
from tests.cdr.shipped import ship
from tests.cdr.test_rights import login


async def test_what_nobody_touched_is_whole(records: Records) -> None:
    verified = await records.verify()
    assert (verified.faults, verified.unlocked, verified.notes) == ([], [], [])
    assert verified.events == await records.db.fetchval("SELECT count(*) FROM pbx112.event")
    assert len(await records.db.fetch("SELECT DISTINCT tableoid FROM pbx112.event")) == 3, (
        "two months and event_other"
    )
    later = await verify(records.dsn, processes=1, since=datetime(2026, 9, 1, tzinfo=UTC))
    assert (later.faults, 0 < later.events < verified.events) == ([], True)
    with pytest.raises(LookupError):
        await verify(records.dsn, journal=str(uuid4()))


SET = "UPDATE pbx112.event SET {set} WHERE {{j}} AND seq = {{seq}}"
REHASH = """
DO $do$ DECLARE e pbx112.event; b bytea; BEGIN
    SELECT coalesce((SELECT hash FROM pbx112.event WHERE {j} AND seq = {seq} - 1),
        (SELECT base_hash FROM pbx112.shipment WHERE {j})) INTO b;
    FOR e IN SELECT * FROM pbx112.event WHERE {j} AND seq >= {seq} ORDER BY seq LIMIT {many} LOOP
        b := pbx112.event_hash(b, e);
        UPDATE pbx112.event SET hash = b WHERE {j} AND seq = e.seq;
    END LOOP; END $do$
"""
ALTERATIONS = {
    "raw": SET.format(set="raw = raw || ' '"),
    "raw and body": SET.format(set="raw = '{{}}', body = '{{}}'"),
    "body": SET.format(set="""body = pbx112.body(raw, body) || '{{"also": 1}}'"""),
    "body hidden": SET.format(set="""body = '{{"unreadable": true}}'"""),
    "time": SET.format(set="at = at + interval '1 microsecond'"),
    "clock": SET.format(set="mono_ns = mono_ns + 1"),
    "call": SET.format(set="call_id = 'another'"),
    "no call": SET.format(set="call_id = NULL"),
    "kind": SET.format(set="kind = 'LegEnded2'"),
    "plan": SET.format(set="plan = 'ffffffffffffffff'"),
    "hash": SET.format(set="hash = sha256('x')"),
    "infinite time": SET.format(set="at = 'infinity'"),
}


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("alteration", ALTERATIONS)
async def test_an_altered_entry_is_named(records: Records, alteration: str, where: str) -> None:
    seq = {"first": 1, "middle": random.randint(2, records.last - 1), "last": records.last}[where]
    before = await records.db.fetchrow(
        f"SELECT call_id, at FROM pbx112.event WHERE journal_id = '{records.journal}' AND seq = {seq}"
    )
    await records.tamper(ALTERATIONS[alteration], seq=seq)
    (fault,) = (await records.verify()).faults
    assert (fault.journal_id, fault.seq, fault.what) == (records.journal, seq, "altered"), fault
    if alteration in {"raw", "body", "hash", "clock"}:
        assert before is not None
        assert (fault.call_id, fault.at) == (before["call_id"] or "", before["at"])


async def test_an_entry_altered_with_its_hash_is_named_by_the_next(records: Records) -> None:
    await records.tamper(ALTERATIONS["raw"], REHASH, seq=300, many=1)
    (fault,) = (await records.verify()).faults
    assert (fault.seq, fault.what) == (301, "altered")


async def test_all_hashes_made_anew_do_not_fit_the_head(records: Records) -> None:
    await records.tamper(ALTERATIONS["kind"], REHASH, seq=300, many=records.last)
    (fault,) = (await records.verify()).faults
    assert (fault.seq, fault.what) == (records.last, "altered")


DELETE = "DELETE FROM pbx112.event WHERE {j} AND seq BETWEEN {first} AND {last}"
INSERT = (
    "INSERT INTO pbx112.event SELECT journal_id, {to}, call_id, at + interval '1 s', mono_ns, plan, kind, body, raw,"
    " hash, node FROM pbx112.event WHERE {j} AND seq = {seq}"
)
SWAP = "UPDATE pbx112.event SET seq = -1 * seq + {a} + {b} WHERE {j} AND seq IN ({a}, {b})"
Change = Callable[[Records], Awaitable[tuple[int, str]]]


async def removed(records: Records) -> tuple[int, str]:
    seq = random.randint(2, records.last - 1)
    await records.tamper(DELETE, first=seq, last=seq)
    return seq, "removed"


async def first_removed(records: Records) -> tuple[int, str]:
    await records.tamper(DELETE, first=1, last=1)
    return 1, "removed"


async def whole_portions_removed(records: Records) -> tuple[int, str]:
    await records.tamper(DELETE, first=350, last=records.last - 5)
    return 350, "removed"


async def a_month_removed(records: Records) -> tuple[int, str]:
    first = await records.db.fetchval(
        f"SELECT min(seq) FROM pbx112.event_2026_09 WHERE journal_id = '{records.journal}'"
    )
    await records.db.execute("DROP TABLE pbx112.event_2026_09")
    return int(first), "removed"


async def tail_removed(records: Records) -> tuple[int, str]:
    await records.tamper(DELETE, first=records.last - 7, last=records.last)
    return records.last - 7, "removed"


async def all_removed(records: Records) -> tuple[int, str]:
    await records.tamper(DELETE, first=1, last=records.last)
    return 1, "removed"


async def removed_and_closed_up(records: Records) -> tuple[int, str]:
    away, back = (
        f"UPDATE pbx112.event SET seq = seq + {by} WHERE {{j}} AND seq > {{first}}"
        for by in (10**9, -(10**9) - 1)
    )
    await records.tamper(DELETE, away, back, first=400, last=400)
    return 400, "altered"


async def added_twice(records: Records) -> tuple[int, str]:
    await records.tamper(INSERT, to=500, seq=500)
    return 500, "added"


async def added_at_the_end(records: Records) -> tuple[int, str]:
    await records.tamper(INSERT, to=records.last + 1, seq=500)
    return records.last + 1, "added"


async def reordered(records: Records) -> tuple[int, str]:
    await records.tamper(SWAP, a=500, b=503)
    return 500, "reordered"


async def beginning_moved(records: Records) -> tuple[int, str]:
    await records.tamper("UPDATE pbx112.shipment SET base_hash = sha256('x') WHERE {j}")
    return 1, "altered"


async def end_moved(records: Records) -> tuple[int, str]:
    await records.tamper("UPDATE pbx112.shipment SET head = sha256('x') WHERE {j}")
    return records.last, "altered"


async def end_pulled_back(records: Records) -> tuple[int, str]:
    await records.tamper(
        "UPDATE pbx112.shipment SET last_seq = 600,"
        " head = (SELECT hash FROM pbx112.event WHERE {j} AND seq = 600) WHERE {j}"
    )
    return 601, "added"


async def shipment_removed(records: Records) -> tuple[int, str]:
    await records.tamper("DELETE FROM pbx112.shipment WHERE {j}")
    return 1, "added"


async def said_to_have_left(records: Records) -> tuple[int, str]:
    await records.tamper(
        "INSERT INTO pbx112.dropped_range SELECT '{id}', 100, 200,"
        " (SELECT hash FROM pbx112.event WHERE {j} AND seq = 99), hash, 4711 FROM pbx112.event WHERE {j} AND seq = 200",
        DELETE,
        first=100,
        last=200,
    )
    return 100, "removed"


@pytest.mark.parametrize(
    "change",
    [
        removed,
        first_removed,
        whole_portions_removed,
        a_month_removed,
        tail_removed,
        all_removed,
        removed_and_closed_up,
        added_twice,
        added_at_the_end,
        reordered,
        beginning_moved,
        end_moved,
        end_pulled_back,
        shipment_removed,
        said_to_have_left,
    ],
)
async def test_what_was_removed_added_or_moved_is_named(records: Records, change: Change) -> None:
    seq, what = await change(records)
    faults = {fault.journal_id: fault for fault in (await records.verify()).faults}
    mine = faults.pop(records.journal)
    assert (mine.seq, mine.what) == (seq, what)
    assert bool(faults) == (change is a_month_removed), "the month was the other journal's too"


async def test_an_entry_moved_to_another_journal_is_missed_and_found(records: Records) -> None:
    row = await records.db.fetchrow(
        "SELECT journal_id::text, last_seq FROM pbx112.shipment ORDER BY journal_id DESC LIMIT 1"
    )
    assert row is not None
    other, end = row
    await records.tamper(
        "UPDATE pbx112.event SET journal_id = '{other}', seq = {to} WHERE {j} AND seq = 42",
        other=other,
        to=end + 1,
    )
    faults = {(fault.journal_id, fault.seq, fault.what) for fault in (await records.verify()).faults}
    assert faults == {(records.journal, 42, "removed"), (other, end + 1, "added")}


async def test_a_trigger_that_is_off_is_told(records: Records) -> None:
    await records.db.execute("ALTER TABLE pbx112.event_2026_09 DISABLE TRIGGER append_only")
    assert (await records.verify()).unlocked == ["event_2026_09"]
    await records.db.execute("DROP TRIGGER append_only ON pbx112.access_log")
    assert "access_log" in (await records.verify()).unlocked
    await records.db.execute("DROP TRIGGER append_only_whole ON pbx112.event_other")
    assert "event_other" in (await records.verify()).unlocked


async def test_each_table_that_has_such_a_trigger_is_looked_at(records: Records) -> None:
    locked = await records.db.fetch(
        "SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname LIKE 'append_only%'"
        " AND tgfoid = 'pbx112.refuse_change'::regproc"
    )
    for table in locked:
        await records.db.execute(f"ALTER TABLE {table['name']} DISABLE TRIGGER USER")
    assert {f"pbx112.{name}" for name in (await records.verify()).unlocked} == {row["name"] for row in locked}


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM pbx112.call WHERE call_id = '{call}'",
        "DELETE FROM pbx112.leg WHERE call_id = '{call}'",
        "UPDATE pbx112.call SET talk_seconds = talk_seconds + 1 WHERE call_id = '{call}'",
        'INSERT INTO pbx112.call SELECT (jsonb_populate_record(c, \'{{"call_id": "{call}b"}}\')).*'
        " FROM pbx112.call c WHERE call_id = '{call}'",
    ],
)
async def test_rows_that_do_not_say_what_the_events_say_are_named(records: Records, change: str) -> None:
    call = await records.db.fetchval("SELECT min(call_id) FROM pbx112.leg JOIN pbx112.call USING (call_id)")
    await records.tamper(change, call=call)
    assert (await records.verify()).faults == []
    compared = await rebuild(records.dsn, write=False)
    assert [call_id.removesuffix("b") for call_id in compared.different] == [call]


async def test_what_jsonb_cannot_hold_is_no_fault(records: Records, tmp_path: Path) -> None:
    values: tuple[object, ...] = (
        "a\0b",
        "\ud800",
        1e300,
        0.1,
        1.0,
        10**40,
        True,
        None,
        [],
        {"bb": 1, "a": 2},
    )
    odd = [json.dumps({"x": value}).encode() for value in values]
    odd += [
        b"\xff",
        b"",
        b'{"x": NaN}',
        b'{"a":1,"a":2}',
        b'{"x":1e200000}',
        b'{"x": 1e-7}',
        b"[" * 5000 + b"]" * 5000,
    ]
    await ship(records.dsn, tmp_path, [gap(0, "")._replace(body=body) for body in odd])
    assert (await records.verify()).faults == []


async def test_many_processes_say_the_same_as_one(records: Records, server: Postgres) -> None:
    reader = await login(server, records.dsn.rsplit("/", 1)[1], "pbx112_unmasked")
    told: list[tuple[int, int]] = []
    verified = await verify(reader, processes=2, portion=700, on_progress=lambda *step: told.append(step))
    assert (verified.faults, told[0][0], told[-1]) == ([], 0, (verified.events, verified.events))
    await records.tamper(ALTERATIONS["raw"], seq=900)
    await records.tamper(ALTERATIONS["raw"], seq=1_200)
    assert [fault.seq for fault in (await verify(reader, processes=2, portion=500)).faults] == [900]
