"""Which lines are alive, over a real AMI: in Postgres, in the metrics, in `status` and on the wallboard."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from lab.callers import Caller
from lab.exchange import Exchange
from lab.network import AMI
from lab.phones import Answers
from lab.processes import eventually, say
from lab.wallboard import Wallboard
from pbx112.desk.ami import Ami
from pbx112.desk.watch import registered_of
from tests.exchange.plans import plan
from tests.exchange.test_watched import metrics

DEAD = plan().replace('{extension: "2101", ring_for: 2}', '{extension: "2199", ring_for: 2}')
"""2199 is known to Asterisk and has no phone."""


@asynccontextmanager
async def without_phones(exchange: Exchange, *numbers: str) -> AsyncIterator[None]:
    exchange.unregistered = frozenset(numbers)
    try:
        yield
    finally:
        exchange.unregistered = frozenset({"2199"})


async def stretches(exchange: Exchange, line: str) -> list[str]:
    connection = await asyncpg.connect(exchange.dsn)
    try:
        rows = await connection.fetch(
            "SELECT state FROM pbx112.line_check WHERE line = $1 AND ends_at > now() - interval '1 minute'"
            " ORDER BY begins_at",
            line,
        )
        return [str(row["state"]) for row in rows]
    finally:
        await connection.close()


async def status(exchange: Exchange) -> str:
    return await say(
        "env",
        *(f"{name}={value}" for name, value in exchange.daemon.environment.items()),
        sys.executable,
        "-m",
        "pbx112",
        "status",
    )


async def test_a_dead_line_is_seen_by_all_and_costs_no_call(exchange: Exchange) -> None:
    await exchange.reload_plan(DEAD)

    async def written(states: list[str]) -> bool:
        return (await stretches(exchange, "2199"))[-1:] == states

    await eventually(lambda: written(["unreachable"]), 15, pause=0.1)

    async def told(alive: float) -> bool:
        now = await metrics(exchange)
        return (now("lines", owner="damkar", state="unreachable") == alive) and now("ami_connected") == 1

    await eventually(lambda: told(1), 5)
    assert (await metrics(exchange))("owner_alive", owner="damkar") == 1  # it has others
    shown = await status(exchange)
    [line] = [each for each in shown.splitlines() if " 2199 " in each]
    assert "line watch: unreachable since" in line
    [trunk] = [each for each in shown.splitlines() if each.startswith("gsm ")]
    assert trunk.rstrip().endswith("alive")

    await exchange.asterisk.configure({"manager.conf": "[general]\nenabled=no\n"})
    try:
        await exchange.asterisk.ask("manager reload")
        for words in map(str.split, (await exchange.asterisk.ask("manager show connected")).splitlines()):
            if words[:1] == ["pbx112"]:
                await exchange.asterisk.ask(f"manager kick session {words[4]}")

        async def is_away() -> bool:
            return (await metrics(exchange))("ami_connected") == 0

        await eventually(is_away, 15, pause=0.2)
        await exchange.phones({"1101": Answers(after=0.2)})
        caller = Caller(talk=0.2)
        calling = await exchange.dial(caller)
        await calling.answered()
        await calling.ended()
        assert (await exchange.record(caller)).call["outcome"] == "answered"
    finally:
        await exchange.asterisk.configure(exchange._asterisk_files())
        await exchange.asterisk.ask("manager reload")
    async with without_phones(exchange):
        await exchange.reload_plan(DEAD)
        await eventually(lambda: written(["ready"]), 25, pause=0.1)


async def test_an_agency_without_a_live_line_stands_on_the_wallboard(exchange: Exchange) -> None:
    async with without_phones(exchange, "2199", "2201"), Wallboard(exchange) as board:
        await exchange.reload_plan(DEAD)

        async def shown() -> bool:
            picture: dict[str, Any] = await board.picture()
            states = {
                agency["key"]: [line["state"] for line in agency["lines"]]
                for agency in picture.get("agencies", ())
            }
            return states.get("satpol_pp") == ["unreachable"] and states["damkar"][0] == "unreachable"

        await eventually(shown, 15, pause=0.2)


async def test_ami_lets_us_look_and_nothing_else(exchange: Exchange) -> None:
    ami = await Ami.connect(exchange.network.exchange, AMI, "pbx112", exchange.ari_password)
    allowed = await ami._answer(ami._manager.send_action({"Action": "ListCommands"}))
    assert not {"originate", "command", "updateconfig", "moduleload", "redirect", "hangup", "setvar"} & {
        name.lower() for name in allowed
    }
    devices = {device.device for device in await ami.listing("DeviceStateList")}
    assert {"PJSIP/1101", "PJSIP/gsm"} <= devices
    assert await ami.listing("PJSIPShowRegistrationsOutbound") == []
    files = exchange._asterisk_files()
    nowhere = f"[gsm]\ntype=registration\ntransport=udp\nserver_uri=sip:{exchange.network.exchange}:9\n"
    nowhere += f"client_uri=sip:112@{exchange.network.exchange}:9\n"
    await exchange.asterisk.configure(files | {"pjsip.conf": files["pjsip.conf"] + nowhere})
    try:
        assert registered_of(await ami.listing("PJSIPShowRegistrationsOutbound")) == {"gsm": False}
    finally:
        await exchange.asterisk.configure(files)
    assert await ami.device("PJSIP/1101") == "NOT_INUSE"
    assert await ami.device("PJSIP/2199") == "UNAVAILABLE"
    ami.close()
