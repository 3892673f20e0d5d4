"""Asterisk's own file, taken over into the journal by the switch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pbx112.journal import Draft, Journal
from pbx112.switch import fallback
from pbx112.switch.fallback import Takeover
from pbx112.switch.live import now
from pbx112.switch.switch import Switch
from tests.plan.plans import agency, extension, plan

PLAN = plan(agency("damkar", extension("2101")))


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}
        self.told: list[tuple[str, str]] = []

    async def get_mark(self, name: str) -> str | None:
        return self.marks.get(name)

    async def of_subjects(self, subjects: Sequence[str]) -> dict[str, list[str]]:
        return {name: [kind for of, kind in self.told if of == name] for name in subjects}

    async def append(self, drafts: Sequence[Draft], marks: Mapping[str, str]) -> None:
        self.told += [(draft.subject, draft.kind) for draft in drafts]
        self.marks |= marks


async def take_over(file: Path, journal: Kept, within: float = 0.2, ari: object = None) -> list[str]:
    """The calls that a daemon journals of this file."""
    recovered = asyncio.Event()
    recovered.set()
    switch = SimpleNamespace(
        recovered=recovered,
        plan=PLAN,
        knows=lambda _: False,
        heed=lambda *_: None,
        take_back=lambda _: (),
        ari=ari or SimpleNamespace(connected=False),
    )
    takeover = Takeover(file, cast(Journal, cast(Any, journal)), cast(Switch, switch))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(takeover.run(), within)
    return [call for call, kind in journal.told if kind == "CallEnded"]


def call(name: str, ago: float, facts: Sequence[str] = ("left,16",)) -> str:
    """A call that came and went so many seconds ago."""
    at = f"{now().utc_us / 1e6 - ago:.6f}"
    came = f"081234567890,112,PJSIP%2Ftrunk-112-00000001,{PLAN.hash}"
    return "".join(f"{at},{name},{fact}\n" for fact in (f"entered,{came}", *facts)).replace("CAME", came)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(fallback, "UNSEEN_AFTER", 0.0)


async def test_a_journal_that_begins_anew_tells_no_call_of_the_one_before_as_a_failure(
    tmp_path: Path,
) -> None:
    """The disk was changed: the file goes back a week, and all those calls had been answered."""
    file, journal = tmp_path / "records.csv", Kept()
    file.write_text(call("1.1", 86_400) + call("1.2", 3_600))
    assert await take_over(file, journal) == []


async def test_what_the_fallback_did_before_the_journal_began_is_told(tmp_path: Path) -> None:
    file, journal = tmp_path / "records.csv", Kept()
    file.write_text(call("1.1", 86_400, ("arrived,CAME", "announcement", "ended,system,16", "left,16")))
    assert await take_over(file, journal) == ["1.1"]


async def test_who_came_and_went_while_the_daemon_was_away_is_told_once(tmp_path: Path) -> None:
    file, journal = tmp_path / "records.csv", Kept()
    file.write_text(call("1.1", 7_200))
    assert await take_over(file, journal) == []
    with file.open("a") as more:
        more.write(call("1.2", 0))
    assert await take_over(file, journal) == ["1.2"]
    assert await take_over(file, journal) == ["1.2"]


async def test_who_leaves_while_it_is_doubted_was_not_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asterisk has its channel no more when it is asked, and its end in the file since we looked there."""
    monkeypatch.setattr(fallback, "DOUBT_EVERY", 2)
    file, journal = tmp_path / "records.csv", Kept()
    cut, leaves = call("1.1", 1, ("arrived,CAME",)), call("1.2", 1, ("arrived,CAME",))
    file.write_text(cut + leaves)
    *_, end = call("1.2", 0, ("ended,,16",)).splitlines(keepends=True)

    async def channels() -> list[object]:
        with file.open("a") as more:
            more.write(end)
        return []

    told = await take_over(file, journal, ari=SimpleNamespace(connected=True, channels=channels))
    assert sorted(told) == ["1.1", "1.2"]
    assert [kind for of, kind in journal.told if of == "1.1"][-1:] == ["CallEnded"]
    assert "CallerLeft" in [kind for of, kind in journal.told if of == "1.2"]
    assert "CallerLeft" not in [kind for of, kind in journal.told if of == "1.1"]
