"""Asterisk's own count of calls, held against the records: a real Asterisk writes the one, the daemon the other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from lab.callers import Caller
from lab.exchange import ARI_USER, Exchange
from lab.phones import BUSY, SILENT, Answers, Behaviour
from lab.processes import eventually
from lab.sipp import Key
from pbx112.ari import AriHttp, AriSettings, NotFound

from .plans import plan
from .test_failures import restart

SOON = Answers(after=0.1)
NOBODY: dict[str, Behaviour] = dict.fromkeys(("1101", "1102", "2201"), BUSY)


async def reconcile(exchange: Exchange) -> tuple[int, str]:
    """`pbx112 audit reconcile` of today, as an administrator runs it: exit code, and what it says."""
    today = datetime.now(ZoneInfo("Asia/Jakarta")).date().isoformat()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pbx112", "audit", "reconcile", today),
        env=exchange.daemon.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def about(said: str, call: str) -> list[str]:
    """The class of each line about this call."""
    return [line.split(": ")[1] for line in said.splitlines() if line.startswith(f"call {call}:")]


async def a_desk_code(exchange: Exchange) -> None:
    """Somebody at a desk dials a code."""

    async def served() -> bool:
        return "pbx112-desk-code!" in await exchange.asterisk.ask("core show channels concise")

    settings = AriSettings(exchange.ari_url, ARI_USER, exchange.ari_password, "pbx112")
    async with AriHttp(settings) as ari:
        await ari.originate("Local/*1129@pbx112-desk/n", channel_id="desk", app_args="desk", timeout=5)
        await eventually(served, 5, pause=0.05)
        with suppress(NotFound):
            await ari.hangup("desk")


@asynccontextmanager
async def tampered(exchange: Exchange, change: str, back: str, *values: object) -> AsyncIterator[None]:
    """As the database's superuser, for a while."""
    db = await asyncpg.connect(exchange.dsn)
    try:
        await db.execute(change, *values)
        yield
        await db.execute(back, *values)
    finally:
        await db.close()


async def test_asterisk_and_the_records_agree_and_what_somebody_changed_is_named(exchange: Exchange) -> None:
    answered, left, waits, late = (Caller(talk=0.3) for _ in range(4))
    talks = Caller(talk=30)
    told = Caller(talk=30, keys=(Key("2", 1.0),))  # chooses in the menu, and hears the announcement
    text = plan().replace("menu_wait: 2", "menu_wait: 2, max_calls: 1, max_wait: 60")
    await exchange.reload_plan(text)

    await exchange.phones({"1101": SOON, "1102": SILENT})
    calling = await exchange.dial(answered)
    await calling.ended()
    await exchange.record(answered)

    first = await exchange.dial(talks)  # the plan lets one call in at a time
    await exchange.told(talks, "LegAccepted")
    second = await exchange.dial(waits)
    await exchange.told(waits, "CallQueued")
    second.hang_up()
    await second.ended()
    first.hang_up()
    await first.ended()

    await exchange.phones({"1101": SILENT, "1102": SILENT})
    calling = await exchange.dial(left)
    await exchange.phone("1101").until_rung()
    calling.hang_up()
    await calling.ended()
    await exchange.record(left)

    await exchange.daemon.kill()  # now the dialplan alone: nobody there, after the menu; then somebody
    await exchange.reload_plan(plan(takers_ring_for=1, then="menu"))
    await exchange.phones(NOBODY)
    calling = await exchange.dial(told)
    await calling.ended(within=40)
    await exchange.phones({"1101": SOON, "1102": SILENT})
    calling = await exchange.dial(late)
    await calling.ended()
    await exchange.daemon.start()
    records = {caller: await exchange.record(caller) for caller in (answered, talks, waits, left, told, late)}
    assert [record.outcome for record in records.values()] == [
        "answered", "answered", "abandoned_waiting", "abandoned_ringing", "fallback_unanswered", "fallback_answered",
    ]  # fmt: skip
    await a_desk_code(exchange)
    await exchange.quiet()

    calls = [str(record.call["call_id"]) for record in records.values()]

    async def written() -> bool:
        text = exchange.cdr.read_text()
        return all(f'"{call}","{call}"' in text for call in calls) and "pbx112-desk-code" in text

    await eventually(written, 5, pause=0.05)
    assert not any(caller.number[1:] in exchange.cdr.read_text() for caller in records), "no citizen's number"
    _, said = await reconcile(exchange)
    assert not any(about(said, call) for call in calls), said

    call = calls[0]
    renamed = "UPDATE pbx112.call SET call_id = $2 WHERE call_id = $1"
    async with tampered(
        exchange, renamed, "UPDATE pbx112.call SET call_id = $1 WHERE call_id = $2", call, "made-up.1"
    ):
        code, said = await reconcile(exchange)
        assert (code, about(said, call), about(said, "made-up.1")) == (
            1,
            ["not_recorded"],
            ["not_in_asterisk"],
        )
    moved = "UPDATE pbx112.call SET arrived_at = arrived_at {} interval '3 s' WHERE call_id = $1"
    async with tampered(exchange, moved.format("+"), moved.format("-"), calls[3]):
        code, said = await reconcile(exchange)
        assert (code, about(said, calls[3])) == (1, ["arrival_differs"])
    taken = "UPDATE pbx112.call SET accepted_at = {} WHERE call_id = $1"
    async with tampered(
        exchange, taken.format("arrived_at + interval '4 s'"), taken.format("NULL"), calls[4]
    ):
        code, said = await reconcile(exchange)
        assert (code, about(said, calls[4])) == (1, ["answered_differs"])

    db = await asyncpg.connect(exchange.dsn)
    try:
        newest = await db.fetchrow(
            "SELECT * FROM pbx112.reconciliation ORDER BY reconciliation_id DESC LIMIT 1"
        )
        assert newest is not None
        assert newest["account"] != "postgres" and newest["node"] == "lab"
        assert newest["agreed_fallback"] >= 1 and newest["desk_codes"] >= 1 and newest["other_channels"] >= 6
        row = await db.fetchrow(
            "SELECT class, is_difference, asterisk_answered, outcome FROM pbx112.reconciliation_call"
            " WHERE reconciliation_id = $1 AND call_id = $2",
            *(newest["reconciliation_id"], calls[4]),
        )
        assert row is not None and tuple(row) == ("answered_differs", True, False, "fallback_unanswered")
    finally:
        await db.close()


async def test_a_call_that_asterisk_took_with_it_is_explained_and_one_made_up_beside_it_is_not(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(plan(takers_ring_for=20))
    before, cut, after = Caller(talk=0.2), Caller(patience=8), Caller(talk=0.2)
    await a_call_that_is_counted(exchange, before)

    await exchange.phones({"1101": SILENT, "1102": SILENT})
    await exchange.dial(cut)
    await exchange.phone("1101").until_rung()
    await restart(exchange, crash=True)
    call = str((await exchange.record(cut)).call["call_id"])
    code, said = await reconcile(exchange)
    assert (code, about(said, call)) == (1, ["not_in_asterisk"]), "nothing tells yet that Asterisk began anew"

    await a_call_that_is_counted(exchange, after)
    _, said = await reconcile(exchange)
    assert about(said, call) == ["asterisk_cut"]

    made_up = (
        "INSERT INTO pbx112.call SELECT (jsonb_populate_record(c, jsonb_build_object('call_id', $1 || '0'))).*"
        " FROM pbx112.call c WHERE call_id = $1"
    )
    async with tampered(exchange, made_up, "DELETE FROM pbx112.call WHERE call_id = $1 || '0'", call):
        code, said = await reconcile(exchange)
        assert (code, about(said, call), about(said, f"{call}0")) == (
            1,
            ["asterisk_cut"],
            ["not_in_asterisk"],
        )


async def a_call_that_is_counted(exchange: Exchange, caller: Caller) -> None:
    """One that somebody answers, and that Asterisk has written down."""
    await exchange.phones({"1101": SOON, "1102": BUSY})
    calling = await exchange.dial(caller)
    await calling.ended()
    call = str((await exchange.record(caller)).call["call_id"])
    await exchange.quiet()
    await eventually(lambda: f'"{call}","{call}"' in exchange.cdr.read_text(), 5, pause=0.05)
