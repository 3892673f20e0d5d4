"""From runs to numbers and verdicts."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import WIDTH
from bench.calls import Load, Run
from bench.capture import Seen
from bench.report import show
from bench.result import Result
from bench.ways import DIAL, PBX112, QUEUE, Way


def run(way: Way, *milliseconds: float, rate: int = 20, failed: int = 0, unanswered: int = 0) -> Run:
    """A run whose calls, a second apart, were answered after so long."""
    load = Load(rate, len(milliseconds) + unanswered, 1.0, 1)
    calls = [
        Seen(f"{load.caller}{n}", float(n), taken=True, answered=n + each / 1000)
        for n, each in enumerate(milliseconds)
    ]
    return Run(way, load, tuple(calls), failed, asterisk_cpu=0.01 * load.count, daemon_cpu=0.002 * load.count)


def result(*runs: Run) -> Result:
    return Result(list(runs), accepted=3, rss_mb_idle=60, rss_mb_at_500=70)


def test_runs_of_one_way_and_rate_count_together() -> None:
    measured = result(
        run(QUEUE, 4, 6), run(PBX112, 6, 9), run(QUEUE, 5), run(PBX112, 7), run(QUEUE, 50, rate=100)
    )
    assert measured.row(20, QUEUE).median == pytest.approx(5)
    assert measured.row(20, QUEUE).medians == pytest.approx([5, 5])
    assert measured.row(100, QUEUE).median == pytest.approx(50)
    assert measured.ratio(20, PBX112, QUEUE) == pytest.approx(7 / 5)
    assert measured.row(20, PBX112).asterisk_cpu == pytest.approx(10)
    assert measured.row(20, PBX112).daemon_cpu == pytest.approx(2)


def test_one_in_a_hundred_waits_longer_than_p99() -> None:
    row = result(run(DIAL, *range(1, 101))).row(20, DIAL)
    assert row.p99 == pytest.approx(100)
    assert result(run(DIAL, *range(1, 1001))).row(20, DIAL).p99 == pytest.approx(991)


def test_a_call_without_any_answer_is_lost() -> None:
    row = result(run(DIAL, 4, 4, unanswered=2, failed=2)).row(20, DIAL)
    assert (row.lost, row.failed) == (2, 2)


def three(ratio: float, failed: int = 0) -> Result:
    return result(run(DIAL, 4), run(QUEUE, 5), run(PBX112, 5 * ratio, failed=failed))


@pytest.mark.parametrize(
    ("measured", "reached"),
    [
        (three(1.49), [True, True, True, True]),
        (three(1.51), [False, True, True, True]),
        (three(1.0, failed=1), [True, False, True, True]),
    ],
)
def test_targets_are_judged(measured: Result, reached: list[bool]) -> None:
    assert [target.reached for target in measured.targets()] == reached


def test_a_missing_or_a_double_record_and_too_much_memory_are_told() -> None:
    missing, double, fat = three(1), three(1), three(1)
    missing.unrecorded, double.recorded_again, fat.rss_mb_at_500 = 1, 1, 120.0
    assert [target.reached for target in missing.targets()] == [True, True, False, True]
    assert [target.reached for target in double.targets()] == [True, True, False, True]
    assert [target.reached for target in fat.targets()] == [True, True, True, False]


def test_the_file_has_what_others_read_from_it(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    three(1.4, failed=1).write(file)
    told = json.loads(file.read_text())
    assert set(told["setup_ms"]["20"]) == {"dial", "app_queue", "pbx112"}
    assert told["setup_ms"]["20"]["pbx112"]["median"] == pytest.approx(7)
    assert told["setup_ms"]["20"]["pbx112"]["p99"] == pytest.approx(7)
    assert told["failed"] == {"20": {"dial": 0, "app_queue": 0, "pbx112": 1}}
    assert (told["unrecorded"], told["rss_mb_at_500"]) == (0, 70)


def test_the_table_shows_the_ratios_and_the_verdict() -> None:
    out = StringIO()
    show(three(1.6), Console(file=out, width=WIDTH))
    told = out.getvalue()
    assert "1.60" in told
    assert "NOT REACHED" in told
    assert "…" not in told
