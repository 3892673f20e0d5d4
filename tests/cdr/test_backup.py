"""Backup and restore by the guide's own commands, on a server that has never seen these records."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from lab.network import free_net
from lab.postgres import DAEMON, Postgres, programs
from pbx112.audit import anchor as anchors
from pbx112.audit.anchored import heads, hold
from pbx112.audit.keys import make_key, private_key
from pbx112.audit.verify import verify
from pbx112.cdr import Shipper, migrate
from pbx112.journal import Draft, Journal
from tests.cdr import arbitrary
from tests.cdr.calls import answered, drafts, gap

GUIDE = Path(__file__).parents[2] / "docs" / "admin.en.md"
SINCE, UNTIL = datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 10, 10, tzinfo=UTC)


def block(heading: str) -> str:
    """The first block of commands below this heading of the guide."""
    found = re.search(rf"^#+ {re.escape(heading)}$.*?^```sh\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    assert found is not None, heading
    return found[1]


def restoring(office: Office) -> str:
    """How to restore, from the backup that was made."""
    return re.sub(r"^B=.*$", f"B={office.backup}", block("Restoring on an empty machine"), flags=re.M)


def without(commands: str, program: str) -> str:
    return "".join(line for line in commands.splitlines(keepends=True) if not line.startswith(program))


def told(many: int, seed: int) -> list[Draft]:
    calls = arbitrary.calls(random.Random(seed), many, SINCE, UNTIL)
    return sorted(
        (draft._replace(subject=f"{seed}-{draft.subject}") for draft in calls), key=lambda d: d.utc_us
    )


@dataclass
class Office:
    """A machine below `root`, with its journal, and the server of its records."""

    root: Path
    server: Postgres
    journal: Journal

    @property
    def backup(self) -> Path:
        """The newest."""
        return max(each for each in (self.root / "srv/backup").iterdir() if each.name.startswith("2"))

    @property
    def journal_file(self) -> Path:
        return self.root / "var/lib/pbx112/journal.db"

    async def ship(self, dsn: str, drafts: list[Draft] | None = None) -> list[str]:
        """Journal these, and ship all that has not arrived at `dsn`; the alarms."""
        alarms: list[str] = []
        shipper = Shipper(self.journal, dsn, "kaur", alarms.append)
        task = asyncio.create_task(shipper.run())
        await self.journal.append(drafts or [])
        assert await shipper.flush(30), alarms
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return alarms


async def open_journal(path: Path) -> Journal:
    return await Journal.open(path, closing={"CallEnded"}, gap=gap, on_alarm=print)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    root = tmp_path / "root"
    for folder in (
        "var/lib/pbx112",
        "etc/pbx112",
        "etc/asterisk",
        "usr/share/asterisk/sounds/pbx112",
        "srv/backup",
    ):
        (root / folder).mkdir(parents=True)
    (root / "var/spool/asterisk/recording").mkdir(parents=True)
    (root / "var/spool/asterisk/recording/112-a.wav").write_bytes(b"RIFF")
    (root / "etc/pbx112/agencies.yaml").write_text("version: 1\n")
    server = Postgres(tmp_path / "postgres", f"{free_net()}.0.1")
    await server.start()
    await migrate(server.dsn)
    await server.add_daemon()
    await server.add_account("inspektorat", "pbx112_auditor")
    office = Office(root, server, await open_journal(root / "var/lib/pbx112/journal.db"))
    (office.journal_file.parent / "pseudonym.key").write_bytes(b"secret")
    yield office
    await office.journal.close()
    await server.stop()


@pytest.fixture
async def empty(office: Office, tmp_path: Path) -> AsyncIterator[Postgres]:
    """A new server, on which nothing was ever done; its owner has the password of the old one's."""
    server = Postgres(tmp_path / "empty", f"{free_net()}.0.1")
    await server.start()
    await run_sql(server.dsn_of("postgres"), "DROP DATABASE pbx112")
    await run_sql(server.dsn_of("postgres"), f"ALTER ROLE postgres PASSWORD '{password_of(office.server)}'")
    yield server
    await server.stop()


async def run_sql(dsn: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def password_of(server: Postgres) -> str:
    return str(urlsplit(server.dsn).password)


async def run(commands: str, office: Office, server: Postgres) -> str:
    """The guide's commands, with the machine below a folder, as root alone, and Postgres where it is."""
    commands = re.sub(r"sudo -u \w+ (-g \w+ )?", "", commands)
    commands = re.sub(r"(?<![\w/])/(?=(var|srv|etc)/)", f"{office.root}/", commands)
    commands = commands.replace("-C / ", f"-C {office.root} ")
    command = office.root.parent / "bin/pbx112"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m pbx112 "$@"\n')
    command.chmod(0o755)
    host, password = server.address, password_of(office.server)
    environment = {
        "PATH": f"{command.parent}:{programs()}:{os.environ['PATH']}",
        "PGHOST": host,
        "PGUSER": "postgres",
        "PGPASSWORD": password,
        "PBX112_DSN": f"postgresql://{DAEMON}:{password}@{host}/pbx112",  # as in pbx112.env
        "PBX112_AGENCIES": str(GUIDE.parents[1] / "agencies.yaml"),
        "PBX112_JOURNAL": str(office.journal_file),
        "LANG": "C.UTF-8",
    }
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euxc", commands],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def contents(dsn: str) -> dict[str, object]:
    """All rows of all tables, and who may do what with everything in the schema."""
    tables = await run_sql(
        dsn,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'pbx112'::regnamespace AND relkind IN ('r', 'p')",
    )
    found: dict[str, object] = {}
    for (name,) in tables:
        row = "to_jsonb(t) - 'shipped_at'" if name == "shipment" else "t"
        found[str(name)] = await run_sql(
            dsn,
            f"SELECT count(*), md5(string_agg(({row})::text, ' ' ORDER BY ({row})::text)) FROM pbx112.{name} t",
        )
    found["rights"] = await run_sql(
        dsn,
        "SELECT relname::text, relowner::regrole::text, array(SELECT unnest(relacl)::text ORDER BY 1)::text"
        " FROM pg_class WHERE relnamespace = 'pbx112'::regnamespace ORDER BY 1",
    )
    found["functions"] = await run_sql(
        dsn,
        "SELECT oid::regprocedure::text, proowner::regrole::text, array(SELECT unnest(proacl)::text ORDER BY 1)::text,"
        " prosecdef, md5(prosrc) FROM pg_proc WHERE pronamespace = 'pbx112'::regnamespace ORDER BY 1",
    )
    found["triggers"] = await run_sql(
        dsn,
        "SELECT tgname::text, tgrelid::regclass::text, tgenabled::text FROM pg_trigger"
        " WHERE NOT tgisinternal ORDER BY 1, 2",
    )
    found["comments"] = await run_sql(
        dsn,
        "SELECT c.relname::text, objsubid, description FROM pg_description JOIN pg_class c ON c.oid = objoid"
        " WHERE relnamespace = 'pbx112'::regnamespace ORDER BY 1, 2",
    )
    return found


def on(empty: Postgres, dsn: str, server: Postgres) -> str:
    """The same account's way into the restored database: passwords came with the roles."""
    return dsn.replace(server.address, empty.address)


async def test_the_database_is_lost_and_the_daemon_sends_what_the_dump_lacks(
    office: Office, empty: Postgres, tmp_path: Path
) -> None:
    server = office.server
    await office.ship(server.daemon_dsn, told(60, 1))
    backing_up = asyncio.create_task(run(block("Backing up"), office, server))
    await office.ship(server.daemon_dsn, told(60, 2))  # calls go on meanwhile
    await backing_up
    await office.ship(server.daemon_dsn, told(60, 3))
    key, file = tmp_path / "anchor.key", tmp_path / "anchors.txt"
    public = make_key(key)
    found, wrong = await heads(server.dsn, office.journal_file)
    assert wrong is None
    anchors.write(file, private_key(key), "kaur", found)
    before = await contents(server.dsn)
    await server.stop()

    await run(without(restoring(office), "pbx112"), office, empty)
    restored = on(empty, server.dsn, server)
    missing = await run_sql(restored, "SELECT last_seq FROM pbx112.shipment")
    assert missing[0][0] != office.journal.written, "the dump is older"
    assert await office.ship(on(empty, server.daemon_dsn, server)) == []
    assert await contents(restored) == before
    verified = await verify(restored, processes=1)
    assert (verified.faults, verified.unlocked, verified.notes) == ([], [], [])
    held = await hold(restored, anchors.read(file), [public])
    assert (held.anchors, held.wrong) == (1, [])
    auditor = on(empty, server.dsn_of("pbx112", "inspektorat"), server)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run_sql(auditor, "DELETE FROM pbx112.event")


async def test_the_machine_is_lost_and_the_journals_copy_fills_up_the_dump(
    office: Office, empty: Postgres, tmp_path: Path
) -> None:
    """Calls went on between the dump and the copy; one of them had not ended."""
    server = office.server
    first, then, later = told(60, 1), told(60, 2), drafts("goes on", answered()[:8])
    await office.ship(server.daemon_dsn, first)
    dump, copy = re.split(r"(?=^rm -f)", block("Backing up"), flags=re.M)
    await run(dump, office, server)
    await office.ship(server.daemon_dsn, [*then, *later])
    await run(f"{dump.splitlines()[0]}\n{copy}", office, server)
    known = await contents(server.dsn)
    await office.ship(server.daemon_dsn, drafts("lost", answered()))
    await office.journal.close()
    await server.stop()
    shutil.rmtree(office.root / "var")
    (office.root / "var/lib/pbx112").mkdir(parents=True)
    (office.root / "var/spool/asterisk").mkdir(parents=True)

    said = await run(restoring(office), office, empty)
    restored = on(empty, server.dsn, server)
    assert f"{len(then) + len(later)} sent" in said
    assert await contents(restored) == known, "all that the copy knew, once"
    assert (await verify(restored, processes=1)).faults == []
    again = await run(f"pbx112 salvage {office.backup}/journal.db", office, empty)
    assert "; 0 sent" in again
    assert not (office.root / "var/lib/pbx112/pseudonym.key").exists()
    assert (office.root / "var/spool/asterisk/recording/112-a.wav").read_bytes() == b"RIFF"
    office.journal = await open_journal(office.journal_file)
    assert await office.ship(on(empty, server.daemon_dsn, server), drafts("new", answered())) == []
    verified = await verify(restored, processes=1)
    assert verified.faults == []
    calls = await run_sql(
        restored, "SELECT call_id FROM pbx112.call WHERE call_id IN ('goes on', 'lost', 'new')"
    )
    assert calls == [("new",)], "nobody knows how the one that went on ended"


async def test_an_old_copy_put_back_as_the_journal_ships_nothing_and_says_so(office: Office) -> None:
    server = office.server
    await office.ship(server.daemon_dsn, told(20, 1))
    await run(block("Backing up"), office, server)
    await office.ship(server.daemon_dsn, told(20, 2))
    before = await contents(server.dsn)
    await office.journal.close()
    for file in office.journal_file.parent.glob("journal.db*"):
        file.unlink()
    shutil.copy(office.backup / "journal.db", office.journal_file)
    office.journal = await open_journal(office.journal_file)
    await office.journal.append(drafts("new", answered()))
    alarms: asyncio.Queue[str] = asyncio.Queue()
    shipping = asyncio.create_task(
        Shipper(office.journal, server.daemon_dsn, "kaur", alarms.put_nowait).run()
    )
    alarm = await asyncio.wait_for(alarms.get(), 10)
    shipping.cancel()
    with suppress(asyncio.CancelledError):
        await shipping
    assert "was an old copy of" in alarm and "Move that file aside and restart" in alarm
    assert await contents(server.dsn) == before
