"""What the alarms are judged by, while it breaks: a real Postgres, and files on which whoever opens them hangs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from lab.network import free_net
from lab.postgres import Postgres
from pbx112.alarms.blocking import Blocking, Hangs
from pbx112.alarms.conditions import findings
from pbx112.alarms.database import Database
from pbx112.alarms.sources import Sources
from pbx112.settings import Settings, load_settings

from .hook import told_over

LOST = "Postgres cannot be reached"


@contextmanager
def hanging(file: Path) -> Iterator[Path]:
    """Whoever opens `file` hangs in the kernel, as on a disk that is gone: a pipe with nobody at its other end. A loop
    that hangs in it itself goes on after 20 s, too late for what is waited for: the test fails, and does not hang."""
    os.mkfifo(file)
    rescue = threading.Timer(20, back, (file,))
    rescue.start()
    try:
        yield file
    finally:
        rescue.cancel()
        back(file)


def back(file: Path) -> None:
    """The disk is there again; whoever hung goes on."""
    with suppress(FileNotFoundError):
        pipe = os.open(file, os.O_RDWR | os.O_NONBLOCK)
        file.unlink()
        os.close(pipe)


def settings_in(folder: Path, **more: object) -> Settings:
    """No daemon, no `/healthz`, no Postgres."""
    (folder / "home").mkdir(exist_ok=True)
    (folder / "recordings").mkdir(exist_ok=True)
    given = {
        "agencies": Path("agencies.yaml").absolute(),
        "journal": folder / "home" / "journal.db",
        "recordings": folder / "recordings",
        "ari_password": "none",
        "watch_port": 0,
    }
    return load_settings(**given | more)


async def backends(dsn: str) -> list[int]:
    """The processes that serve the alarms' connections."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pbx112 alarms' AND datname = current_database()"
        )
    finally:
        await connection.close()
    return [row["pid"] for row in rows]


async def test_one_connection_is_kept(dsn: str) -> None:
    with closing(Database(dsn, within=5)) as database:
        assert await database.trouble() == ""
        [first] = await backends(dsn)
        assert [await database.trouble() for _ in range(20)] == [""] * 20
        assert await backends(dsn) == [first]


async def test_a_connection_that_was_lost_is_no_alarm_where_another_one_is_had(dsn: str) -> None:
    with closing(Database(dsn, within=5)) as database:
        await database.trouble()
        [first] = await backends(dsn)
        killer = await asyncpg.connect(dsn)
        await killer.execute("SELECT pg_terminate_backend($1, 5000)", first)
        await killer.close()
        assert await database.trouble() == ""
        [second] = await backends(dsn)
        assert second != first


async def test_a_connection_that_hangs_is_given_up(dsn: str) -> None:
    with closing(Database(dsn, within=1)) as database:
        await database.trouble()
        [first] = await backends(dsn)
        os.kill(first, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert await database.trouble() == "no answer within 1 s"
            assert time.monotonic() - began < 3
            assert await database.trouble() == ""
        finally:
            os.kill(first, signal.SIGCONT)


async def test_postgres_goes_and_comes_back(tmp_path: Path) -> None:
    server = Postgres(tmp_path, f"{free_net()}.0.1")
    await server.start()
    with closing(Database(server.dsn, within=5)) as database:
        assert await database.trouble() == ""
        await server.stop()
        assert LOST in await database.trouble()
        assert LOST in await database.trouble()
        await server.start()
        assert await database.trouble() == ""
        await server.stop()


async def test_a_disk_that_hangs_is_told_and_so_is_all_else(tmp_path: Path) -> None:
    """The journal's own disk: even what was told cannot be read from it, nor written to it."""
    settings = settings_in(
        tmp_path, alarms=tmp_path / "alarms.conf", dsn="postgresql://nobody@127.0.0.1:1/none"
    )
    home = settings.journal.parent
    with hanging(settings.journal) as journal, hanging(home / "alarms.json") as told:
        async with told_over(settings.alarms, settings, within=0.5) as heard:
            await heard.hears(f"ALARM: {home} tidak menjawab", "(journal)")
            await heard.hears("ALARM: pbx112 tidak melayani", "(tidak ada proses)")
            await heard.hears("ALARM: catatan tidak sampai ke Postgres", LOST)
            back(journal)
            back(told)
            await heard.hears(f"SELESAI: {home} tidak menjawab")


async def test_what_comes_late_is_not_lost(tmp_path: Path) -> None:
    asked: Blocking[bytes] = Blocking("pipe")
    with hanging(tmp_path / "late") as file:
        for _ in range(2):
            with pytest.raises(Hangs, match=r"pipe: no answer within 0\.2 s"):
                await asked.ask(file.read_bytes, 0.2)
        file.write_bytes(b"late")
        async with asyncio.timeout(10):
            while True:
                with suppress(Hangs):
                    assert await asked.ask(bytes, 0.2) == b"late"
                    break
                await asyncio.sleep(0.01)
    assert await asked.ask(bytes, 0.2) == b""


async def test_a_hanging_source_has_one_thread_and_delays_no_later_look(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with (
        hanging(settings.journal) as journal,
        closing(Sources(settings, 1.0)) as sources,
    ):
        began = time.monotonic()
        first = await sources.look()
        assert time.monotonic() - began < 5.0
        assert (first.readable, first.daemon) == (False, "absent")
        began = time.monotonic()
        looks = [await sources.look() for _ in range(20)]
        assert time.monotonic() - began < 1.0
        assert {look.hangs[str(settings.journal.parent)] for look in looks} == {"journal"}
        assert [thread.name for thread in threading.enumerate()].count("journal") == 1
        back(journal)
        async with asyncio.timeout(10):
            while (await sources.look()).hangs[str(settings.journal.parent)]:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("held", [True, False])
async def test_whether_a_daemon_serves_is_unknown_while_its_lock_hangs(tmp_path: Path, held: bool) -> None:
    settings = settings_in(tmp_path)
    with (
        hanging(settings.journal.with_name("journal.db.lock")) as lock,
        closing(Sources(settings, 0.5)) as sources,
    ):
        daemon = os.open(lock, os.O_RDWR)
        try:
            if held:
                fcntl.flock(daemon, fcntl.LOCK_EX)
            look = await sources.look()
        finally:
            os.close(daemon)
    [finding] = [each for each in findings(look) if each.kind == "daemon"]
    assert (look.daemon, finding.stands) == ((None, None) if held else ("absent", True))
