"""The whole exchange: Asterisk, Postgres, the daemon and the phones of one plan, on one net of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab import config
from lab.asterisk import Asterisk, Leftovers
from lab.callers import Caller, Calling, start_call
from lab.daemon import Daemon
from lab.network import AGI, AMI, ARI, SIP, WATCH, Network, is_free
from lab.phones import Behaviour, Phone, start_phones
from lab.postgres import Postgres
from lab.processes import LabError, Startable, eventually, last_lines
from lab.prompts import put_prompts
from lab.records import Record, record_of, told_of
from pbx112.cdr import migrate
from pbx112.plan.dialplan import render
from pbx112.plan.load import load_plan
from pbx112.plan.types import Plan

ARI_USER = "pbx112"
NODE = "lab"
RECORDS = "log/pbx112-fallback.csv"


class Exchange(Startable):
    """An exchange with everything of it below `folder`, on the addresses `net`.0.0/16.

    `agencies` is the plan: a file, which is used where it stands, or its text. `unregistered` extensions are known
    to Asterisk and have no address. `more` is text added to Asterisk's configuration files, by file name.
    `standby` is a second daemon on the same journal, which :meth:`start` leaves alone. `postgres` is another exchange's
    database, which takes the records of both; their `settings` then give each a `node` of its own.
    `PBX112_DSN` in our environment names a Postgres to use instead of the embedded one.

    Use it as an asynchronous context, or call :meth:`start` and :meth:`stop`.
    """

    def __init__(
        self,
        folder: Path,
        agencies: Path | str,
        *,
        net: str = "127.112",
        unregistered: Iterable[str] = ("2199",),
        more: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        postgres: Postgres | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.network = Network(net)
        self.unregistered = frozenset(unregistered)
        self._more = dict(more or {})
        if isinstance(agencies, str):
            self.agencies = self.folder / "agencies.yaml"
            self.agencies.write_text(agencies, encoding="utf-8")
        else:
            self.agencies = agencies.absolute()
        self.plan: Plan = load_plan(self.agencies).plan
        self.ari_password = secrets.token_hex(16)
        self.postgres = postgres or Postgres(self.folder / "postgres", self.network.exchange)
        self._given_dsn = os.environ.get("PBX112_DSN")
        given = dict(settings or {})
        self.asterisk = Asterisk(
            self.folder / "asterisk", self._asterisk_files(), name=given.get("node", NODE)
        )
        self.daemon = Daemon(self.folder / "daemon.log", self._settings() | given)
        self.standby = Daemon(self.folder / "standby.log", self.daemon.settings)
        self._phones: dict[str, Phone] = {}
        self._calls: list[Calling] = []

    # --- its life ---------------------------------------------------------------------------------------------

    async def start(self, *, daemon: bool = True) -> None:
        """Start everything but the phones. What has started is ended again where something does not.

        Raises :class:`LabError`.
        """
        if not is_free(self.network.prefix):
            raise LabError(f"an exchange runs on {self.network.prefix}.0.0/16 already")
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self.asterisk.start())
                parts.create_task(asyncio.to_thread(put_prompts, self.plan, self.asterisk.sounds))
                parts.create_task(self._open_records())
            if daemon:
                await self.daemon.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise

    async def stop(self) -> None:
        """End everything; the folder with its logs stays."""
        await self.hang_up_all()
        await self.phones({})
        await self.standby.stop()
        await self.daemon.stop()
        await asyncio.gather(self.asterisk.stop(), self.postgres.stop())

    # --- its parts --------------------------------------------------------------------------------------------

    @property
    def dsn(self) -> str:
        """How to connect to the records as their owner."""
        return self._given_dsn or self.postgres.dsn

    @property
    def ari_url(self) -> str:
        """Where ARI is."""
        return f"http://{self.network.exchange}:{ARI}"

    @property
    def watch_url(self) -> str:
        """Where the daemon tells its health and metrics."""
        return f"http://{self.network.exchange}:{WATCH}"

    @property
    def owns_postgres(self) -> bool:
        """Whether the database is the embedded one."""
        return self._given_dsn is None

    async def stop_postgres(self) -> None:
        """Take the database away."""
        if not self.owns_postgres:
            raise LabError("the Postgres of PBX112_DSN is not ours to stop")
        await self.postgres.stop()

    async def start_postgres(self) -> None:
        """Give it back."""
        if self.owns_postgres:
            await self.postgres.start()

    async def reload_plan(self, text: str) -> None:
        """Another plan, without touching a live call: file, PJSIP, dialplan, prompts, daemon (where it runs)."""
        self.agencies.write_text(text, encoding="utf-8")
        self.plan = load_plan(self.agencies).plan
        await self.asterisk.configure(self._asterisk_files())
        await asyncio.to_thread(put_prompts, self.plan, self.asterisk.sounds)
        if self.daemon.pid is not None:
            await self.daemon.reload(self.plan.hash)

    # --- phones and callers -----------------------------------------------------------------------------------

    def addresses(self) -> dict[str, str]:
        """Each extension and mobile of the plan, and the address where it rings (a mobile: its gateway's)."""
        known = {}
        for number, (user, endpoint) in self._dialled().items():
            known[number] = self.network.trunk(endpoint) if endpoint else self.network.extension(user)
        return known

    async def phones(self, behaviours: Mapping[str, Behaviour], *, remember: bool = True) -> None:
        """From now on these phones, by extension or mobile number, and no others.

        Those who need not `remember` what they see keep no file of it: for load, and for long.
        """
        await asyncio.gather(*(phone.sipp.stop() for phone in self._phones.values()))
        self._phones = {}
        dialled, addresses = self._dialled(), self.addresses()
        lines: dict[str, dict[str, tuple[str, Behaviour]]] = {}
        for number, behaviour in behaviours.items():
            if number not in dialled:
                raise LabError(f"{number} is no line of the plan")
            lines.setdefault(addresses[number], {})[number] = (dialled[number][0], behaviour)
        started = await asyncio.gather(
            *(
                start_phones(self.folder / "phones", address, each, remember=remember)
                for address, each in lines.items()
            )
        )
        for each in started:
            self._phones |= each

    def phone(self, number: str) -> Phone:
        """One of the phones that are there, and what it saw."""
        return self._phones[number]

    async def dial(self, caller: Caller, via: str = "") -> Calling:
        """A citizen calls, through the incoming trunk or from the address `via`."""
        calling = await start_call(caller, self.folder / "callers", self.network, via)
        self._calls.append(calling)
        return calling

    async def hang_up_all(self) -> None:
        """Whoever still calls hangs up, and is gone."""
        for calling in self._calls:
            calling.hang_up()
        for calling in self._calls:
            with contextlib.suppress(TimeoutError):
                await calling.ended(within=2)
            await calling.sipp.stop()
        self._calls.clear()

    async def record(self, caller: Caller, within: float = 15) -> Record:
        """What the records say of this caller's call, once they do. Raises :class:`LabError`."""
        return await record_of(self.dsn, caller.number, within)

    async def told(
        self, caller: Caller, kind: str, within: float = 15, **fields: object
    ) -> Mapping[str, Any]:
        """The first event of that kind, with these fields, of this caller's call; waits for it."""
        return await told_of(self.dsn, caller.number, kind, within, **fields)

    @property
    def cdr(self) -> Path:
        """Where Asterisk writes its own records of calls."""
        return self.asterisk.folder / "log" / "cdr-custom" / "pbx112.csv"

    async def leftovers(self) -> Leftovers:
        """Channels and bridges that are in Asterisk."""
        return await self.asterisk.leftovers()

    async def quiet(self, within: float = 10) -> None:
        """Wait until Asterisk has no channel and no bridge left. Raises :class:`LabError`."""

        async def is_quiet() -> bool:
            return not await self.leftovers()

        try:
            await eventually(is_quiet, within, pause=0.05)
        except TimeoutError:
            raise LabError(f"left over in Asterisk: {await self.leftovers()}") from None

    def last_words(self) -> dict[str, str]:
        """The end of each log, by its name; for whoever looks into a failure."""
        logs = [
            self.daemon.log,
            self.standby.log,
            self.asterisk.folder / "log" / "messages",
            self.asterisk.folder / "output.log",
        ]
        return {str(log): last_lines(log) for log in logs}

    # --- within -----------------------------------------------------------------------------------------------

    async def _open_records(self) -> None:
        await self.start_postgres()
        await migrate(self.dsn)
        if self.owns_postgres:
            await self.postgres.add_daemon()

    def _dialled(self) -> dict[str, tuple[str, str]]:
        """For each number of the plan: the user that is called, and the endpoint of its trunk (else empty)."""
        known = {}
        for _, line in self.plan.lines():
            technology, _, where = line.dial.partition("/")
            if technology == "PJSIP":
                user, _, endpoint = where.partition("@")
                known[line.number] = (user, endpoint)
        return known

    def _asterisk_files(self) -> dict[str, str]:
        files = config.shipped(self.network.exchange, self.ari_password)
        files["pjsip.conf"] = config.pjsip(self.network, config.parties(self.plan), self.unregistered)
        files["pbx112.conf"] = render(
            self.plan, records=str(config.INSIDE / RECORDS), agi=f"{self.network.exchange}:{AGI}"
        )
        for name, text in self._more.items():
            files[name] = files.get(name, "") + text
        return files

    def _settings(self) -> dict[str, str]:
        address = self.network.exchange
        return {
            "agencies": str(self.agencies),
            "node": NODE,
            "ari_url": self.ari_url,
            "ari_user": ARI_USER,
            "ari_password": self.ari_password,
            "ami_host": address,
            "ami_port": str(AMI),
            "ami_user": ARI_USER,
            "ami_password": self.ari_password,
            "agi_host": address,
            "agi_port": str(AGI),
            "desk_pins": "damkar=4711",
            "watch_host": address,
            "watch_port": str(WATCH),
            "dsn": self._given_dsn or self.postgres.daemon_dsn,
            "journal": str(self.folder / "journal" / "journal.db"),
            "fallback_records": str(self.asterisk.folder / RECORDS),
            "asterisk_cdr": str(self.cdr),
            "dialplan": str(self.asterisk.folder / "etc" / "pbx112.conf"),
        }


def sip_address(address: str) -> str:
    """For people and files: with the port."""
    return f"{address}:{SIP}"
