"""The plan that the daemon uses, as others read it."""

from __future__ import annotations

import os
from pathlib import Path

from structlog.testing import capture_logs

from pbx112.wallboard.follow import RunningPlan
from tests.cli.exchange import PLAN


def test_a_bad_plan_is_told_once_and_the_next_one_is_read(tmp_path: Path) -> None:
    """It is looked at three times a second."""
    journal, file = tmp_path / "journal.db", tmp_path / "agencies.yaml"
    file.write_text("version: 2\n")
    running = RunningPlan(journal, file)
    with capture_logs() as told:
        assert [running.look() for _ in range(5)] == [False] * 5
    assert [line["event"] for line in told] == ["a plan cannot be read"]
    file.write_text(PLAN)
    os.utime(file, (1, 1))  # surely another moment
    assert running.look() and running.plan is not None

    kept = tmp_path / "agencies.last-good.yaml"
    kept.write_text("version: 2\n")
    with capture_logs() as told:
        assert [running.look() for _ in range(5)] == [True] * 5
    assert len(told) == 1
