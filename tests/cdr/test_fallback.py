"""The fallback's records: every line's worth is taken over once, whatever befalls the file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.cdr.fallback import CHUNK, FallbackRecords, Position
from pbx112.cdr.fallback_story import FallbackCall, read_line, told
from pbx112.model import events as ev
from pbx112.model.events import CallEvent, Instant, LegResult, Outcome
from tests.plan.plans import agency, extension, mobile, plan

PLAN = plan(agency("damkar", extension("2101"), mobile("+6281200000001")))
LINE = "damkar,2101,extension,PJSIP/2101,15,pickup,12,,,"
STORY = f"""\
100.000001,{{call}},arrived,08123%2C%0A,112,PJSIP%2Ftrunk-112-00000001,0123456789abcdef
100.000002,{{call}},stage,damkar,first,1
100.100000,{{call}},offered,Local/1-a,1,{LINE}
103.200000,{{call}},answered,Local/1-a
103.199999,{{call}},accepted,Local/1-a
160.000000,{{call}},leg_ended,Local/1-a,ANSWER,16,200
160.200000,{{call}},ended,staff,16
"""


def story(call: str) -> str:
    return STORY.format(call=call)


def ids(calls: tuple[FallbackCall, ...]) -> list[str]:
    return [call.call_id for call in calls]


def test_a_call_is_told_in_the_daemons_words(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(story("kaur1-100.1"))
    (call,) = FallbackRecords(file).take(PLAN)
    assert call.call_id == "kaur1-100.1"
    assert call.plan == "0123456789abcdef"
    kinds = [type(event).__name__ for _, event in call.events]
    assert kinds == [
        "CallArrived",
        "StageEntered",
        "LegOffered",
        "LegAnswered",
        "CallerAnswered",
        "LegAccepted",
        "LegEnded",
        "CallEnded",
    ]
    arrived, stage, offered = (event for _, event in call.events[:3])
    assert isinstance(arrived, ev.CallArrived)
    assert (arrived.via, arrived.caller_raw, arrived.caller, arrived.source) == (
        "fallback",
        "08123,",
        None,
        "trunk-112",
    )
    assert isinstance(stage, ev.StageEntered)
    assert isinstance(offered, ev.LegOffered)
    assert stage.waves == ((offered.target,),)
    assert offered.target.name == "Line 2101", "the plan lends the name"
    assert offered.target.ring_for == 15
    moments = [at.utc_us for at, _ in call.events]
    assert moments == sorted(moments)
    assert moments[0] == 100_000_001
    assert all(at.mono_ns == at.utc_us * 1000 for at, _ in call.events)


@pytest.mark.parametrize(
    ("let_in", "came_us"),
    [
        ("94.000001", 94_000_001),
        ("099.999999", 99_999_999),
        ("1.000000", 1_000_000),
        ("900.000000", 100_000_001),
    ],
)
def test_who_waited_for_a_daemon_before_the_fallback_came_when_it_was_let_in(
    tmp_path: Path, let_in: str, came_us: int
) -> None:
    """Else the record would hide the wait, and differ from Asterisk's own count. (A clock that was set is none.)"""
    file = tmp_path / "records.csv"
    entered = "entered,08123%2C%0A,112,PJSIP%2Ftrunk-112-00000001,0000000000000000"
    file.write_text(f"{let_in},kaur1-100.1,{entered}\n")
    records = FallbackRecords(file)
    assert records.take(PLAN) == ()
    records = FallbackRecords(file, records.position)
    with file.open("a") as more:
        more.write(story("kaur1-100.1").split("\n")[0] + "\n")
    assert records.take(PLAN) == ()
    records = FallbackRecords(file, records.position)
    with file.open("a") as more:
        more.write("\n".join(story("kaur1-100.1").split("\n")[1:]))
    (call,) = records.take(PLAN)
    (at, arrived), *rest = call.events
    assert (at.utc_us, call.plan) == (came_us, "0123456789abcdef")
    assert isinstance(arrived, ev.CallArrived) and arrived.caller_raw == "08123,"
    assert not any(isinstance(event, ev.CallArrived) for _, event in rest)


def test_a_line_that_the_plan_no_longer_has_keeps_its_number_as_name(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(story("1.1").replace("2101", "2999"))
    (call,) = FallbackRecords(file).take(PLAN)
    offered = next(event for _, event in call.events if isinstance(event, ev.LegOffered))
    assert (offered.target.number, offered.target.name) == ("2999", "2999")


def test_a_call_that_the_daemon_had_begun_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(story("1.1"))
    (call,) = FallbackRecords(file).take(PLAN)
    later = call.continuing(legs=3, shift_ns=-7)
    assert not any(isinstance(event, ev.CallArrived) for _, event in later)
    assert [event.leg for _, event in later if isinstance(event, ev.LegOffered)] == [4]
    assert [event.leg for _, event in later if isinstance(event, ev.LegEnded)] == [4]
    assert later[0][0] == Instant(100_000_002, 100_000_002_000 - 7)


@pytest.mark.parametrize("told_last", ["announcement", "stage,damkar,again,2", "menu,1,8,1=kebakaran"])
def test_a_call_that_a_human_had_accepted_before_is_no_unanswered_one(tmp_path: Path, told_last: str) -> None:
    """Its talk broke, the daemon stopped, and the caller gave up in the fallback."""
    file = tmp_path / "records.csv"
    first, stage, *_ = story("1.1").splitlines(keepends=True)
    file.write_text(f"{first}{stage}102.000000,1.1,{told_last}\n103.000000,1.1,ended,,16\n")
    (call,) = FallbackRecords(file).take(PLAN)

    def end(accepted: bool) -> CallEvent:
        return call.continuing(legs=1, accepted=accepted)[-1][1]

    assert end(accepted=True) == ev.CallEnded(Outcome.ANSWERED, "caller")
    assert end(accepted=False) == call.events[-1][1] != end(accepted=True)


def test_nothing_is_taken_twice_and_nothing_left_out_across_restarts(tmp_path: Path) -> None:
    """At every byte at which the file may have been read, and the reader stopped and started again."""
    file = tmp_path / "records.csv"
    whole = (story("1.1") + story("1.2")).encode()
    for stop in range(0, len(whole), 7):
        file.write_bytes(whole[:stop])
        first = FallbackRecords(file)
        taken = ids(first.take(PLAN))
        kept = msgspec.json.encode(first.position)
        file.write_bytes(whole)
        second = FallbackRecords(file, msgspec.json.decode(kept, type=Position))
        assert taken + ids(second.take(PLAN)) == ["1.1", "1.2"], stop
        assert second.take(PLAN) == ()


def test_calls_that_overlap_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    pairs = zip(story("1.1").splitlines(), story("1.2").splitlines(), strict=True)
    file.write_text("".join(f"{one}\n{other}\n" for one, other in pairs))
    one, other = FallbackRecords(file).take(PLAN)
    assert (one.call_id, other.call_id) == ("1.1", "1.2")
    assert one.events[1:] == other.events[1:]


def test_rotation_by_renaming_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    lines = story("1.2").splitlines(keepends=True)
    file.write_text(story("1.1"))
    records = FallbackRecords(file)
    assert ids(records.take(PLAN)) == ["1.1"]
    file.write_text(story("1.1") + "".join(lines[:3]))
    file.rename(tmp_path / "records.csv.1")
    file.write_text("".join(lines[3:]) + story("1.3"))
    assert ids(records.take(PLAN) + records.take(PLAN)) == ["1.2", "1.3"]


def test_two_rotations_while_the_daemon_was_away_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(story("1.1"))
    records = FallbackRecords(file)
    assert ids(records.take(PLAN)) == ["1.1"]
    for age, (name, call) in enumerate([("records.csv.1", "1.3"), ("records.csv.2", "1.1")]):
        older = tmp_path / name
        older.write_text(story(call) + (story("1.2") if call == "1.1" else ""))
        os.utime(older, (1000 - age, 1000 - age))
    file.write_text(story("1.4"))
    (tmp_path / "records.csv.3.gz").write_bytes(b"\x1f\x8b")
    again = FallbackRecords(file, records.position)
    assert ids(again.take(PLAN) + again.take(PLAN) + again.take(PLAN)) == ["1.2", "1.3", "1.4"]


def test_a_truncated_file_is_read_from_its_new_beginning(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(story("1.1") + story("1.2"))
    records = FallbackRecords(file)
    assert ids(records.take(PLAN)) == ["1.1", "1.2"]
    file.write_text("")
    assert records.take(PLAN) == ()
    file.write_text(story("2.1") * 3)
    assert ids(records.take(PLAN)) == ["2.1", "2.1", "2.1"]


def test_no_file_yet_is_no_error(tmp_path: Path) -> None:
    records = FallbackRecords(tmp_path / "records.csv")
    assert records.take(PLAN) == ()
    (tmp_path / "records.csv").write_text(story("1.1"))
    assert ids(records.take(PLAN)) == ["1.1"]


def test_a_torn_line_waits_for_its_rest(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(story("1.1")[:-10])
    records = FallbackRecords(file)
    assert records.take(PLAN) == ()
    file.write_text(story("1.1"))
    assert ids(records.take(PLAN)) == ["1.1"]
    assert records.damaged == 0


def test_a_line_that_broke_off_takes_none_with_it(tmp_path: Path) -> None:
    """A full disk, a power cut: what Asterisk writes next stands behind it in the same line."""
    lines, behind = (re.sub(r"^(?=.)", "1790000", story(call), flags=re.MULTILINE) for call in ("1.1", "2.2"))
    for torn in range(1, len(line := lines.splitlines()[0])):
        file = tmp_path / f"{torn}.csv"
        file.write_text(line[:torn] + behind)
        records = FallbackRecords(file)
        assert ids(records.take(PLAN)) == ["2.2"], line[:torn]
        assert records.damaged == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1790000001.1", "kaur-1790000002.123456"),
        ("1790000001.123456", "1790000002.123456"),
        ("kaur-1790000001.123456", "1790000002.2"),
    ],
)
def test_a_line_that_broke_off_is_never_read_as_one_with_the_next(first: str, second: str) -> None:
    """Wherever it broke off: the two together may look like a line, such as an arrival with odd fields."""
    texts = (
        "entered,stage,112,PJSIP%2Ft-1,p",
        "described,a,,,,,",
        "stage,damkar,first,1",
        "offered,a,1,damkar,2101,extension,PJSIP/2101,15,pickup,12,,,0",
        "leg_ended,a,NOANSWER,19,480",
        "caller_answered",
        "announcement",
        "chosen,1,kebakaran",
        "left,16",
        "ended,,16",
    )
    for text in texts:
        line = f"1790000003.000001,{first},{text}"
        assert read_line(line) is not None
        for behind in (f"1790000004.000001,{second},{text}" for text in texts):
            told = read_line(behind)
            assert told is not None and told.text == behind
            for torn in range(1, len(line) + 1):
                assert read_line(line[:torn] + behind) == told, line[:torn] + behind


def test_rubbish_is_counted_and_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    rubbish = b"\xff\xfe\x00 nothing\n1,2,3\n" + b"x" * (CHUNK + 10) + b"\n"
    file.write_bytes(rubbish + story("1.1").encode())
    records = FallbackRecords(file)
    taken = ids(records.take(PLAN) + records.take(PLAN) + records.take(PLAN))
    assert taken == ["1.1"]
    assert records.damaged >= 3


def test_a_call_whose_end_never_came_can_be_closed(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text("".join(story("1.1").splitlines(keepends=True)[:3]))
    records = FallbackRecords(file)
    assert records.take(PLAN) == ()
    (open_call,) = records.unfinished(PLAN)
    assert open_call.call_id == "1.1"
    assert not any(isinstance(event, ev.CallEnded) for _, event in open_call.events)

    again = FallbackRecords(file, records.position)
    closed = again.close("1.1", Instant(200_000_000, 0), PLAN)
    assert closed is not None
    assert closed.events[-2:] == (
        (Instant(200_000_000, 200_000_000_000), ev.LegEnded(1, LegResult.WITHDRAWN)),
        (Instant(200_000_000, 200_000_000_000), ev.CallEnded(Outcome.SYSTEM_FAILURE, "system")),
    )
    assert again.unfinished(PLAN) == ()
    assert again.close("1.1", Instant(0, 0), PLAN) is None
    assert again.position.open == ()


facts = st.sampled_from(
    [
        "stage,damkar,first,1",
        f"offered,a,1,{LINE}",
        f"offered,b,1,{LINE}",
        "offered,c,2,damkar,+62812,mobile,PJSIP/+62812@gsm,15,press_1,12,gsm,0739112,3600",
        *(f"{fact},{leg}" for fact in ("answered", "accepted") for leg in "abc"),
        *(
            f"leg_ended,{leg},{status}"
            for leg in "abc"
            for status in (",26,", "BUSY,17,486", "ANSWER,16,200")
        ),
        "broke,a,44",
        "menu,1,8,1=kebakaran",
        "chosen,1,kebakaran",
        "caller_answered",
        "announcement",
        "stage,,,",
        "leg_ended,nobody,,,",
    ]
)


@given(st.lists(facts, max_size=30), st.sampled_from(["staff", "system", ""]))
def test_whatever_the_order_there_is_one_outcome_and_one_result_for_each_leg(
    middle: list[str], by: str
) -> None:
    texts = ["arrived,x,112,PJSIP%2Ft-1,p", *middle, f"ended,{by},16"]
    lines = [line for text in texts if (line := read_line(f"1.000000,c,{text}"))]
    assert len(lines) == len(texts)
    events = [event for _, event in told(lines, PLAN).events]
    assert [type(event) for event in events].count(ev.CallEnded) == 1
    assert isinstance(events[-1], ev.CallEnded)
    offered = [event.leg for event in events if isinstance(event, ev.LegOffered)]
    ended = [event.leg for event in events if isinstance(event, ev.LegEnded)]
    assert sorted(ended) == offered == list(range(1, len(offered) + 1))


@given(st.text(max_size=300))
def test_no_line_is_too_strange_to_be_read(text: str) -> None:
    read_line(text)
    line = read_line(f"1.000000,c,arrived,{text},112,x,p")
    ended = read_line("2.000000,c,ended,,16")
    assert ended is not None
    if line is not None:
        assert isinstance(told([line, ended], PLAN).events[-1][1], ev.CallEnded)


def test_a_hundred_thousand_lines_and_ten_rotations(tmp_path: Path) -> None:
    """A week without the daemon, read while more comes: the first look of each finds half a line at the end."""
    file = tmp_path / "records.csv"
    calls = [f"kaur1-{number}.1" for number in range(14_290)]
    records, taken = FallbackRecords(file), list[str]()
    for day in range(10):
        lines = "".join(story(call) for call in calls[day::10]).encode()
        for part in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            with file.open("ab") as stream:
                stream.write(part)
            taken += ids(records.take(PLAN))  # a megabyte at most
            assert len(records.position.open) < 10, "what is kept is the call that has not ended"
        file.rename(tmp_path / f"records.csv-{day}")
    while more := ids(records.take(PLAN)):
        taken += more
    assert taken == [call for day in range(10) for call in calls[day::10]]
    assert records.damaged == 0
