"""A few thousand hostile inputs for each reader; `make fuzz` gives it 100,000 and more."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.fuzz import run
from lab.fuzz.mutate import mutated, shortened
from lab.fuzz.run import fails, fuzz, keep
from lab.fuzz.targets import TARGETS, Target

INPUTS = {"agencies.yaml": 300, "journal": 1_000}


@pytest.mark.parametrize("target", TARGETS)
def test_only_documented_errors_and_soon(target: str) -> None:
    broken = fuzz(target, INPUTS.get(target, 3_000), 112, lambda done: None)
    assert broken is None, f"input {broken.number}: {broken.why}"


@pytest.mark.parametrize("target", TARGETS)
def test_the_samples_are_right(target: str) -> None:
    for sample in TARGETS[target].samples():
        assert not fails(target, sample)


def test_a_planted_fault_is_found_kept_and_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes) -> None:
        if b"NaN" in data:
            raise KeyError("planted")

    monkeypatch.setitem(TARGETS, "planted", Target(lambda: [b"one,two,three" * 20], read))
    broken = fuzz("planted", 5_000, 1, lambda done: None)
    assert broken is not None and "planted" in broken.why
    file = keep(broken, tmp_path)
    assert file.read_bytes() == b"NaN"
    assert fails("planted", file.read_bytes())
    run._samples.cache_clear()


def test_the_same_number_is_the_same_input() -> None:
    samples = [b"abc" * 10, b"xyz"]
    assert mutated(samples, 7) == mutated(samples, 7)
    assert len({mutated(samples, number) for number in range(100)}) > 60
    assert shortened(b"....x....", lambda data: b"x" in data) == b"x"
