"""What no event told: Asterisk is made to keep something to itself, and it is found out all the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.callers import Caller
from lab.exchange import ARI_USER, Exchange
from lab.phones import BUSY, Answers
from lab.processes import eventually
from pbx112.ari import AriHttp, AriSettings
from pbx112.switch.hearing import LISTENED
from pbx112.switch.requests import BRIDGE_NAME
from tests.exchange.plans import plan

SOON = Answers(after=0.3)


@asynccontextmanager
async def ari(exchange: Exchange, app: str = "elsewhere") -> AsyncIterator[AriHttp]:
    """A client of our own beside the daemon."""
    settings = AriSettings(url=exchange.ari_url, user=ARI_USER, password=exchange.ari_password, app=app)
    async with AriHttp(settings) as client:
        yield client


@asynccontextmanager
async def kept_secret(exchange: Exchange, *events: str) -> AsyncIterator[None]:
    """Asterisk sends the daemon no events of these types."""
    async with ari(exchange, "pbx112") as client:
        path = ("applications", "pbx112", "eventFilter")
        told = ["ApplicationReplaced", "RESTResponse", *(kind.__name__ for kind in LISTENED)]
        everything = [{"type": name} for name in told]
        some = [{"type": name} for name in told if name not in events]
        await client.request("PUT", path, body={"allowed": some, "disallowed": []})
        try:
            yield
        finally:
            await client.request("PUT", path, body={"allowed": everything, "disallowed": []})


async def test_a_bridge_that_belongs_to_no_call_is_removed(exchange: Exchange) -> None:
    async with ari(exchange) as another:
        await another.create_bridge("1700000000.1-bridge", name=BRIDGE_NAME)
    assert (await exchange.leftovers()).bridges
    await exchange.quiet(within=8)


async def test_a_bridge_of_somebody_else_stays(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    async with ari(exchange) as another:
        await another.create_bridge("conference", name="conference")
        await another.create_bridge("1700000000.1-bridge", name=BRIDGE_NAME)

        async def one_is_left() -> bool:
            return len((await exchange.leftovers()).bridges) == 1

        await eventually(one_is_left, 8, pause=0.1)
        assert (await exchange.leftovers()).bridges == ("conference",)
        await another.delete_bridge("conference")


async def test_a_caller_of_whom_nobody_told_us_is_served(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller(talk=0.2, patience=20)
    began = time.monotonic()
    async with kept_secret(exchange, "StasisStart"):
        calling = await exchange.dial(caller)
        await exchange.phone("1101").until_rung(within=9)
    assert time.monotonic() - began < 9
    await calling.answered()
    await calling.ended()
    assert (await exchange.record(caller)).call["outcome"] == "answered"


async def test_an_operator_of_whose_picking_up_nobody_told_is_joined(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=25))
    await exchange.phones({"1101": Answers(after=2), "1102": BUSY})
    caller = Caller(talk=0.2, patience=20)
    calling = await exchange.dial(caller)
    await exchange.phone("1101").until_rung()
    async with kept_secret(exchange, "StasisStart"):
        await calling.answered(within=14)
    await calling.ended()
    assert (await exchange.record(caller)).tried == (("1101", "accepted"), ("1102", "busy"))


async def test_a_caller_whose_end_nobody_told_is_given_up(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=25))
    await exchange.phones({"1101": Answers(after=60), "1102": BUSY})
    caller = Caller(patience=1.0)
    async with kept_secret(exchange, "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"):
        calling = await exchange.dial(caller)
        await calling.ended()
        record = await exchange.record(caller, within=15)
    assert record.call["outcome"] == "abandoned_ringing"
    await exchange.quiet()


async def test_an_operator_whose_end_nobody_told_is_replaced(exchange: Exchange) -> None:
    """The desk phone is gone from a talk, and nothing says so: the caller does not stay alone."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    async with kept_secret(
        exchange, "ChannelDestroyed", "ChannelHangupRequest", "StasisEnd", "ChannelLeftBridge"
    ):
        await exchange.phones({"1102": SOON})  # 1101 dies without a word …
        before = len(exchange.phone("1102").received("ACK"))
        [leg] = [name for name in (await exchange.leftovers()).channels if "1101" in name]
        await exchange.asterisk.ask(f"channel request hangup {leg}")
        await eventually(lambda: len(exchange.phone("1102").received("ACK")) > before, 15)
    calling.hang_up()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.call["outcome"] == "answered"
    assert [leg["result"] for leg in record.legs].count("accepted") == 2
