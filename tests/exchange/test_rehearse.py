"""Calls that real phones answered, played once more: as they were, and under a changed plan."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, SILENT, Answers, Behaviour

from .plans import plan

SOON = Answers(after=0.4)


async def rehearse(exchange: Exchange, new: Path, *more: str) -> tuple[int, str]:
    """Exit code and output of `pbx112 rehearse`, with the daemon's own settings."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pbx112", "rehearse", "--plan", str(new), *more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=exchange.daemon.environment | {"HOME": os.environ["HOME"]},
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def test_a_changed_plan_is_tried_on_the_calls_of_before(exchange: Exchange, tmp_path: Path) -> None:
    text = plan(then="damkar", takers_ring_for=1)
    await exchange.reload_plan(text)
    since = datetime.now(UTC).isoformat()
    taken, escalated, gone = Caller(talk=0.5), Caller(talk=0.5), Caller(patience=0.7)
    stories: tuple[tuple[Caller, dict[str, Behaviour]], ...] = (
        (taken, {"1101": SOON, "1102": SILENT}),
        (escalated, {"1101": SILENT, "1102": BUSY, "2101": BUSY, "2102": SOON}),
        (gone, {"1101": SILENT, "1102": SILENT}),
    )
    for caller, phones in stories:
        await exchange.phones(phones)
        calling = await exchange.dial(caller)
        await calling.ended()
        await exchange.record(caller)

    same = tmp_path / "same.yaml"
    same.write_text(text)
    code, said = await rehearse(exchange, same, "--from", since)
    assert code == 0, said
    assert "3 of 3 calls end as they did in the record" in said
    assert "every line is rung, and answers, as often as today" in said

    # Without 2102 the second caller finds nobody: 2101 was busy, the mobiles and 2201 are of no record.
    poorer = tmp_path / "poorer.yaml"
    poorer.write_text(text.replace('      - {extension: "2102", ring_for: 2}\n', ""))
    code, said = await rehearse(exchange, poorer, "--from", since, "--new-line", "-1")
    assert code == 1, said
    lost = (await exchange.record(escalated)).call["call_id"]
    assert f"{lost}" in said and "1 no longer reached, 0 reached only now" in said
    assert "never rung in this time" in said and "2201" in said
    assert taken.number not in said, "callers' numbers are masked"

    code, said = await rehearse(exchange, poorer, "--from", since, "--new-line", "1")
    assert code == 0, said
    assert "0 no longer reached" in said and "1 wait longer" in said

    journal = str(Path(exchange.daemon.environment["PBX112_JOURNAL"]))
    code, from_journal = await rehearse(exchange, same, "--from", since, "--journal", journal)
    assert code == 0 and "3 of 3 calls end as they did in the record" in from_journal
