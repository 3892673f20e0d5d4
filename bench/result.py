"""What was measured, as numbers: medians, ratios, and whether the targets are reached."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.calls import Run
from bench.ways import DIAL, PBX112, QUEUE, Way
from pbx112 import __version__

RATIO_TARGET = 1.5
"""The median set-up latency may be this many times app_queue's."""
RSS_TARGET_MB = 120.0


@dataclass(frozen=True)
class Row:
    """All runs of one way at one rate, taken together. Times are milliseconds."""

    way: Way
    rate: int
    runs: tuple[Run, ...]

    @property
    def median(self) -> float:
        """Of the set-up latency."""
        return _median(self._all("setup"))

    @property
    def p99(self) -> float:
        """99 of 100 callers waited no longer."""
        values = sorted(self._all("setup"))
        return values[min(len(values) - 1, int(len(values) * 0.99))] if values else float("nan")

    @property
    def medians(self) -> list[float]:
        """Of each run: how far the machine's moods carry."""
        return [_median(run.setup) for run in self.runs]

    @property
    def to_phone(self) -> float:
        """Median until the phone has its INVITE."""
        return _median(self._all("to_phone"))

    @property
    def back(self) -> float:
        """Median from the phone's answer to the caller's."""
        return _median(self._all("back"))

    @property
    def failed(self) -> int:
        """Calls that SIPp did not see through."""
        return sum(run.failed for run in self.runs)

    @property
    def lost(self) -> int:
        """Calls that got neither an answer nor a refusal."""
        return sum(run.lost for run in self.runs)

    @property
    def carried(self) -> float:
        """Calls answered a second."""
        return statistics.fmean(run.carried for run in self.runs)

    @property
    def asterisk_cpu(self) -> float:
        """Asterisk's CPU for one call."""
        return 1000 * sum(run.asterisk_cpu for run in self.runs) / self._calls

    @property
    def daemon_cpu(self) -> float:
        """The daemon's CPU for one call; it has nothing to do in other ways than its own."""
        return 1000 * sum(run.daemon_cpu for run in self.runs) / self._calls if self.way.ours else 0.0

    @property
    def _calls(self) -> int:
        return sum(run.load.count for run in self.runs)

    def _all(self, what: str) -> list[float]:
        return [value for run in self.runs for value in getattr(run, what)]


@dataclass(frozen=True)
class Target:
    """Something to be reached, and whether it is."""

    what: str
    measured: str
    reached: bool


@dataclass
class Result:
    """Everything, of one benchmark."""

    runs: list[Run] = field(default_factory=list)
    unrecorded: int = 0
    recorded_again: int = 0
    accepted: int = 0
    rss_mb_idle: float = float("nan")
    rss_mb_at_500: float = float("nan")
    machine: dict[str, Any] = field(default_factory=dict)

    @property
    def rates(self) -> list[int]:
        """Calls a second, in the order in which they were first tried."""
        return list(dict.fromkeys(run.load.rate for run in self.runs))

    def rows(self, rate: int) -> list[Row]:
        """One for each way that was tried at this rate."""
        ways = dict.fromkeys(run.way for run in self.runs if run.load.rate == rate)
        return [
            Row(way, rate, tuple(run for run in self.runs if (run.load.rate, run.way) == (rate, way)))
            for way in ways
        ]

    def row(self, rate: int, way: Way) -> Row:
        """One of them."""
        return next(row for row in self.rows(rate) if row.way == way)

    def ratio(self, rate: int, of: Way, to: Way) -> float:
        """Of the medians."""
        return self.row(rate, of).median / self.row(rate, to).median

    def targets(self) -> list[Target]:
        """What is to be reached."""
        listed = []
        for rate in self.rates:
            ratio = self.ratio(rate, PBX112, QUEUE)
            listed.append(
                Target(
                    f"median at {rate} calls/s at most {RATIO_TARGET} times app_queue's",
                    f"{ratio:.2f} times",
                    ratio <= RATIO_TARGET,
                )
            )
        for rate in self.rates:
            failed = self.row(rate, PBX112).failed
            listed.append(Target(f"no failed call at {rate} calls/s", f"{failed} failed", failed == 0))
        listed.append(
            Target(
                "every call that Asterisk took stands in Postgres, once",
                f"{self.unrecorded} unrecorded, {self.recorded_again} twice, of {self.accepted}",
                self.unrecorded == 0 and self.recorded_again == 0,
            )
        )
        listed.append(
            Target(
                f"memory with 500 calls up below {RSS_TARGET_MB:.0f} MB",
                f"{self.rss_mb_at_500:.0f} MB",
                self.rss_mb_at_500 < RSS_TARGET_MB,
            )
        )
        return listed

    def write(self, file: Path) -> None:
        """As JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self._as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _as_json(self) -> dict[str, Any]:
        def each(what: str, *, digits: int | None = 2) -> dict[str, dict[str, Any]]:
            return {
                str(rate): {row.way.key: round(getattr(row, what), digits) for row in self.rows(rate)}
                for rate in self.rates
            }

        return {
            "setup_ms": {
                str(rate): {
                    row.way.key: {
                        "median": round(row.median, 3),
                        "p99": round(row.p99, 3),
                        "medians": [round(value, 3) for value in row.medians],
                        "to_phone": round(row.to_phone, 3),
                        "back": round(row.back, 3),
                    }
                    for row in self.rows(rate)
                }
                for rate in self.rates
            },
            "ratio": {
                str(rate): {way.key: round(self.ratio(rate, PBX112, way), 3) for way in (DIAL, QUEUE)}
                for rate in self.rates
            },
            "failed": each("failed", digits=None),
            "lost": each("lost", digits=None),
            "calls_per_second": each("carried"),
            "cpu_ms_per_call": {"asterisk": each("asterisk_cpu"), "pbx112": each("daemon_cpu")},
            "accepted": self.accepted,
            "unrecorded": self.unrecorded,
            "recorded_again": self.recorded_again,
            "rss_mb_idle": round(self.rss_mb_idle, 1),
            "rss_mb_at_500": round(self.rss_mb_at_500, 1),
            "targets": [
                {"what": target.what, "measured": target.measured, "reached": target.reached}
                for target in self.targets()
            ],
            "machine": self.machine,
        }


def machine(asterisk: str) -> dict[str, Any]:
    """On what it was measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "asterisk": asterisk,
        "python": platform.python_version(),
        "pbx112": __version__,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")
