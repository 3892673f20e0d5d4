"""The line before the call takers, as the switch keeps it: one who is free is sought by one who waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pbx112.ari import events as rest
from pbx112.ari.model import Channel
from pbx112.model.events import LineStateChanged
from pbx112.model.state import Reaching, Talking, Waiting
from pbx112.plan.types import CallTakers
from pbx112.switch import calls as of_calls
from pbx112.switch import switch as of_switch
from pbx112.switch.switch import Switch

from ..model.desk import agency, extension, plan
from .test_waiting import NOWHERE, a_journal, arrives, hangs_up, where

TWO = CallTakers("in_order", (extension("1101"), extension("1102")), "damkar")
PLAN = plan(agency("damkar", extension("2101")), call_takers=TWO)


def picks_up(switch: Switch, call_id: str, leg: int = 1) -> None:
    channel = Channel(f"{call_id}-leg{leg}", state="Up")
    switch.on_event(rest.StasisStart(channel=channel, args=("leg",)))


def gone(switch: Switch, call_id: str, cause: int, leg: int = 1) -> None:
    switch.on_event(rest.ChannelDestroyed(channel=Channel(id=f"{call_id}-leg{leg}"), cause=cause))


async def two_talk(switch: Switch, waiting: int) -> None:
    """c1 and c2 talk with 1101 and 1102, so many more wait."""
    for number in (1, 2):
        arrives(switch, f"c{number}")
        picks_up(switch, f"c{number}")
    for number in range(waiting):
        arrives(switch, f"c{number + 3}")
    assert where(switch, Talking) == ["c1", "c2"]
    assert len(where(switch, Waiting)) == waiting


async def soon() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def rung(switch: Switch, call_id: str) -> list[str]:
    live = switch.calls.get(call_id)
    assert live is not None and live.call is not None
    return [leg.target.number for leg in live.call.live_legs()]


async def test_one_who_is_free_is_sought_by_the_one_who_came_first(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    await two_talk(switch, waiting=3)
    assert switch.calls.waiting == 3
    await hangs_up(switch, "c2")
    await soon()
    assert (where(switch, Reaching), where(switch, Waiting)) == (["c3"], ["c4", "c5"])
    assert rung(switch, "c3") == ["1102"], "1101 talks"
    arrives(switch, "c6")
    assert where(switch, Waiting) == ["c4", "c5", "c6"]
    await hangs_up(switch, "c1")
    await soon()
    assert (where(switch, Reaching), where(switch, Waiting)) == (["c3", "c4"], ["c5", "c6"])
    await switch.stop()
    await journal.close()


async def test_who_puts_the_receiver_down_too_early_is_rung_again_at_once(tmp_path: Path) -> None:
    """The line that left the talk is no more in it when it is decided who is rung."""
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    arrives(switch, "c1")
    picks_up(switch, "c1")
    gone(switch, "c1", 16)
    await soon()
    assert rung(switch, "c1") == ["1101"]
    await switch.stop()
    await journal.close()


async def test_two_who_are_free_at_once_are_sought_by_two(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    await two_talk(switch, waiting=3)
    for number in (1, 2):
        switch.on_event(rest.ChannelDestroyed(channel=Channel(id=f"c{number}"), cause=16))
    await soon()
    assert (where(switch, Reaching), where(switch, Waiting)) == (["c3", "c4"], ["c5"])
    await switch.stop()
    await journal.close()


async def test_who_lost_its_human_goes_before_who_came_earlier(tmp_path: Path) -> None:
    """1101 goes away and puts the receiver down; its caller goes on with 1102, though another has waited for long."""
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    await two_talk(switch, waiting=1)
    switch.note("", LineStateChanged("1101", "logged_out"))
    gone(switch, "c1", 16)
    await soon()
    assert where(switch, Waiting) == ["c1", "c3"]
    await hangs_up(switch, "c2")
    await soon()
    assert (where(switch, Reaching), where(switch, Waiting)) == (["c1"], ["c3"])
    await switch.stop()
    await journal.close()


async def test_who_logs_in_is_rung_for_who_waits(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    switch.note("", LineStateChanged("1102", "logged_out"))
    arrives(switch, "c1")
    picks_up(switch, "c1")
    arrives(switch, "c2")
    await soon()
    assert where(switch, Waiting) == ["c2"]
    switch.note("", LineStateChanged("1102", "ready"))
    await soon()
    assert rung(switch, "c2") == ["1102"]
    await switch.stop()
    await journal.close()


async def test_a_phone_that_is_busy_elsewhere_is_asked_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no sooner: whoever waits does not ring it again and again."""
    monkeypatch.setattr(of_calls, "BUSY_FOR", 0.3)
    monkeypatch.setattr(of_switch, "LOOK_EVERY", 0.1)
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    arrives(switch, "c1")
    picks_up(switch, "c1")
    arrives(switch, "c2")
    assert rung(switch, "c2") == ["1102"]
    gone(switch, "c2", 17)
    await soon()
    assert where(switch, Waiting) == ["c2"]
    async with asyncio.timeout(3):
        while where(switch, Waiting):
            await asyncio.sleep(0.02)
    assert rung(switch, "c2") == ["1102"]
    live = switch.calls.get("c2")
    assert live is not None and live.call is not None and len(live.call.legs) == 2
    await switch.stop()
    await journal.close()


async def test_the_line_is_the_same_after_a_restart(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    await two_talk(switch, waiting=2)
    await journal.append([])
    again = Switch(NOWHERE, journal, PLAN)
    running = asyncio.create_task(again.run())
    await again.recovered.wait()
    assert (where(again, Talking), sorted(where(again, Waiting))) == (["c1", "c2"], ["c3", "c4"])
    arrives(again, "c5")
    assert len(where(again, Waiting)) == 3
    await hangs_up(again, "c1")
    await soon()
    assert where(again, Reaching) == ["c3"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await switch.stop()
    await journal.close()


async def test_a_phone_that_was_busy_before_a_restart_is_not_busy_now(tmp_path: Path) -> None:
    """Nobody knows how long ago that was: who waits is rung there, and does not wait `BUSY_FOR` once more."""
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    arrives(switch, "c1")
    picks_up(switch, "c1")
    arrives(switch, "c2")
    gone(switch, "c2", 17)
    await soon()
    assert where(switch, Waiting) == ["c2"]
    await journal.append([])
    again = Switch(NOWHERE, journal, PLAN)
    running = asyncio.create_task(again.run())
    await again.recovered.wait()
    arrives(again, "c3")
    await soon()
    assert (where(again, Reaching), where(again, Waiting)) == (["c2"], ["c3"])
    assert rung(again, "c2") == ["1102"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await switch.stop()
    await journal.close()


async def test_a_call_that_is_forgotten_leaves_nobody_talking(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    await two_talk(switch, waiting=1)
    live = switch.calls.get("c1")
    assert live is not None
    switch.over(live)
    await soon()
    assert rung(switch, "c3") == ["1101"]
    await switch.stop()
    await journal.close()
