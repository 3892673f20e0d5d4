"""Alarms of a real exchange: what fails is told over a webhook, and that it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.callers import Caller
from lab.exchange import Exchange
from lab.hook import Hook
from lab.phones import Answers
from pbx112.settings import load_settings
from tests.alarms.hook import told_over
from tests.exchange.plans import plan
from tests.exchange.test_line_watch import without_phones


@asynccontextmanager
async def alarms(exchange: Exchange) -> AsyncIterator[Hook]:
    """The alarms beside this exchange, so brisk that a story need not wait for minutes."""
    file = exchange.folder / "alarms.conf"
    async with told_over(file, load_settings(**exchange.daemon.settings, alarms=file)) as heard:
        yield heard
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
