"""The journal as others read it while the daemon writes it: a day has more entries than there is memory for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

import pytest

from pbx112.alarms.sources import Sources
from pbx112.journal import Draft, Journal, JournalDamaged
from pbx112.settings import Settings, load_settings
from pbx112.wallboard import follow
from pbx112.wallboard.source import Source
from tests.cdr.calls import BEGAN_US, abandoned, answered, drafts, gap
from tests.cli.exchange import PLAN

CALLS, BLOCK = 50, 7


class Day(NamedTuple):
    settings: Settings
    told: list[tuple[int, str]]
    """Each entry's number and subject."""


def call(name: str, *, ended: bool = True) -> list[Draft]:
    """It arrives now."""
    story = answered() if ended else abandoned()[:3]
    moved = time.time_ns() // 1000 - BEGAN_US
    return [each._replace(utc_us=each.utc_us + moved) for each in drafts(name, story)]


@pytest.fixture
async def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    """Calls that have ended, and one that rings; read in small blocks."""
    monkeypatch.setattr(follow, "BLOCK", BLOCK)
    file = tmp_path / "agencies.yaml"
    file.write_text(PLAN)
    settings = load_settings(
        ari_password="x", journal=tmp_path / "journal.db", agencies=file, recordings=tmp_path, watch_port=0
    )
    written = [each for n in range(CALLS) for each in call(f"c{n}")] + call("rings", ended=False)
    journal = await Journal.open(settings.journal, closing={"CallEnded"}, gap=gap, on_alarm=print)
    await journal.append(written)
    await journal.close()
    return Day(settings, [(seq, each.subject) for seq, each in enumerate(written, 1)])


def all_news(journal: follow.Journal) -> Iterator[follow.News]:
    while True:
        news = journal.news()
        yield news
        if not news.more:
            return


def test_no_more_is_held_at_once_than_a_block(day: Day) -> None:
    with closing(follow.Journal(day.settings.journal, UTC)) as journal:
        read = list(all_news(journal))
        assert [(fact.seq, subject) for news in read for subject, fact in news.told] == day.told
        assert max(len(news.told) for news in read) == BLOCK
        assert [news.anew for news in read] == [True] + [False] * (len(read) - 1)
        assert journal.news() == follow.News(False, {}, [], False)


async def test_the_board_shows_the_day_whole_or_not_at_all(day: Day) -> None:
    source = Source(day.settings)
    reads, shown = asyncio.create_task(source._catch_up()), set()
    while not reads.done():
        shown.add((source._board.figures.today().calls, len(source._board.live())))
        await asyncio.sleep(0)
    await reads
    assert shown == {(0, 0)}
    assert (source._board.figures.today().calls, len(source._board.live())) == (CALLS + 1, 1)


async def test_the_alarms_judge_by_the_whole_day_or_not_at_all(day: Day) -> None:
    """With little time for each look."""
    with closing(Sources(day.settings, 0.001)) as sources:
        looks = [await sources.look()]
        while not looks[-1].readable:
            assert (looks[-1].board.calls(), looks[-1].past.waits(looks[-1].now_us)) == ([], [])
            looks.append(await sources.look())
    assert len(looks) > 1
    world = looks[-1]
    assert (len(world.board.calls()), world.past.waits(world.now_us)) == (1, [4.5] * CALLS)


def test_a_reading_that_was_broken_off_begins_anew(day: Day) -> None:
    """The disk gave an error at the first look: what came later alone is not the day."""
    whole = day.settings.journal.read_bytes()
    middle = len(whole) // 2 // 4096 * 4096
    with closing(follow.Journal(day.settings.journal, UTC)) as journal:
        with day.settings.journal.open("r+b") as file:
            file.seek(middle)
            file.write(b"\xff" * 4096)
        with pytest.raises(JournalDamaged):
            list(all_news(journal))
        with day.settings.journal.open("r+b") as file:
            file.seek(middle)
            file.write(whole[middle : middle + 4096])
        read = list(all_news(journal))
    assert read[0].anew and len([each for news in read for each in news.told]) == len(day.told)
