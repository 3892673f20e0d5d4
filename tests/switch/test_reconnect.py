"""Between the reconnect and the moment in which the calls know what Asterisk has, no limit strikes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pbx112.ari import AriClient, AsteriskInfo
from pbx112.ari.version import UNKNOWN
from pbx112.model import asks
from pbx112.model.events import LegResult
from pbx112.model.state import Leg
from pbx112.model.stimuli import Resumed
from pbx112.switch.reconcile import Found
from pbx112.switch.switch import Switch

from ..model.desk import agency, extension, plan
from .test_waiting import NOWHERE, a_journal, arrives

INFO = AsteriskInfo(UNKNOWN, "")
RINGS = 0.2
"""Seconds."""


def leg(switch: Switch, call_id: str) -> Leg:
    live = switch.calls.get(call_id)
    assert live is not None and live.call is not None
    return live.call.legs[0]


async def test_who_picked_up_while_the_connection_was_cut_is_not_hung_up_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: asyncio.Queue[Found] = asyncio.Queue()

    async def survey(*_: object) -> Found:
        return await seen.get()

    async def ask(request: asks.Request) -> None:
        pass

    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101", RINGS))))
    switch.ari = cast(AriClient, SimpleNamespace(connected=True))
    monkeypatch.setattr("pbx112.switch.switch.survey", survey)
    monkeypatch.setattr(switch, "ask", ask)
    seen.put_nowait(Found({}, (), (), ()))
    await switch.on_connect(INFO)
    arrives(switch, "c1")
    switch.on_disconnect("cut")
    connecting = asyncio.create_task(switch.on_connect(INFO))
    arrives(switch, "c2")
    await asyncio.sleep(2 * RINGS)
    assert leg(switch, "c1").live and leg(switch, "c2").live
    seen.put_nowait(Found({"c1": Resumed(up=(1,))}, (), (), ()))
    await connecting
    assert leg(switch, "c1").status == "accepted"
    await asyncio.sleep(2 * RINGS)
    assert leg(switch, "c2").result is LegResult.NO_ANSWER, "whose limit passed meanwhile is looked at now"
    await switch.stop()
    await journal.close()
