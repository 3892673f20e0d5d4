"""A journal that was set aside: what of it is proven is kept, what is not is named, and the file stays as it is."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from pbx112.journal import Entry, JournalDamaged, Reader, Salvaged, Stretch, salvage, verify
from tests.journal.conftest import Opener, sent
from tests.journal.test_flipped import flip

MANY = 2_000
FLIPS = 24


@pytest.fixture
async def written(opener: Opener) -> list[Entry]:
    async with opener.opened() as journal:
        await journal.append([sent(f"s{n}", body=b"b" * 150) for n in range(MANY)])
    with Reader(opener.path) as reader:
        return reader.after(0, MANY)


def salvaged(path: Path, folder: Path) -> tuple[Salvaged, list[Entry]]:
    """What comes of it, its own account checked against the entries, and the damaged file against itself."""
    folder.mkdir()
    before = hashlib.sha256(path.read_bytes()).digest()
    found = salvage(path, folder / "sound.db")
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert [file.name for file in folder.glob("copy*")] == []
    with Reader(folder / "sound.db") as reader:
        assert reader.journal_id == found.journal_id
        kept = reader.after(0, MANY + 1)
    told = [seq for stretch in found.sound for seq in range(stretch.first, stretch.last + 1)]
    assert [entry.seq for entry in kept] == told
    return found, kept


async def test_a_whole_file_is_copied_whole(opener: Opener, written: list[Entry], tmp_path: Path) -> None:
    found, kept = salvaged(opener.path, tmp_path / "out")
    assert kept == written
    assert (found.sound, found.lost, found.last_known) == ([Stretch(1, MANY)], [], True)
    assert verify(tmp_path / "out" / "sound.db").sound


async def test_a_torn_page_costs_its_entries_and_the_one_behind_them(
    opener: Opener, written: list[Entry], tmp_path: Path
) -> None:
    place = opener.path.read_bytes().index(written[900].hash) // 4096 * 4096
    with opener.path.open("r+b") as file:
        file.seek(place)
        file.write(bytes(4096))
    found, kept = salvaged(opener.path, tmp_path / "out")
    assert set(kept) < set(written)
    (lost,) = found.lost
    assert lost.first <= written[900].seq <= lost.last
    assert lost.last - lost.first < 40
    assert found.sound == [Stretch(1, lost.first - 1), Stretch(lost.last + 1, MANY)]


async def test_a_file_that_ends_in_the_middle_gives_its_beginning(
    opener: Opener, written: list[Entry], tmp_path: Path
) -> None:
    with opener.path.open("r+b") as file:
        file.truncate(opener.path.stat().st_size // 2 + 100)
    found, kept = salvaged(opener.path, tmp_path / "out")
    assert set(kept) < set(written)
    assert len(kept) > MANY // 4
    assert found.lost or not found.last_known


async def test_an_entry_that_was_altered_is_not_taken_for_sound(
    opener: Opener, written: list[Entry], tmp_path: Path
) -> None:
    with sqlite3.connect(opener.path) as file:
        file.execute("UPDATE entry SET body = x'00' WHERE seq = 700")
    file.close()
    found, kept = salvaged(opener.path, tmp_path / "out")
    assert found.lost == [Stretch(700, 700)]
    assert kept == written[:699] + written[700:]


async def test_bytes_flipped_anywhere(opener: Opener, written: list[Entry], tmp_path: Path) -> None:
    """Whatever is kept is what was written; what is neither kept nor named is behind an unknown end."""
    size, kept_somewhere = opener.path.stat().st_size, 0
    for seed in range(FLIPS):
        chance = random.Random(seed)
        path = tmp_path / f"f{seed}.db"
        shutil.copyfile(opener.path, path)
        for _ in range(1 + seed % 4):
            flip(path, chance.randrange(4096 if seed % 5 == 0 else size), chance.randrange(8))
        try:
            found, kept = salvaged(path, tmp_path / f"out{seed}")
        except JournalDamaged:
            continue
        kept_somewhere += 1
        assert set(kept) <= set(written), seed
        lost = sum(stretch.last - stretch.first + 1 for stretch in found.lost)
        assert len(kept) + lost == MANY or not found.last_known, seed
    assert kept_somewhere > FLIPS // 2


async def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "journal.db"
    garbage.write_bytes(b"\xa5" * 20_000)
    (tmp_path / "out").mkdir()
    with pytest.raises(JournalDamaged):
        salvage(garbage, tmp_path / "out" / "sound.db")
    with pytest.raises(FileNotFoundError):
        salvage(tmp_path / "nothing.db", tmp_path / "out" / "sound.db")
