"""An administrator hears that the journal's disk gets full before it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbx112.room import RoomWatch, room_of

SIZE = 20_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_little_room_is_told_once_and_that_it_is_over_too(disk: Path) -> None:
    journal = disk / "journal.db"
    journal.write_bytes(bytes(1_000_000))
    watch, other = RoomWatch(journal), disk / "something else"
    with capture_logs() as told:
        watch.look(room_of(journal))
        other.write_bytes(bytes(17_500_000))
        for _ in range(3):
            watch.look(room_of(journal))
        found = room_of(journal)
        assert (found.low, found.journal) == (True, 1_000_000)
        other.unlink()
        watch.look(room_of(journal))
    assert [line["action"] for line in told] == ["disk_low", "disk_low_over"]
    assert str(journal) in told[0]["event"] and "make room" in told[0]["event"]


def test_a_folder_that_is_gone_is_no_room(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        room_of(tmp_path / "nowhere" / "journal.db")
