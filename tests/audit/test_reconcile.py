"""Asterisk's own records, whatever stands in them, and the comparison of a day: each call in exactly one class."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lab.postgres import Postgres
from pbx112.audit.asterisk_cdr import CdrFilesError, Detail, channels, files, read, read_line
from pbx112.audit.reconcile import DIFFERENCES, EXPLAINED, Day, Recorded, reconcile
from pbx112.audit.reconciled import reconcile_day
from pbx112.cli import app
from pbx112.model.events import CallEnded
from tests.cdr import calls
from tests.cdr.shipped import ship

BEGINS = datetime(2025, 11, 24, 17, tzinfo=UTC)  # midnight in Jakarta
ENDS = BEGINS + timedelta(days=1)
NOON = BEGINS + timedelta(hours=12)
MINUTE = timedelta(minutes=1)
PLAN = Path(__file__).parents[2] / "agencies.yaml"


def line(
    start: datetime = NOON,
    *,
    seconds: float = 60,
    call: str = "lab-1.1",
    linked: str = "",
    context: str = "pbx112-intake",
    disposition: str = "ANSWERED",
    other: str = "PJSIP/1101-1",
    sequence: int = 7,
) -> str:
    """What Asterisk writes."""
    end = start.timestamp() + seconds
    fields = (
        f"{start.timestamp():.6f}",
        "0.000000",
        f"{end:.6f}",
        call,
        linked or call,
        str(sequence),
        context,
        disposition,
        other,
    )
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def heard(*lines: str) -> list[Detail]:
    found = [read_line(each.encode()) for each in lines]
    assert all(isinstance(each, Detail) for each in found), found
    return [each for each in found if isinstance(each, Detail)]


def row(call: str = "lab-1.1", at: datetime = NOON, **more: object) -> Recorded:
    """The record of a call that was answered and lasted a minute."""
    known: dict[str, object] = {
        "via": "daemon",
        "arrived_at": at,
        "accepted_at": at + timedelta(seconds=5),
        "ended_at": at + MINUTE,
        "outcome": "answered",
    }
    return Recorded(call, **(known | more))  # type: ignore[arg-type]


def day_of(
    lines: list[str], rows: list[Recorded], unended: frozenset[str] = frozenset(), now: datetime = ENDS
) -> Day:
    day = Day(date(2025, 11, 25), BEGINS, ENDS)
    reconcile(day, list(channels(heard(*lines)).values()), rows, unended, now)
    assert day.agreed + len(day.found) == day.asterisk_calls + day.records_alone
    assert day.asterisk_calls + day.records_alone == day.recorded_calls + day.asterisk_alone
    return day


def kinds(
    lines: list[str], rows: list[Recorded], unended: frozenset[str] = frozenset(), now: datetime = ENDS
) -> list[str]:
    return [each.kind for each in day_of(lines, rows, unended, now).found]


# --- the file ----------------------------------------------------------------------------------------------------


def test_a_line_is_read_and_times_keep_their_microseconds() -> None:
    said = read_line(line(NOON + timedelta(microseconds=123456), seconds=1, other='x"y,z').encode())
    assert isinstance(said, Detail)
    assert said.start_us == int(NOON.timestamp()) * 1_000_000 + 123456
    assert said.end_us - said.start_us == 1_000_000
    assert said.joined


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        line()[1:],
        line() + ',"x"',
        line().replace('"7"', "7"),
        line().replace('"7"', '"-7"'),
        line().replace('"7"', '"\u0667"'),
        line(disposition="ANSWERED\x00"),
        line(disposition="DROP TABLE"),
        line(call="lab 1"),
        line(seconds=-1),
        line(context="pbx112\nintake"),
        line().replace("0.000000", "0,000000"),
        line().replace(".000000", ".0", 1),
    ],
)
def test_a_line_that_is_none_is_told(wrong: str) -> None:
    assert isinstance(read_line(wrong.encode()), str)


@given(st.binary(max_size=300))
def test_whatever_stands_there_is_a_record_or_told(data: bytes) -> None:
    said = read_line(data)
    assert said if isinstance(said, str) else said.start_us <= said.end_us


@given(st.lists(st.sampled_from("ab,\"' \\"), max_size=30).map("".join))
@example('","')
@example('x","y","z')
def test_commas_and_quotes_within_a_field_stay_within_it(other: str) -> None:
    said = read_line(line(other=other).encode())
    assert isinstance(said, Detail)
    assert said.joined is (other != "")
    assert said.context == "pbx112-intake"


def test_bad_lines_are_named_and_cost_no_other_and_rotated_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "pbx112.csv"
    with gzip.open(tmp_path / "pbx112.csv.2.gz", "wt") as packed:
        packed.write(line(call="lab-1.1") + "\n")
    (tmp_path / "pbx112.csv.1").write_text(
        line(call="lab-1.2") + "\n" + "x" * 9000 + "\n" + line(call="lab-1.3") + "\n"
    )
    broken = line(call="lab-1.4", context="pbx112\nintake")
    file.write_text(line(call="lab-1.5") + "\n" + broken + "\n" + line(call="lab-1.6") + "\n" + line()[:50])
    told: list[int] = []
    details, bad = read(files(file), 0, 2**62, told.append)
    assert sorted(each.uniqueid for each in details) == [
        "lab-1.1",
        "lab-1.2",
        "lab-1.3",
        "lab-1.5",
        "lab-1.6",
    ]
    assert [(each.file.name, each.line) for each in bad] == [
        ("pbx112.csv", 2), ("pbx112.csv", 3), ("pbx112.csv", 5), ("pbx112.csv.1", 2),
    ]  # fmt: skip
    assert sum(told) == sum(each.stat().st_size for each in tmp_path.iterdir())
    assert read(files(file), int((NOON + 2 * MINUTE).timestamp()) * 1_000_000, 2**62)[0] == []


def test_a_bad_line_is_told_with_its_own_day_and_not_each_night(tmp_path: Path) -> None:
    file, day = tmp_path / "pbx112.csv", timedelta(days=1)
    (tmp_path / "pbx112.csv.1").write_text(f"{line()}\nspoiled\n{line(NOON + day)}\ncut o")
    file.write_text(f"{line(NOON + 3 * day)}\ncut off")

    def told(number: int) -> list[tuple[str, int]]:
        begins, ends = (int((NOON + (number + part) * day).timestamp()) * 1_000_000 for part in (-0.5, 0.5))
        return [(each.file.name, each.line) for each in read(files(file), begins, ends)[1]]

    assert told(0) == [("pbx112.csv.1", 2)]
    assert told(1) == [("pbx112.csv.1", 2), ("pbx112.csv.1", 4)], "spoiled on the one day or on the other"
    assert told(2) == []
    assert told(3) == [("pbx112.csv", 2)]
    assert told(4) == [("pbx112.csv", 2)], "nobody can tell yet when that was written"


def test_files_that_are_not_there_or_cannot_be_read_are_named(tmp_path: Path) -> None:
    file = tmp_path / "pbx112.csv"
    with pytest.raises(CdrFilesError, match="no such file"):
        files(file)
    (tmp_path / "pbx112.csv.1.gz").write_bytes(gzip.compress(line().encode())[:-9])
    with pytest.raises(CdrFilesError, match=r"csv\.1\.gz"):
        read(files(file), 0, 2**62)
    (tmp_path / "pbx112.csv.2.xz").touch()
    with pytest.raises(CdrFilesError, match=r"csv\.2\.xz: only \.gz"):
        files(file)


# --- the comparison ----------------------------------------------------------------------------------------------


def test_a_call_of_several_records_is_one_call_and_its_legs_are_none() -> None:
    day = day_of(
        [
            line(seconds=10, disposition="NO ANSWER"),
            line(NOON + timedelta(seconds=10), seconds=50),
            line(call="lab-1.1-leg1", linked="lab-1.1", context="pbx112-desk"),
            line(call="lab-1.9", context="pbx112-fallback-line", linked="lab-1.1"),
            line(call="lab-1.10", context="pbx112-desk-code"),
            line(call="lab-1.11", context="pbx112-desk"),
        ],
        [row()],
    )
    assert (day.agreed, day.asterisk_calls, day.desk_codes, day.other_channels, day.found) == (1, 1, 1, 3, [])


def test_a_call_of_the_fallback_agrees_as_such() -> None:
    day = day_of([line(context="pbx112-fallback")], [row(via="fallback", outcome="fallback_answered")])
    assert (day.agreed, day.agreed_fallback) == (1, 1)


@pytest.mark.parametrize(
    ("lines", "rows", "kind"),
    [
        ([line()], [], "not_recorded"),
        ([], [row()], "not_in_asterisk"),
        ([], [row(outcome="system_failure", ended_by_system=True)], "not_in_asterisk"),
        ([line()], [row(), row(at=NOON + timedelta(days=40))], "recorded_twice"),
        ([], [row(), row(at=NOON + MINUTE)], "recorded_twice"),
        ([line(disposition="NO ANSWER")], [row()], "answered_differs"),
        ([line(other="")], [row()], "answered_differs"),
        ([line()], [row(accepted_at=None, outcome="abandoned_ringing")], "answered_differs"),
        ([line(other="", seconds=6)], [row(ended_at=NOON + timedelta(seconds=6))], "answered_as_it_ended"),
        ([line()], [row(at=NOON + timedelta(seconds=3), ended_at=NOON + MINUTE)], "arrival_differs"),
        ([line()], [row(ended_at=NOON + 2 * MINUTE)], "end_differs"),
        ([line()], [row(ended_at=NOON + MINUTE / 2)], "end_differs"),
        ([line()], [row(ended_at=NOON + MINUTE / 2, caller_left_at=NOON + MINUTE)], "end_differs"),
        ([line()], [row(ended_at=NOON + 2 * MINUTE, caller_left_at=NOON + MINUTE)], "staff_talked_on"),
        ([line()], [row(ended_at=NOON + 2 * MINUTE, resumed_at=NOON + 2 * MINUTE)], "ended_unseen"),
        ([line()], [row(ended_at=NOON + 2 * MINUTE, resumed_at=NOON + MINUTE / 2)], "end_differs"),
    ],
)
def test_each_difference_has_its_class(lines: list[str], rows: list[Recorded], kind: str) -> None:
    assert kinds(lines, rows) == [kind]
    assert (kind in DIFFERENCES) != (kind in EXPLAINED)


def near(minutes: float, number: int, seconds: float = 60) -> str:
    """Another channel of Asterisk's, so long after the call came, with this number among its records."""
    return line(
        NOON + minutes * MINUTE,
        seconds=seconds,
        call=f"lab-2.{number}{minutes}",
        context="pbx112-desk",
        sequence=number,
    )


CUT = {"outcome": "system_failure", "ended_by_system": True, "accepted_at": None}


@pytest.mark.parametrize(
    ("why", "lines", "cut"),
    [
        ("Asterisk counts anew afterwards", [near(-5, 40), near(3, 0)], True),
        ("it died again soon after its start", [near(-5, 40), near(-3, 0), near(3, 0)], True),
        ("a day without another call after it", [near(-5, 40)], False),
        ("Asterisk counts on", [near(-5, 40), near(3, 41)], False),
        ("it counted anew before the call came", [near(-5, 40), near(-3, 0), near(3, 1)], False),
        ("another call outlived it", [near(-5, 40, seconds=600), near(9, 0)], False),
        ("Asterisk took calls after it, and died later", [near(-5, 40), near(3, 41), near(30, 0)], False),
        (
            "two came at once, the numbers crossed",
            [near(-5, 40), near(0.98, 42, seconds=0.5), near(0.99, 41)],
            False,
        ),
    ],
)
def test_a_failure_is_explained_only_where_asterisk_itself_began_anew(
    why: str, lines: list[str], cut: bool
) -> None:
    assert kinds(lines, [row("lab-1.1", NOON, **CUT)]) == ["asterisk_cut" if cut else "not_in_asterisk"], why


@pytest.mark.parametrize("forged", [{"ended_by_system": False}, {"outcome": "answered"}])
def test_a_row_made_up_around_a_restart_is_a_difference(forged: dict[str, object]) -> None:
    assert kinds([near(-5, 40), near(3, 0)], [row("lab-1.1", NOON, **CUT | forged)]) == ["not_in_asterisk"]


def test_within_the_tolerance_they_agree() -> None:
    assert kinds([line()], [row(at=NOON + timedelta(seconds=2), ended_at=NOON + MINUTE)]) == []


def test_a_call_that_has_not_ended_is_under_way_but_not_for_ever() -> None:
    assert kinds([line()], [], frozenset({"lab-1.1"}), NOON + timedelta(hours=12)) == ["under_way"]
    assert kinds([line()], [], frozenset({"lab-1.1"}), NOON + timedelta(hours=13)) == ["not_recorded"]


def test_at_midnight_a_call_belongs_to_the_day_that_asterisk_says() -> None:
    just = timedelta(milliseconds=5)
    before, after = BEGINS - just, BEGINS + just
    assert day_of([line(before)], [row(at=after)]).asterisk_calls == 0
    assert day_of([line(ENDS)], [row(at=ENDS - just)]).asterisk_calls == 0
    day = day_of([line(after)], [row(at=before)])
    assert (day.agreed, day.recorded_calls) == (1, 1)


moments = st.sampled_from(
    [BEGINS - MINUTE, BEGINS, NOON, NOON + timedelta(seconds=1), NOON + MINUTE, ENDS - MINUTE, ENDS]
)
ids = st.sampled_from(["lab-1.1", "lab-1.2", "lab-1.3"])


@given(
    st.lists(
        st.builds(line, moments, call=ids, disposition=st.sampled_from(["ANSWERED", "BUSY"])), max_size=6
    ),
    st.lists(st.builds(row, ids, moments), max_size=5),
    st.frozensets(ids),
)
def test_the_parts_add_up_to_the_whole(
    lines: list[str], rows: list[Recorded], unended: frozenset[str]
) -> None:
    day_of(lines, rows, unended)


# --- the database ------------------------------------------------------------------------------------------------


async def test_the_writer_adds_a_result_under_its_own_name_and_changes_none(
    server: Postgres, migrated: str
) -> None:
    name = "reconciled"
    await server.create_database(name, like=migrated)
    await server.add_account("reconciler", "pbx112_writer")
    await server.add_account("reader", "pbx112_auditor")
    writer = await asyncpg.connect(server.dsn_of(name, "reconciler"))
    reader = await asyncpg.connect(server.dsn_of(name, "reader"))
    try:
        heard_channels = list(channels(heard(line(), line(BEGINS, call="lab-1.2"))).values())
        for _ in range(2):
            await reconcile_day(writer, "lab", Day(date(2025, 11, 25), BEGINS, ENDS), heard_channels, ENDS)
        far = datetime(2199, 1, 1, tzinfo=UTC)
        await reconcile_day(writer, "lab", Day(far.date(), far, far + timedelta(days=1)), [], ENDS)
        days = await reader.fetch("SELECT day, reconciliation_id FROM pbx112.reconciled_day")
        assert [tuple(each) for each in days] == [(date(2025, 11, 25), 2)], (
            "a day that is not over is not reconciled"
        )
        rows = await reader.fetch(
            "SELECT account, asterisk_calls, differences FROM pbx112.reconciliation WHERE day < '2199-01-01'"
        )
        assert [tuple(each) for each in rows] == [("reconciler", 2, 2)] * 2
        assert (
            await reader.fetchval(
                "SELECT count(*) FROM pbx112.reconciliation_call WHERE class = 'not_recorded'"
            )
            == 4
        )
        for statement in (
            "UPDATE pbx112.reconciliation SET differences = 0",
            "DELETE FROM pbx112.reconciliation_call",
            "INSERT INTO pbx112.reconciliation (account) VALUES ('somebody')",
        ):
            for connection in (writer, reader):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        owner = await asyncpg.connect(server.dsn_of(name))
        try:
            with pytest.raises(asyncpg.PostgresError, match="append"):
                await owner.execute("DELETE FROM pbx112.reconciliation_call")
        finally:
            await owner.close()
    finally:
        await writer.close()
        await reader.close()


async def test_a_program_is_told_each_day_with_the_calls_that_differ(
    server: Postgres, migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "reconciled_json"
    await server.create_database(name, like=migrated)
    story = calls.answered()
    await ship(server.dsn_of(name), tmp_path, calls.drafts("lab-1.1", story))
    came = datetime.fromtimestamp(calls.BEGAN_US / 1e6, UTC)
    (seconds,) = (after for after, event in story if isinstance(event, CallEnded))
    lost = came + timedelta(days=1)
    file = tmp_path / "pbx112.csv"
    file.write_text(f"{line(came, seconds=seconds)}\nspoiled\n{line(lost, call='lab-1.2', other='')}\n")
    settings = {"DSN": server.dsn_of(name), "NODE": "kaur", "ASTERISK_CDR": file, "AGENCIES": PLAN}
    for key, value in settings.items():
        monkeypatch.setenv(f"PBX112_{key}", str(value))
    words = ["audit", "reconcile", "--from", "2026-07-23", "--to", "2026-07-24", "--json"]
    said = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert said.exit_code == 1 and "pbx112.csv:2: not nine" in said.stderr, said.output
    told = json.loads(said.stdout)
    assert (told["node"], told["calls_of_other_nodes"]) == ("kaur", {})
    first, second = told["days"]
    assert (first["day"], first["agreed"], first["differences"], first["calls"]) == ("2026-07-23", 1, 0, [])
    assert (second["begins"], second["unreadable_lines"]) == ("2026-07-23T17:00:00Z", 1)
    assert second["calls"] == [
        {
            "call_id": "lab-1.2",
            "class": "not_recorded",
            "is_difference": True,
            "asterisk_began_at": f"{lost:%Y-%m-%dT%H:%M:%SZ}",
            "asterisk_ended_at": f"{lost + MINUTE:%Y-%m-%dT%H:%M:%SZ}",
            "asterisk_answered": False,
            "arrived_at": None,
            "ended_at": None,
            "outcome": None,
        }
    ]
    database = await asyncpg.connect(server.dsn_of(name))
    try:
        kept = json.loads(
            await database.fetchval(
                "SELECT to_jsonb(r) - 'begins' - 'ends' FROM pbx112.reconciliation r WHERE day = '2026-07-24'"
            )
        )
        both = kept.keys() & second.keys()
        assert len(both) == 13 and all(kept[key] == second[key] for key in both), "as Postgres has it"
    finally:
        await database.close()

    monkeypatch.setenv("PBX112_NODE", "another")
    said = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert json.loads(said.stdout)["calls_of_other_nodes"] == {"kaur": 1}
