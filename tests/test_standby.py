"""The lock's file, the wait for it, and what systemd is told, without an exchange."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from lab.network import free_net
from lab.processes import eventually
from pbx112 import daemon
from pbx112.journal import Journal, JournalLocked, Lock, holder, read_beat
from pbx112.notify import notify
from pbx112.plan.load import load_plan
from pbx112.plan.types import Plan
from pbx112.settings import Settings
from pbx112.standby import our_turn
from pbx112.watch import WatchServer
from pbx112.web import serving

HOLDS = """
import sys, time
from pathlib import Path
from pbx112.journal import Lock
lock = Lock.acquire(Path(sys.argv[1]))
print("holds", flush=True)
while True:
    if sys.argv[2] == "beats":
        lock.beat()
    time.sleep(0.05)
"""


async def another(journal: Path, how: str) -> asyncio.subprocess.Process:
    """A process that holds the journal's lock, and `beats` or is `silent`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDS, str(journal), how, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"holds\n"
    return process


async def test_the_lock_is_free_when_its_holder_is_gone(tmp_path: Path) -> None:
    journal = tmp_path / "deep" / "journal.db"
    process = await another(journal, "beats")
    assert holder(journal) == read_beat(journal).process == process.pid
    with pytest.raises(JournalLocked, match=rf"in use by another pbx112 \(process {process.pid}\)"):
        Lock.acquire(journal)
    waiting = asyncio.create_task(our_turn(journal))
    process.kill()
    await process.wait()
    lock = await asyncio.wait_for(waiting, 2)
    assert holder(journal) == os.getpid()
    lock.release()
    assert holder(journal) is None
    lock.beat()  # a heart that beats once too often does no harm


async def test_a_holder_whose_heart_beats_is_left_alone(tmp_path: Path) -> None:
    process = await another(tmp_path / "journal.db", "beats")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(our_turn(tmp_path / "journal.db"), 4)
    assert process.returncode is None
    process.kill()
    await process.wait()


async def test_a_holder_whose_heart_stands_still_is_ended(tmp_path: Path) -> None:
    process = await another(tmp_path / "journal.db", "silent")
    began = time.monotonic()
    lock = await asyncio.wait_for(our_turn(tmp_path / "journal.db"), 5)
    assert time.monotonic() - began > 1.4
    assert await process.wait() == -signal.SIGKILL
    lock.release()


async def test_a_lock_elsewhere_on_a_file_of_the_same_number_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal on a disk of its own has small numbers, and so has /run."""
    journal = tmp_path / "journal.db"
    process = await another(journal, "beats")
    inode = (tmp_path / "journal.db.lock").stat().st_ino
    other = f"1: FLOCK  ADVISORY  WRITE 1 00:1a:{inode} 0 EOF\n"
    read = Path.read_text

    def read_text(file: Path, encoding: str) -> str:
        return other + read(file, encoding) if file == Path("/proc/locks") else read(file, encoding)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert holder(journal) == process.pid
    process.kill()
    await process.wait()


@pytest.mark.parametrize("says", ["", "garbage here\n", "1\n", "-5 -5\n", "99999999999999999999 1\n"])
async def test_a_lock_file_that_lies_leads_to_nobodys_death(tmp_path: Path, says: str) -> None:
    """The kernel, not the file, says who holds the lock."""
    journal = tmp_path / "journal.db"
    process = await another(journal, "silent")
    (tmp_path / "journal.db.lock").write_text(says)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(our_turn(journal), 3)
    assert process.returncode is None
    process.kill()
    await process.wait()


@pytest.mark.parametrize("changed", ["good", "bad"])
async def test_who_takes_over_serves_by_the_plan_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Weeks may have passed, and only the one who serves was told of the change. A bad one replaces none."""
    text = (Path(__file__).parent.parent / "agencies.yaml").read_text(encoding="utf-8")
    file = tmp_path / "agencies.yaml"
    file.write_text(text, encoding="utf-8")
    settings = Settings(agencies=file, journal=tmp_path / "journal.db", ari_password=SecretStr("x"))
    served: list[Plan] = []

    async def run(settings: Settings, journal: Journal, plan: Plan, *rest: object) -> None:
        served.append(plan)

    monkeypatch.setattr(daemon, "_run", run)
    process = await another(settings.journal, "beats")
    watch = WatchServer(CollectorRegistry(), lambda: "")
    plan = load_plan(file).plan
    waiting = asyncio.create_task(daemon._in_turn(settings, plan, watch, asyncio.Event(), asyncio.Event()))
    await asyncio.sleep(0.3)
    later = text.replace('"2101"', '"2109"') if changed == "good" else "version: 9"
    file.write_text(later, encoding="utf-8")
    process.kill()
    await process.wait()
    await asyncio.wait_for(waiting, 5)
    assert served == [load_plan(file).plan if changed == "good" else plan]


async def test_what_systemd_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1", "STATUS=serves, 0 calls")
        assert manager.recv(100) == b"READY=1\nSTATUS=serves, 0 calls"
        process = await another(tmp_path / "journal.db", "beats")
        waiting = asyncio.create_task(our_turn(tmp_path / "journal.db"))
        heard: list[bytes] = []

        def ready_and_alive() -> bool:
            while True:
                try:
                    heard.append(manager.recv(200))
                except BlockingIOError:
                    break
            return b"WATCHDOG=1" in heard and any(b"READY=1" in each for each in heard)

        await eventually(ready_and_alive, 3)
        assert f"STATUS=standby: process {process.pid} serves".encode() in heard[0]
        process.kill()
        await process.wait()
        (await waiting).release()
    notify("WATCHDOG=1")  # nobody listens any more
    monkeypatch.setenv("NOTIFY_SOCKET", "@pbx112-nobody")
    notify("WATCHDOG=1")


async def test_who_was_started_again_leaves_the_address_for_health_to_the_one_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd starts a daemon that died at once; the standby that took over looks once a second whether the address is
    free. Were it the other's, `/healthz` would say that nobody serves as long as that one lives."""
    monkeypatch.setattr(daemon, "WATCH_AGAIN", 0.5)
    monkeypatch.setattr(daemon, "WATCH_GRACE", 1.5)
    host = f"{free_net()}.0.1"
    settings = Settings(ari_password=SecretStr("x"), watch_host=host, watch_port=9112)

    took_over = WatchServer(CollectorRegistry(), lambda: "took over")
    again = WatchServer(CollectorRegistry(), lambda: "started again")

    async def answered(_: object) -> web.Response:
        return web.Response()

    watching = []
    async with serving(answered, host, 9112, most=4, longest=5):
        watching.append(asyncio.create_task(daemon._watch(settings, took_over)))
        await asyncio.sleep(2.2)
    took_over.serving.set()
    watching.append(asyncio.create_task(daemon._watch(settings, again)))
    await asyncio.sleep(2.5)
    async with aiohttp.ClientSession() as client, client.get(f"http://{host}:9112/healthz") as said:
        assert (await said.json())["waits_for"] == "took over"
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
