"""`make matrix`: the core stories on each Asterisk, each Postgres and each Python that is supported.

Not every combination of them: each version once beside today's others, and the oldest together. What has run tells its
version by itself (`tests/exchange/test_versions.py`); the table shows that, not what was asked for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from lab import versions
from lab.bootstrap import bootstrap
from lab.root import SUITE
from lab.setup import REPOSITORY, has_packages, make_venv

CALLS = (
    "tests/exchange/test_versions.py",
    "tests/exchange/test_calls.py::test_a_call_taker_answers_and_the_record_tells_it",
    "tests/exchange/test_calls.py::test_voicemail_does_not_count_as_a_human",
    "tests/exchange/test_calls.py::test_the_menu_leads_to_the_chosen_agency",
    "tests/exchange/test_calls.py::test_the_talk_is_recorded_under_the_calls_name",
    "tests/exchange/test_described.py::test_a_hostile_header_is_cut_and_kept_and_changes_nothing[long]",
    "tests/exchange/test_failures.py::test_the_daemon_is_killed_while_it_rings_and_the_next_one_goes_on",
    "tests/exchange/test_failures.py::test_a_talk_goes_on_without_the_daemon_and_ends_in_the_same_record",
    "tests/exchange/test_failures.py::test_a_call_that_comes_while_the_daemon_is_down_is_recorded_later",
    "tests/exchange/test_transfer.py::test_blind_to_an_agencys_code_rings_it_and_lets_the_transferor_go",
    "tests/exchange/test_transfer.py::test_attended_the_agency_has_been_spoken_to_and_takes_over",
)
"""The core: answered, press 1, menu, recording, daemon killed, fallback, transfer; record, audit, check."""

POSTGRES = (
    *(
        f"tests/cdr/test_{what}.py"
        for what in ("migrate", "rights", "record", "ship", "pruned", "rebuild", "retention", "figures")
    ),
    "tests/audit",
)
PYTHON = (
    "tests/model",
    "tests/plan",
    "tests/journal",
    "tests/switch",
    "tests/cdr/test_ship.py",
    "tests/watch",
)


@dataclass(frozen=True)
class Combination:
    """Which versions, and what runs on them besides the calls. `asterisk` is the Debian that it comes from."""

    asterisk: str = SUITE
    postgres: int | None = None
    python: int | None = None
    besides: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = [f"Asterisk of Debian {self.asterisk}"]
        told += [f"Postgres {self.postgres}"] if self.postgres else []
        told += [f"Python 3.{self.python}"] if self.python else []
        return ", ".join(told)


COMBINATIONS = (
    Combination(),
    Combination(asterisk="bullseye"),
    Combination(postgres=versions.OLDER_POSTGRES, besides=POSTGRES),
    Combination(python=12, besides=PYTHON),
    Combination(python=13, besides=PYTHON),
    Combination(asterisk="bullseye", postgres=versions.OLDER_POSTGRES),
)


@dataclass
class Outcome:
    """What came of a combination. `versions` are those that ran; `trouble` is why nothing did, `missing` whether that
    is because this machine has not got it; `log` is all that was said."""

    asked: str
    log: str
    versions: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0
    trouble: str = ""
    missing: bool = False

    @property
    def good(self) -> bool:
        """Whether all of it ran, and passed."""
        return self.passed > 0 and not self.failed and not self.trouble


def run(combination: Combination, stories: Sequence[str], folder: Path) -> Outcome:
    """Run `stories` on the versions of `combination`; logs go to `folder`. Takes as long as they take."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    name = re.sub(r"\W+", "-", str(combination).lower())
    told, log = folder / f"{name}.xml", folder / f"{name}.log"
    outcome = Outcome(str(combination), str(log))
    try:
        with log.open("w") as output:
            python, environment = _prepare(combination, folder, output)
            environment = os.environ | environment
            command = [python, "-m", "pytest", "-q", f"--junitxml={told}", *stories]
            command += ["-o", f"cache_dir={folder / name}.cache"]
            results: dict[str, bool] = {}
            for again in (
                [],
                ["--last-failed"],
            ):  # as `make test`: what a neighbour upset is told once more, alone
                told.unlink(missing_ok=True)
                subprocess.run(
                    [*command, *again],
                    cwd=REPOSITORY,
                    env=environment,
                    stdout=output,
                    stderr=output,
                    check=False,
                )
                _read(told, outcome.versions, results)
                outcome.failed = [name for name, passed in results.items() if not passed]
                if not outcome.failed:
                    break
            outcome.passed = sum(results.values())
    except versions.NotHere as error:
        outcome.trouble, outcome.missing = str(error), True
    except (subprocess.CalledProcessError, OSError, ElementTree.ParseError) as error:
        outcome.trouble = f"{error}; see {log}"
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _prepare(combination: Combination, folder: Path, log: TextIO) -> tuple[str, dict[str, str]]:
    """The interpreter to use, and what it is told; fetches what is not here yet."""
    environment = {"ASTERISK_ROOT": str(bootstrap(log, combination.asterisk))}
    python = sys.executable
    if combination.postgres is not None:
        programs = versions.postgres(combination.postgres) or versions.fetch_postgres(
            combination.postgres, log
        )
        environment["POSTGRES_PROGRAMS"] = str(programs)
    if combination.python is not None:
        interpreter, venv = versions.python(combination.python), folder / f"python3.{combination.python}"
        if not has_packages(venv, interpreter):
            make_venv(venv, log, interpreter)
        python = str(venv / "bin" / "python")
    return python, environment


def _read(told: Path, versions: dict[str, str], results: dict[str, bool]) -> None:
    """Add what pytest has written: the versions that ran, and of each test whether it passed."""
    suite = ElementTree.parse(told).find("testsuite")  # noqa: S314 - our own pytest has just written it
    assert suite is not None
    for each in suite.iterfind("properties/property"):
        if (name := each.get("name", "")) in ("asterisk", "postgres", "python"):
            versions[name] = each.get("value", "")
    for case in suite.iterfind("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        results[name] = all(case.find(what) is None for what in ("failure", "error", "skipped"))


def play(folder: Path, result: Path) -> bool:
    """Run all combinations, show the table, and write it to `result`; whether none failed."""
    console, outcomes = Console(), []
    for combination in COMBINATIONS:
        console.print(f"{combination} …", highlight=False)
        outcomes.append(outcome := run(combination, (*CALLS, *combination.besides), folder))
        console.print(f"  {_verdict(outcome)} in {outcome.seconds:.0f} s", highlight=False)
        for failed in outcome.failed:
            console.print(f"  failed: {failed}", highlight=False)
    table = Table("Asterisk", "Postgres", "Python", "passed", "failed", "seconds")
    for each in outcomes:
        what = each.versions or {"asterisk": f"{each.asked}: {each.trouble}"}
        shown = [what.get(name, "") for name in ("asterisk", "postgres", "python")]
        table.add_row(*shown, str(each.passed), str(len(each.failed)), f"{each.seconds:.0f}")
    console.print(table)
    written = [asdict(each) for each in outcomes]
    result.write_text(json.dumps(written, indent=1) + "\n")
    return all(each.good or each.missing for each in outcomes)


def _verdict(outcome: Outcome) -> str:
    if outcome.trouble:
        return outcome.trouble
    return f"{outcome.passed} passed, {len(outcome.failed)} failed"
