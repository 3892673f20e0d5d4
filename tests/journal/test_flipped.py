"""A byte changes on the disk, anywhere: the journal opens, writes on, and never calls an altered entry sound."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from pbx112.journal import Entry, Journal, JournalError, Reader, verify
from tests.journal.conftest import CLOSING, Opener, gap, sent

FLIPS = 240
SIDES = 8  # looked at together
BEFORE = 60


@pytest.fixture
async def original(opener: Opener, tmp_path: Path) -> tuple[Path, list[Entry]]:
    """A journal as a killed process leaves it: half in the database, half in the log."""
    async with opener.opened() as journal:
        await journal.append([sent(f"s{n}", body=b"b" * 150) for n in range(BEFORE // 2)], {"position": "7"})
    async with opener.opened() as journal:
        await journal.append([sent(f"s{n}", body=b"b" * 150) for n in range(BEFORE // 2, BEFORE)])
        entries = await journal.read(0, 1000)
        kept = tmp_path / "kept"
        shutil.copytree(opener.path.parent, kept)
    return kept, entries


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ (1 << bit)]))


def sound_means_unaltered(path: Path, entries: list[Entry]) -> None:
    """What `verify` vouches for is what was written."""
    try:
        verdict = verify(path)
        with Reader(path) as reader:
            vouched = reader.after(0, verdict.last_seq)[: verdict.last_seq]
    except JournalError:
        return
    assert vouched[: len(entries)] == entries[: len(vouched)]


async def goes_on(path: Path) -> None:
    """Open and use it as the daemon does."""
    alarms: list[str] = []
    async with asyncio.timeout(20):
        journal = await Journal.open(path, closing=CLOSING, gap=gap, on_alarm=alarms.append)
        try:
            for question in (journal.open_subjects(), journal.of_subject("s1"), journal.read(0, 1000)):
                try:
                    await question
                except JournalError:
                    continue
            while True:
                await journal.append([sent("after")])
                try:
                    if (found := await journal.of_subject("after")) and not journal.degraded:
                        break
                except JournalError:
                    continue
            assert found[-1].kind == "Sent"
        finally:
            await journal.close()


async def one(kept: Path, entries: list[Entry], folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    await asyncio.to_thread(shutil.copytree, kept, folder)
    path = folder / "journal.db"
    target = path if seed % 2 else folder / "journal.db-wal"
    size = target.stat().st_size
    place = chance.randrange(min(size, 200) if seed % 4 < 2 else size)
    flip(target, place, chance.randrange(8))
    note = f"seed {seed}: byte {place} of {target.name}"
    try:
        await asyncio.to_thread(sound_means_unaltered, path, entries)
        await goes_on(path)
        (folder / "journal.db").stat()
    except (Exception, AssertionError) as error:
        error.add_note(note)
        raise
    await asyncio.to_thread(shutil.rmtree, folder)


async def test_a_byte_flipped_anywhere(original: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    kept, entries = original
    for first in range(0, FLIPS, SIDES):
        async with asyncio.TaskGroup() as group:
            for seed in range(first, first + SIDES):
                group.create_task(one(kept, entries, tmp_path / f"f{seed}", seed))


@pytest.mark.parametrize("damage", ["meta", "base", "id", "table", "header"])
async def test_a_file_whose_own_rows_are_spoiled_is_set_aside(opener: Opener, damage: str) -> None:
    async with opener.opened() as journal:
        await journal.append([sent("a")])
        name = journal.journal_id
    spoiler = sqlite3.connect(opener.path)
    spoiler.execute(
        {
            "meta": "DELETE FROM meta",
            "base": "UPDATE meta SET value = x'ff' WHERE name = 'base_seq'",
            "id": "UPDATE meta SET value = x'ff' WHERE name = 'journal_id'",
            "table": "DROP TABLE open_subject",
            "header": "PRAGMA application_id = 7",
        }[damage]
    )
    spoiler.commit()
    spoiler.close()
    with pytest.raises(JournalError):
        if damage != "table":
            verify(opener.path)
        with Reader(opener.path) as reader:
            reader.open_subjects()
    await goes_on(opener.path)
    with Reader(opener.path) as reader:
        assert reader.journal_id != name
        assert [entry.kind for entry in reader.after(0, 2)] == ["Gap", "Sent"]
    assert list(opener.path.parent.glob("*.damaged-*Z"))
