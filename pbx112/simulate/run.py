"""Many worlds on all cores: counted, and stopped at the first one in which a law does not hold."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from .laws import Broken
from .world import World

CALLS_A_WORLD = 30


@dataclass(frozen=True, slots=True)
class Failure:
    """World `seed` breaks a law."""

    seed: int
    law: str
    call_id: str
    text: str


@dataclass(slots=True)
class Result:
    """What some worlds came to."""

    worlds: int = 0
    calls: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    failure: Failure | None = None


def run_world(seed: int, told: Callable[[str], None] | None = None) -> Result:
    """One world. It is the same each time, to the last event."""
    world = World(seed, CALLS_A_WORLD, told)
    try:
        world.run()
    except Broken as broken:
        failure = Failure(seed, broken.law, broken.call_id, str(broken))
        return Result(1, CALLS_A_WORLD, world.seen, failure)
    return Result(1, CALLS_A_WORLD, world.seen)


def run_worlds(first: int, worlds: int, workers: int | None = None) -> Iterator[Result]:
    """Worlds `first` and following, in their order; the last one given is the first that fails."""
    seeds = range(first, first + worlds)
    workers = min(workers or os.cpu_count() or 1, worlds)
    if workers == 1:
        quiet()
        for seed in seeds:
            yield (result := run_world(seed))
            if result.failure:
                return
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _begin) as pool:
        for result in pool.imap(run_world, seeds, chunksize=8):
            yield result
            if result.failure:
                return


def _begin() -> None:
    """A worker does nothing else: what is there at its start stays, and looking for garbage in it is wasted time."""
    quiet()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def quiet() -> None:
    """The daemon's log lines say nothing here: they are about made-up calls."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def story_of(seed: int, call_id: str, lines: int = 80) -> list[str]:
    """The end of what happened to one call (or to all, where `call_id` is empty), and around it."""
    story: list[str] = []
    run_world(seed, story.append)
    ours = [line for line in story if call_id in line or "***" in line or line.endswith("connected")]
    return (ours if call_id else story)[-lines:]
