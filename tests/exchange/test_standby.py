"""Two daemons on one journal, a watchdog, and a sweep: who serves, and how long a caller waits when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cable import cable
from lab.callers import Caller
from lab.exchange import ARI_USER, Exchange
from lab.phones import Answers
from lab.processes import eventually
from lab.supervisor import Supervisor, unit_value
from pbx112.ari import AriSettings
from pbx112.health import Health
from pbx112.journal import Draft, Journal, read_beat
from pbx112.room import RoomWatch
from pbx112.switch.switch import Switch
from tests.exchange.plans import plan

SOON = Answers(after=0.3)

TAKES_OVER = 3.0
"""Seconds from the death of one daemon until the other serves."""


@asynccontextmanager
async def standby_of(exchange: Exchange) -> AsyncIterator[None]:
    """Beside the daemon that serves, one that waits."""
    exchange.standby.log.unlink(missing_ok=True)
    await exchange.standby.start()
    assert exchange.standby.said("standby") and not exchange.standby.said("connected")
    try:
        yield
    finally:
        await exchange.standby.stop()


@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_the_standby_takes_over_calls_and_all(exchange: Exchange, how: str) -> None:
    await exchange.reload_plan(plan(takers_ring_for=15))
    await exchange.phones({"1101": Answers(after=4), "1102": Answers(after=4)})
    async with standby_of(exchange):
        ringing = Caller(talk=0.5)
        calling = await exchange.dial(ringing)
        await exchange.phone("1101").until_rung()
        began = time.monotonic()
        if how == "killed":
            await exchange.daemon.kill()
        else:
            exchange.daemon.freeze()
        await exchange.standby.says("connected")
        took = time.monotonic() - began
        assert took < TAKES_OVER, f"{took:.1f} s"
        await eventually(
            lambda: exchange.daemon.pid is None, 1
        )  # never do both act: the one that hung is ended
        assert bool(exchange.standby.said("fence")) is (how == "hung")
        await calling.answered()
        await calling.ended()
        record = await exchange.record(ringing)
        assert record.call["outcome"] == "answered"
        later = Caller(talk=0.2)
        served = await exchange.dial(later)
        await served.answered()
        await served.ended()
        assert (await exchange.record(later)).call["outcome"] == "answered"


async def test_a_database_that_is_cut_off_moves_nothing(exchange: Exchange) -> None:
    """Who serves is decided beside Asterisk, not in Postgres."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON})
    async with standby_of(exchange):
        await exchange.stop_postgres()
        for _ in range(3):
            calling = await exchange.dial(Caller(talk=0.2))
            await calling.answered()
            await calling.ended()
        assert exchange.daemon.pid is not None and not exchange.standby.said("takeover")
        await exchange.start_postgres()


async def test_a_hung_daemon_is_replaced_and_its_callers_are_served(exchange: Exchange) -> None:
    """Alone, under systemd's watchdog: who called while it hung waits no longer than the watchdog and a start."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SOON})
    await exchange.daemon.stop()
    bound = float(unit_value("WatchdogSec")) + float(unit_value("RestartSec")) + 5
    async with Supervisor(exchange.daemon, exchange.folder) as supervisor:
        await asyncio.wait_for(supervisor.ready.wait(), 10)
        await eventually(lambda: supervisor.status.startswith("serves, "), 10)
        size = exchange.daemon.log.stat().st_size
        exchange.daemon.freeze()
        began = time.monotonic()
        caller = Caller(talk=0.2, patience=30)
        calling = await exchange.dial(caller)
        await exchange.daemon.says("connected", since=size, within=bound)
        assert time.monotonic() - began < bound
        await calling.answered()
        await calling.ended()
        assert (supervisor.hung, supervisor.restarts) == (1, 1)
        # by the daemon that was started anew or, where Asterisk gave the deaf one up before, by the dialplan
        assert (await exchange.record(caller)).outcome in ("answered", "fallback_answered")


async def test_a_stop_while_waiting_is_immediate(exchange: Exchange, tmp_path: Path) -> None:
    async with standby_of(exchange):
        began = time.monotonic()
        await exchange.standby.stop()
        assert time.monotonic() - began < 2
    assert exchange.daemon.pid is not None


async def test_a_daemon_that_asterisk_no_longer_answers_asks_to_be_restarted(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asterisk answers others, and not us: only then, since an Asterisk that is away answers nobody."""
    monkeypatch.setattr("pbx112.health.ANSWER_WITHIN", 1.0)
    monkeypatch.setattr("pbx112.health.ASK_EVERY", 0.2)
    heard = Heard(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    direct = AriSettings(url=exchange.ari_url, user=ARI_USER, password=exchange.ari_password, app="other")
    journal = await Journal.open(
        tmp_path / "journal.db",
        closing=[],
        gap=lambda lost, why: Draft("", 0, 0, "", "gap", b""),
        on_alarm=print,
    )
    async with cable(exchange.ari_url, exchange.network.extension("cable")) as way:
        switch = Switch(replace(direct, url=way.url), journal, exchange.plan)
        health = Health(journal, switch, direct, RoomWatch(tmp_path / "journal.db"))
        tasks = [asyncio.create_task(work) for work in (switch.run(), health.beat(), health.listen())]
        try:
            await eventually(lambda: heard.alive_within(0.5) and switch.ari.connected)
            way.silence()
            await eventually(lambda: not heard.alive_within(0.5), 5)
            beats = read_beat(journal.path)
            await eventually(lambda: read_beat(journal.path) > beats, 2)  # a standby need not act: we do live
            way.restore()
            await eventually(lambda: heard.alive_within(0.5), 15)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await journal.close()
            heard.close()


class Heard:
    """systemd's side of the notification socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._last = 0.0

    def alive_within(self, seconds: float) -> bool:
        """Whether WATCHDOG=1 has come within this time."""
        with contextlib.suppress(BlockingIOError):
            while True:
                if b"WATCHDOG=1" in self._socket.recv(4096):
                    self._last = time.monotonic()
        return time.monotonic() - self._last < seconds

    def close(self) -> None:
        """Nobody listens any more."""
        self._socket.close()
