"""Many inputs for each target, on all processors; the first that breaks a promise is kept, and can be played again."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.fuzz.mutate import mutated, shortened
from lab.fuzz.targets import TARGETS

BLOCK = 500
"""Inputs that one process takes at once."""

LONGEST = 2.0
"""Seconds that one input may take."""


@dataclass(frozen=True)
class Broken:
    """The input with this number breaks what `target` promises."""

    target: str
    number: int
    why: str


def fuzz(
    target: str, inputs: int, seed: int, tell: Callable[[int], None], pool: ProcessPoolExecutor | None = None
) -> Broken | None:
    """Give `target` so many inputs; the first that breaks it. `tell` hears how many more are done."""
    blocks = [
        (target, seed * 1_000_000_000 + start, min(BLOCK, inputs - start))
        for start in range(0, inputs, BLOCK)
    ]
    results: Iterable[Broken | None] = pool.map(_block, blocks) if pool else map(_block, blocks)
    for (_, _, count), broken in zip(blocks, results, strict=True):
        if broken is not None:
            return broken
        tell(count)
    return None


def processes() -> ProcessPoolExecutor:
    """One for each processor."""
    return ProcessPoolExecutor(os.cpu_count())


def _block(work: tuple[str, int, int]) -> Broken | None:
    target, first, count = work
    return next(_broken(target, range(first, first + count)), None)


def _broken(target: str, numbers: Iterable[int]) -> Iterator[Broken]:
    for number in numbers:
        why = fails(target, mutated(_samples(target), number))
        if why:
            yield Broken(target, number, why)


@cache
def _samples(target: str) -> tuple[bytes, ...]:
    return tuple(TARGETS[target].samples())


def fails(target: str, data: bytes) -> str:
    """What is broken by this input; empty where all promises are kept."""
    began = time.process_time()  # what a busy machine takes from us is not the reader's
    try:
        TARGETS[target].read(data)
    except Exception:
        return traceback.format_exc(limit=-4)
    took = time.process_time() - began
    return f"it took {took:.1f} s" if took > LONGEST else ""


def keep(broken: Broken, folder: Path) -> Path:
    """The input as a file, made as short as it can be."""
    data = shortened(
        mutated(_samples(broken.target), broken.number), lambda part: bool(fails(broken.target, part))
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{broken.target}-{broken.number}"
    file.write_bytes(data)
    return file
