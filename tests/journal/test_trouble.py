"""The disk is full, silent, damaged, or the process is killed: calls go on, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from pbx112.journal import Journal, JournalDamaged, Limits, Reader, verify
from tests.journal.conftest import Opener, sent


async def until(holds: object) -> None:
    """Wait until `holds()`; fails after 20 s."""
    assert callable(holds)
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def block(path: Path) -> sqlite3.Connection:
    """Hold the database's write lock, as a disk that does not answer would."""
    blocker = sqlite3.connect(path, isolation_level=None, timeout=5)
    blocker.execute("BEGIN IMMEDIATE")
    return blocker


WRITING = """
import asyncio, sys
from pathlib import Path
from pbx112.journal import Draft, Journal

async def main():
    journal = await Journal.open(
        Path(sys.argv[1]), closing=(), gap=lambda lost, why: Draft("", 0, 0, "", "Gap", b"{}"), on_alarm=print
    )
    number = 0
    while True:
        batch = [Draft(f"s{number + i}", 1, 2, "", "Sent", b"x" * 300) for i in range(1 + number % 7)]
        await journal.append(batch)
        number += len(batch)
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("attempt", range(4))
async def test_a_killed_process_loses_nothing_acknowledged(opener: Opener, attempt: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, str(opener.path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(random.randint(50, 1000))]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    acknowledged = int([line for line in told if line.endswith("\n")][-1])
    assert verify(opener.path).last_seq >= acknowledged
    async with opener.opened() as journal:
        entries = await journal.read(0, 10**6)
        assert [entry.subject for entry in entries[:acknowledged]] == [f"s{n}" for n in range(acknowledged)]
        await journal.append([sent("after")])
    assert verify(opener.path).sound
    assert opener.alarms == []


FULL = """
import asyncio, json, resource, signal, sys, time
from pathlib import Path
from pbx112.journal import Draft, Journal

async def main():
    alarms, slowest = [], 0.0
    journal = await Journal.open(
        Path(sys.argv[1]), closing=(), on_alarm=alarms.append,
        gap=lambda lost, why: Draft("", 0, 0, "", "Gap", json.dumps({"lost": lost}).encode()),
    )
    async def append(name):
        nonlocal slowest
        began = time.monotonic()
        await journal.append([Draft(name, 1, 2, "", "Sent", b"x" * 300)])
        slowest = max(slowest, time.monotonic() - began)
    for number in range(100):
        await append(f"before{number}")
    fill()
    for number in range(3000):
        await append(f"during{number}")
    degraded = journal.degraded
    free()
    while journal.degraded:
        await asyncio.sleep(0.05)
    await append("after")
    await journal.close()
    print(json.dumps({"alarms": alarms, "slowest": slowest, "degraded": degraded}))

"""

BY_LIMIT = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def fill():
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
def free():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""

BY_DISK = """
ballast = Path(sys.argv[1]).with_name("ballast")
def fill():
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
def free():
    ballast.unlink()
"""


def assert_nothing_was_lost(path: Path, told: str) -> None:
    report = json.loads(told)
    assert report["degraded"]
    assert report["slowest"] < 1.0
    assert len(report["alarms"]) == 2, report["alarms"]
    assert "wait in memory" in report["alarms"][0]
    assert "written again" in report["alarms"][1]
    with Reader(path) as reader:
        names = [entry.subject for entry in reader.after(0, 10**5)]
    assert names == [*(f"before{n}" for n in range(100)), *(f"during{n}" for n in range(3000)), "after"]
    assert verify(path).sound


def test_a_file_that_may_not_grow_delays_entries_but_no_call(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL + BY_LIMIT + "asyncio.run(main())", str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_nothing_was_lost(path, done.stdout)


def test_a_full_disk_delays_entries_but_no_call(tmp_path: Path) -> None:
    """A real file system of four megabytes, in a mount namespace of its own."""
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    program = FULL + BY_DISK + "asyncio.run(main())"
    script = textwrap.dedent("""
        mount -t tmpfs -o size=4m none "$1" && "$2" -c "$3" "$1/journal.db" && cp -r "$1" "$4"
    """)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
         str(disk), sys.executable, program, str(kept)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_nothing_was_lost(kept / "journal.db", done.stdout)


async def test_a_disk_that_does_not_answer_holds_an_append_up_for_a_quarter_second_once(
    opener: Opener,
) -> None:
    async with opener.opened() as journal:
        await journal.append([sent("a")])
        blocker = block(opener.path)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await journal.append([sent("b")])
        assert loop.time() - began < 1.0
        began = loop.time()
        await asyncio.gather(*(journal.append([sent(f"c{n}")]) for n in range(1000)))
        assert loop.time() - began < 0.5
        assert journal.degraded
        blocker.close()
        await until(lambda: not journal.degraded)
        assert [entry.subject for entry in await journal.read(0, 2000)][:3] == ["a", "b", "c0"]
        assert journal.written == 1002
    assert ["wait in memory" in alarm for alarm in opener.alarms] == [True, False]


async def test_full_memory_loses_the_newest_and_a_gap_says_how_many(opener: Opener) -> None:
    async with opener.opened(Limits(waiting=100)) as journal:
        blocker = block(opener.path)
        for number in range(250):
            await journal.append([sent(f"s{number}")], marks={"position": str(number)})
        blocker.close()
        await until(lambda: not journal.degraded)
        await journal.append([sent("after")])
        entries = await journal.read(0, 1000)
        assert [entry.subject for entry in entries] == [*(f"s{n}" for n in range(100)), "", "after"]
        assert json.loads(entries[100].body)["lost"] == 150
        assert await journal.get_mark("position") == "99"
    assert sum("are being lost" in alarm for alarm in opener.alarms) == 1
    assert sum("150 events were lost" in alarm for alarm in opener.alarms) == 1


async def test_a_refused_append_is_done_no_earlier_than_those_before_it(opener: Opener) -> None:
    """Else the switch would act on the later event first."""
    async with opener.opened(Limits(waiting=3)) as journal:
        ended: list[int] = []
        blocker = block(opener.path)
        appends = [journal.append([sent(f"s{number}")]) for number in range(6)]

        async def wait(number: int) -> None:
            await appends[number]
            ended.append(number)

        await asyncio.gather(*(wait(number) for number in range(6)))
        blocker.close()
        assert ended == list(range(6))
        await until(lambda: not journal.degraded and not journal.waiting)


async def test_closing_on_a_dead_disk_ends_in_time_and_says_what_is_lost(opener: Opener) -> None:
    async with opener.opened(Limits(close=0.5)) as journal:
        blocker = block(opener.path)
        for number in range(5):
            await journal.append([sent(f"s{number}")])
    blocker.close()
    assert "5 events that the disk did not take" in opener.alarms[-1]


async def written(opener: Opener, count: int = 500) -> str:
    async with opener.opened() as journal:
        await journal.append(
            [sent(f"s{number}", body=b"b" * 200) for number in range(count)], marks={"position": "7"}
        )
        return journal.journal_id


async def test_a_changed_byte_is_found_and_its_entry_named(opener: Opener) -> None:
    await written(opener)
    contents = bytearray(opener.path.read_bytes())
    with Reader(opener.path) as reader:
        forged = reader.after(249, 1)[0]
    place = contents.index(forged.hash) - 1  # the last byte of entry 250's body
    contents[place] ^= 1
    opener.path.write_bytes(contents)
    verdict = verify(opener.path)
    assert (verdict.sound, verdict.bad_seq, verdict.last_seq) == (False, 250, 249)


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("DELETE FROM entry WHERE seq = 100", 100),
        ("DELETE FROM entry WHERE seq <= 3", 1),
        ("UPDATE entry SET plan = 'other' WHERE seq = 42", 42),
        ("UPDATE entry SET seq = -1 WHERE seq = 7", 7),
        ("UPDATE meta SET value = 'forged' WHERE name = 'journal_id'", 1),
    ],
)
async def test_tampering_with_sql_is_found(opener: Opener, statement: str, bad: int) -> None:
    await written(opener)
    forger = sqlite3.connect(opener.path)
    forger.execute(statement.replace("'forged'", "x'61'"))
    forger.commit()
    forger.close()
    assert verify(opener.path).bad_seq == bad


@pytest.mark.parametrize("damage", ["garbage", "torn", "half"])
async def test_a_damaged_file_is_kept_aside_and_a_new_journal_begins(opener: Opener, damage: str) -> None:
    name = await written(opener)
    contents = opener.path.read_bytes()
    spoiled = {
        "garbage": os.urandom(100) + contents[100:],
        "torn": contents[: 4096 * 2 + 100],
        "half": contents[: len(contents) // 2],
    }[damage]
    opener.path.write_bytes(spoiled)
    async with opener.opened() as journal:
        await journal.append([sent("new")])
        with suppress(JournalDamaged):  # the damage may lie where only a reader comes by
            await journal.of_subjects([f"s{number}" for number in range(500)])
        await until(lambda: journal.journal_id not in ("", name))
        await journal.append([sent("newer")])
        kinds = [entry.kind for entry in await journal.read(0, 10)]
        assert kinds[0] == "Gap"
        assert kinds[-1] == "Sent"
    (aside,) = opener.path.parent.glob("*.damaged-*Z")
    assert len(aside.read_bytes()) >= len(spoiled) - 4096
    assert any("was damaged" in alarm and aside.name in alarm for alarm in opener.alarms)
    assert verify(opener.path).sound


async def test_damage_found_while_reading_begins_a_new_journal_too(opener: Opener) -> None:
    name = await written(opener, 5000)
    contents = bytearray(opener.path.read_bytes())
    middle = len(contents) // 2 // 4096 * 4096
    contents[middle : middle + 4096] = b"\xff" * 4096
    opener.path.write_bytes(contents)
    async with opener.opened() as journal:
        assert journal.journal_id == name
        with pytest.raises(JournalDamaged):
            await journal.read(0, 10_000)
        await until(lambda: journal.journal_id != name)
        await journal.append([sent("new")])
        assert [entry.kind for entry in await journal.read(0, 10)] == ["Gap", "Sent"]
        assert await journal.get_mark("position") == "7"


async def test_a_removed_file_is_noticed_and_begun_anew(journal: Journal) -> None:
    await journal.append([sent("a")], marks={"position": "5"})
    name = journal.journal_id
    await journal.synced_beyond(name, 0)
    shutil.rmtree(journal.path.parent, ignore_errors=True)  # SQLite takes its own files away meanwhile
    journal.path.parent.mkdir(exist_ok=True)
    await journal.append([sent("b")])
    await until(lambda: journal.journal_id != name)
    await journal.append([sent("c")])
    assert [entry.subject for entry in await journal.read(0, 10)][-1] == "c"
    assert await journal.get_mark("position") == "5"
