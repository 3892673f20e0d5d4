"""What is appended stands, in order, and can be found again."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.journal import (
    Draft,
    Entry,
    Journal,
    JournalDamaged,
    JournalError,
    JournalLocked,
    Reader,
    genesis,
    link,
    verify,
)
from tests.journal.conftest import Opener, sent


async def test_entries_stand_in_the_order_of_the_calls_and_the_chain_holds(journal: Journal) -> None:
    appended = [journal.append([sent("a", f"K{number}"), sent("b", f"K{number}")]) for number in range(500)]
    await asyncio.gather(*appended)
    entries = await journal.read(0, 5000)
    assert [entry.seq for entry in entries] == list(range(1, 1001))
    assert [entry.kind for entry in entries if entry.subject == "a"] == [
        f"K{number}" for number in range(500)
    ]
    verdict = verify(journal.path)
    assert verdict.sound
    assert (verdict.first_seq, verdict.last_seq, verdict.head) == (1, 1000, entries[-1].hash)
    assert verdict.journal_id == journal.journal_id


async def test_what_was_awaited_can_be_read_and_is_synced_soon(journal: Journal) -> None:
    await journal.append([sent("a")])
    assert [entry.subject for entry in await journal.of_subject("a")] == ["a"]
    async with asyncio.timeout(5):
        await journal.synced_beyond(journal.journal_id, 0)
    assert journal.synced == 1


async def test_the_chain_goes_on_after_a_restart(opener: Opener) -> None:
    async with opener.opened() as first:
        await first.append([sent("a"), sent("b")])
        name = first.journal_id
    async with opener.opened() as second:
        assert second.journal_id == name
        assert second.written == 2
        await second.append([sent("c")])
        assert [entry.subject for entry in await second.read(0, 10)] == ["a", "b", "c"]
    assert verify(opener.path).sound
    assert opener.alarms == []


async def test_open_subjects_are_those_without_a_closing_entry(opener: Opener) -> None:
    async with opener.opened() as journal:
        journal.append(
            [sent("lost"), sent("done"), sent(""), sent("done", "Delivered"), sent("done", "Invoiced")]
        )
        journal.append([sent("done", "Paid"), sent("new")])
        await journal.append([sent("quick"), sent("quick", "Delivered")])
        assert await journal.open_subjects() == ["lost", "new"]
    async with opener.opened() as journal:
        await journal.append([sent("done", "Archived"), sent("lost", "Delivered")])
        assert await journal.open_subjects() == ["new"]
        found = await journal.of_subjects(["done", "nobody"])
        assert [entry.kind for entry in found["done"]] == [
            "Sent",
            "Delivered",
            "Invoiced",
            "Paid",
            "Archived",
        ]
        assert found["nobody"] == []


async def test_marks_are_stored_with_their_entries(opener: Opener) -> None:
    async with opener.opened() as journal:
        assert await journal.get_mark("position") is None
        journal.append([sent("a")], marks={"position": "10"})
        await journal.append([sent("b")], marks={"position": "20"})
        await journal.set_mark("other", "x\udcff")
    async with opener.opened() as journal:
        assert await journal.get_mark("position") == "20"
        assert await journal.get_mark("other") == "x?"


async def test_a_second_daemon_is_told_who_holds_the_journal(opener: Opener, journal: Journal) -> None:
    with pytest.raises(JournalLocked, match=r"in use by another pbx112 \(process \d+\)"):
        async with opener.opened():
            pass


async def test_another_process_may_read_meanwhile(journal: Journal) -> None:
    await journal.append([sent("a")])
    with Reader(journal.path) as reader:
        assert reader.open_subjects() == ["a"]
        await journal.append([sent("b")])
        assert reader.open_subjects() == ["a", "b"]
        assert reader.head()[0] == 2


async def test_nobody_else_can_read_the_files(journal: Journal) -> None:
    await journal.append([sent("a")])
    for file in journal.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


async def test_somebody_elses_database_is_not_touched(opener: Opener) -> None:
    import sqlite3

    opener.path.parent.mkdir()
    other = sqlite3.connect(opener.path)
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(JournalError, match="no journal of pbx112"):
        async with opener.opened():
            pass


async def test_a_journal_of_a_newer_version_is_refused_in_words_and_stays_as_it_is(opener: Opener) -> None:
    """Its format is marked in its header; a mark that is none is damage, after which a new journal begins."""
    async with opener.opened() as journal:
        await journal.append([sent("p1")])
        first = journal.journal_id
    newer, spoiled = 2 * 0x10001, 2
    mark_format(opener.path, newer)
    before = opener.path.read_bytes()
    for opens in (opener.opened().__aenter__, lambda: asyncio.to_thread(Reader, opener.path)):
        with pytest.raises(
            JournalError, match=r"written by a newer pbx112 .*move journal.db\* aside"
        ) as refused:
            await opens()
        assert not isinstance(refused.value, JournalDamaged)
    assert opener.path.read_bytes() == before
    mark_format(opener.path, 0)  # of before there was a mark
    async with opener.opened() as journal:
        assert (journal.journal_id, journal.written) == (first, 1)
    mark_format(opener.path, spoiled)
    async with opener.opened() as journal:
        assert journal.journal_id != first
    assert "format" in opener.alarms[0]


def mark_format(path: Path, mark: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {mark}")
    connection.close()


async def test_a_draft_that_cannot_be_written_down_becomes_a_gap_and_holds_nothing_up(
    journal: Journal,
) -> None:
    bad = [
        sent("\ud800"),
        sent("a\0b"),
        sent("a", utc_us=2**80),
        sent("a", utc_us=-1),
        Draft(None, 0, 0, "", "", b""),  # type: ignore[arg-type]
    ]
    await journal.append([sent("before"), *bad, sent("after")])
    entries = await journal.read(0, 100)
    assert [entry.kind for entry in entries] == ["Sent", *["Gap"] * len(bad), "Sent"]
    assert verify(journal.path).sound


async def test_pruning_leaves_open_subjects_young_and_unshipped_entries_and_a_sound_chain(
    opener: Opener,
) -> None:
    async with opener.opened() as journal:
        old = [sent(f"old{number}", kind) for number in range(300) for kind in ("Sent", "Delivered")]
        await journal.append(
            [*old, sent("open"), sent("x", "Delivered"), sent("young", "Delivered", utc_us=10**12)]
        )
        assert await journal.prune(upto=400, before_us=10**9) == 400
        assert await journal.prune(upto=10**9, before_us=10**9) == 200
        assert (await journal.read(0, 10))[0].subject == "open"
        assert verify(opener.path).sound
        await journal.append([sent("open", "Delivered")])
        assert await journal.prune(upto=10**9, before_us=10**9) == 2
    async with opener.opened() as journal:
        assert [entry.subject for entry in await journal.read(0, 10)] == ["young", "open"]
        assert await journal.prune(upto=10**9, before_us=10**15) == 2
    async with opener.opened() as journal:
        await journal.append([sent("next")])
        assert (await journal.read(0, 10))[0].seq == 605
    verdict = verify(opener.path)
    assert verdict.sound
    assert verdict.first_seq == 605


async def test_closing_writes_what_waits_and_then_refuses(opener: Opener) -> None:
    async with opener.opened() as journal:
        for number in range(2000):
            journal.append([sent(f"s{number}")])
    with pytest.raises(JournalError, match="closed"):
        journal.append([sent("late")])
    assert verify(opener.path).last_seq == 2000


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
drafts = st.builds(
    Draft, text, st.integers(0, 10**15), st.integers(0, 2**62), text, text, st.binary(max_size=12)
)


@given(drafts, drafts)
def test_different_entries_have_different_hashes(one: Draft, other: Draft) -> None:
    first = link(genesis("j"), 1, one)
    assert (first == link(genesis("j"), 1, other)) == (one == other)
    assert first != link(genesis("j"), 2, one)
    assert first != link(genesis("k"), 1, one)


@given(st.lists(text.filter(bool), min_size=4, max_size=4), st.integers(0, 2))
def test_a_character_moved_from_one_field_to_the_one_before_changes_the_hash(
    parts: list[str], at: int
) -> None:
    def of(fields: list[str]) -> bytes:
        return link(genesis("j"), 1, Draft(fields[0], 0, 0, fields[1], fields[2], fields[3].encode()))

    moved = parts.copy()
    moved[at], moved[at + 1] = parts[at] + parts[at + 1][0], parts[at + 1][1:]
    assert of(moved) != of(parts)


def test_the_hash_by_hand() -> None:
    """Written out from the documentation, byte for byte."""
    import hashlib

    assert genesis("2f1c") == hashlib.sha256(b"pbx112 journal 2f1c").digest()
    entry = Entry(2, "c1", 3, 4, "p", "Kind", b"{}", b"")
    spelled = (
        bytes(range(32))
        + bytes.fromhex("0000000000000002 0000000000000003 0000000000000004")
        + b"\0\0\0\x02c1" + b"\0\0\0\x01p" + b"\0\0\0\x04Kind" + b"\0\0\0\x02{}"
    )  # fmt: skip
    assert link(bytes(range(32)), 2, entry) == hashlib.sha256(spelled).digest()
