"""A supervisor listens in and whispers: three phones, three tones, and who hears which."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.baresip import Baresip, baresip
from lab.exchange import Exchange
from lab.phones import BUSY
from lab.records import told_of
from lab.sound import loudness_of

from .plans import plan
from .test_desk_codes import Phone
from .test_desk_sound import AGENCY, CALL_TAKER, CITIZEN, hears

SUPERVISOR = AGENCY
NUMBER = "081271120077"
WITH_SUPERVISOR = plan() + 'supervisors: {lines: [{extension: "1201"}]}\n'


@asynccontextmanager
async def three(exchange: Exchange) -> AsyncIterator[tuple[Baresip, Baresip, Baresip, Phone]]:
    """A citizen talks with 1101; 1201 has dialled the code."""
    await exchange.reload_plan(WITH_SUPERVISOR)
    await exchange.phones({"1102": BUSY})
    here, folder, at = exchange.network.exchange, exchange.folder / "listening", exchange.addresses()
    async with (
        baresip(folder / "desk", "1101", at["1101"], here, CALL_TAKER) as desk,
        baresip(folder / "above", "1201", at["1201"], here, SUPERVISOR) as above,
        baresip(folder / "citizen", NUMBER, exchange.network.incoming_trunk, here, CITIZEN) as citizen,
    ):
        await citizen.dial(f"sip:112@{here}")
        await desk.hears(CITIZEN)
        phone = Phone(exchange, above, "1201", "*1128")
        await above.dial(f"sip:*1128@{here}")
        await phone.hears("desk_talk")
        yield desk, citizen, above, phone
    await exchange.quiet()


def whispered_to(phone: Baresip) -> float:
    heard = max(phone.heard_in.glob("*-dec.wav"), key=lambda file: file.stat().st_mtime)
    return loudness_of(heard, SUPERVISOR)


async def test_the_whisper_reaches_the_call_taker_alone_and_stands_in_the_record(exchange: Exchange) -> None:
    async with three(exchange) as (desk, citizen, above, phone):
        await phone.press("2")
        began = await told_of(exchange.dsn, NUMBER, "ListenStarted", by="1201", line="1101", whisper=True)
        await hears(desk.heard_in, SUPERVISOR, CITIZEN)
        await hears(above.heard_in, CITIZEN, CALL_TAKER)
        await hears(citizen.heard_in, CALL_TAKER, but_not=SUPERVISOR)
        assert whispered_to(citizen) < 0.02 < 0.2 < whispered_to(desk)
        await above.hang_up()
        ended = await told_of(exchange.dsn, NUMBER, "ListenEnded", by="1201")
        assert ended["at"] > began["at"]
        await hears(desk.heard_in, CITIZEN, but_not=SUPERVISOR)
        await citizen.hang_up()


async def test_who_only_listens_is_heard_by_nobody_and_the_caller_s_hanging_up_ends_it(
    exchange: Exchange,
) -> None:
    async with three(exchange) as (desk, citizen, above, phone):
        await phone.press("1")
        await hears(above.heard_in, CITIZEN, CALL_TAKER)
        assert max(whispered_to(desk), whispered_to(citizen)) < 0.02
        await citizen.hang_up()
        await told_of(exchange.dsn, NUMBER, "ListenEnded", by="1201")


async def test_listening_outlives_the_daemon_and_its_end_is_told_by_the_next_one(exchange: Exchange) -> None:
    async with three(exchange) as (desk, citizen, above, phone):
        await phone.press("2")
        await hears(desk.heard_in, SUPERVISOR)
        await exchange.daemon.kill()
        await exchange.daemon.start()
        await hears(desk.heard_in, SUPERVISOR, CITIZEN)
        await above.hang_up()
        await told_of(exchange.dsn, NUMBER, "ListenEnded", within=20, by="1201", seen=False)
        await citizen.hang_up()


@pytest.mark.parametrize("number", ["1101", "2201"])
async def test_nobody_but_a_supervisor_listens(exchange: Exchange, number: str) -> None:
    await exchange.reload_plan(WITH_SUPERVISOR)
    here = exchange.network.exchange
    folder = exchange.folder / f"no-{number}"
    async with baresip(folder, number, exchange.addresses()[number], here, CITIZEN) as phone:
        dialled = Phone(exchange, phone, number, "*1128")
        await phone.dial(f"sip:*1128@{here}")
        await dialled.hears("desk_not_yours")
        assert "desk_talk" not in dialled.heard()
    await exchange.quiet()
