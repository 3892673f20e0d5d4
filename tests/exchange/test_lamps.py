"""The lamps of desk phones (BLF) show each line, each agency and the call takers: free, ringing, busy, unreachable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.lamps import Lamp, Package, start_lamp
from lab.phones import BUSY, SILENT, Answers

from .plans import plan

PLAN = plan(takers_ring_for=10).replace('extension: "2102"', 'extension: "2199"')
Lamps = Callable[..., Awaitable[Lamp]]


@pytest.fixture
async def lamp(exchange: Exchange) -> AsyncIterator[Lamps]:
    """Puts a lamp for a number on the phone of Satpol PP (or on another address)."""
    lit: list[Lamp] = []

    async def put(number: str, package: Package = "dialog", address: str = "") -> Lamp:
        where = address or exchange.network.extension("2201")
        lit.append(
            await start_lamp(
                exchange.folder / "lamps", "2201", where, exchange.network.exchange, number, package
            )
        )
        return lit[-1]

    yield put
    for each in lit:
        await each.sipp.stop()


@pytest.mark.parametrize("package", ["dialog", "presence"])
@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "fallback"])
async def test_a_112_call_lights_the_lamps(
    exchange: Exchange, lamp: Lamps, package: Package, daemon: bool
) -> None:
    await exchange.reload_plan(PLAN)
    await exchange.phones({"1101": Answers(after=1.0), "1102": SILENT, "2201": SILENT})
    if not daemon:
        await exchange.daemon.stop()
    first, second, takers, damkar = [await lamp(number, package) for number in ("1101", "1102", "112", "13")]
    for each in (first, second, takers, damkar):
        await each.until("free")
    calling = await exchange.dial(Caller())
    for each in (first, second, takers):
        await each.until("ringing")
    await calling.answered()
    for each in (first, takers):
        await each.until("busy")
    await second.until("free")
    calling.hang_up()
    await calling.ended()
    await first.until("free")
    await takers.until("free")
    assert first.shown == ["free", "ringing", "busy", "free"]
    assert second.shown == ["free", "ringing", "free"]
    assert damkar.shown == ["free"], "an agency that nobody rings stays dark"
    await exchange.quiet()


async def test_an_agency_is_free_while_one_of_its_phones_is(exchange: Exchange, lamp: Lamps) -> None:
    """2199 is registered nowhere; 2101 is there."""
    await exchange.reload_plan(PLAN)
    await (await lamp("2199", "presence")).until("unreachable")
    await (await lamp("2199", "dialog")).until("free")  # a dialog has no word for it: the lamp stays dark
    await (await lamp("13", "presence")).until("free")


async def test_lamps_outlive_a_reload_of_the_plan(exchange: Exchange, lamp: Lamps) -> None:
    await exchange.reload_plan(PLAN)
    await exchange.phones({"1101": Answers(after=0.2), "1102": BUSY})
    first = await lamp("1101")
    await first.until("free")
    await exchange.reload_plan(PLAN.replace("Uji 112", "Uji 112 lain"))
    caller = Caller(talk=0.5)
    calling = await exchange.dial(caller)
    await first.until("busy")
    await calling.ended()
    await first.until("free")
    await exchange.quiet()


async def test_only_the_offices_phones_have_lamps(exchange: Exchange, lamp: Lamps) -> None:
    await exchange.reload_plan(PLAN)
    outside = await lamp("1101", address=exchange.network.incoming_trunk)
    assert await outside.refused() >= 400
    assert await (await lamp("9999")).refused() == 404
    assert await (await lamp("+6281200000001")).refused() == 404, "a mobile has no state"
