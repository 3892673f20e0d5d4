"""What is told of lines, and what is not claimed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pbx112.desk import LineWatch
from pbx112.desk.lines import LineState
from pbx112.watch.gauges import _watched


def told(lines: dict[tuple[str, str], LineState], *, connected: bool = True) -> dict[tuple[str, str], float]:
    watch: Any = SimpleNamespace(
        connected=connected, channels={"gsm": 3}, lines=SimpleNamespace(lines=lines, trunks={})
    )
    return {
        (sample.name, "/".join(sample.labels.values())): sample.value
        for metric in _watched(cast(LineWatch, watch))
        for sample in metric.samples
    }


def test_an_agency_is_alive_by_one_line_and_dead_only_where_somebody_knows() -> None:
    said = told(
        {
            ("damkar", "2101"): "unreachable",
            ("damkar", "+62"): "busy",
            ("bpbd", "2201"): "unreachable",
            ("bpbd", "2202"): "unknown",
            ("rsud", "DAHDI"): "unknown",
        }
    )
    assert said["pbx112_owner_alive", "damkar"] == 1
    assert said["pbx112_owner_alive", "bpbd"] == 0
    assert ("pbx112_owner_alive", "rsud") not in said
    assert said["pbx112_lines", "damkar/unreachable"] == 1
    assert said["pbx112_lines", "damkar/ready"] == 0
    assert said["pbx112_trunk_channels", "gsm"] == 3


def test_nothing_is_claimed_while_nobody_tells() -> None:
    said = told({("damkar", "2101"): "ready"}, connected=False)
    assert said["pbx112_ami_connected", ""] == 0
    assert ("pbx112_owner_alive", "damkar") not in said
