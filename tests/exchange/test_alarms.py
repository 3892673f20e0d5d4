"""Alarms of a real exchange: what fails is told over a webhook, and that it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import Answers
from lab.processes import eventually
from pbx112.alarms.conditions import LASTS
from pbx112.alarms.heart import PACE
from pbx112.alarms.run import watch
from pbx112.settings import load_settings
from tests.exchange.plans import plan
from tests.exchange.test_line_watch import without_phones

BRISK = dict.fromkeys(LASTS, 0.3)
"""Seconds for which an alarm has to last in these stories."""
SOON = replace(PACE, calm=0.5, apart=0.2)


class Hook:
    """Where the webhook goes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        said = json.loads(await request.read())
        self.told += [line for line in said["message"].splitlines() if line and not line.startswith("->")]
        return web.Response()

    async def hears(self, begin: str, also: str = "", within: float = 25) -> None:
        """Wait until a line begins so, and has `also` in it."""

        def heard() -> bool:
            return any(line.startswith(begin) and also in line for line in self.told)

        try:
            await eventually(heard, within, pause=0.1)
        except TimeoutError:
            raise AssertionError(f"no {begin!r} … {also!r} in {self.told}") from None


@asynccontextmanager
async def alarms(exchange: Exchange) -> AsyncIterator[Hook]:
    """The alarms beside this exchange, so brisk that a story need not wait for minutes."""
    heard = Hook()
    server = await asyncio.get_running_loop().create_server(web.Server(heard.answer), "127.0.0.1", 0)
    file = exchange.folder / "alarms.conf"
    file.write_text(f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/112\n")
    file.chmod(0o640)
    settings = load_settings(**exchange.daemon.settings, alarms=file)
    watching = asyncio.create_task(watch(settings, SOON, BRISK, every=0.2))
    try:
        yield heard
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        server.close()
        (exchange.folder / "journal" / "alarms.json").unlink(missing_ok=True)


async def test_the_daemon_dies_and_a_call_goes_by_the_fallback(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.3)})
    async with alarms(exchange) as heard:
        await exchange.daemon.kill()
        await heard.hears("ALARM: pbx112 tidak melayani", "(tidak ada proses)")
        calling = await exchange.dial(Caller(talk=0.2))
        await calling.answered()
        await calling.ended()
        await exchange.daemon.start()
        await heard.hears("SELESAI: pbx112 tidak melayani")
        await heard.hears("ALARM: panggilan 10 menit terakhir lewat dialplan cadangan: 1")


async def test_an_agency_loses_its_only_line_and_gets_it_back(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    async with alarms(exchange) as heard:
        async with without_phones(exchange, "2199", "2201"):
            await exchange.reload_plan(plan())
            await heard.hears("ALARM: Satpol PP: tidak ada saluran yang hidup")
        await exchange.reload_plan(plan())
        await heard.hears("SELESAI: Satpol PP: tidak ada saluran yang hidup")
    assert not any("Damkar" in line for line in heard.told)


async def test_postgres_goes_and_comes_back(exchange: Exchange) -> None:
    async with alarms(exchange) as heard:
        await exchange.stop_postgres()
        await heard.hears("ALARM: catatan tidak sampai ke Postgres", "Postgres cannot be reached")
        await exchange.start_postgres()
        await heard.hears("SELESAI: catatan tidak sampai ke Postgres")
