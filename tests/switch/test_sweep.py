"""What two looks over Asterisk have seen is told to the calls, should no event have done so."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pbx112.model.state import Leg, Talking
from pbx112.model.stimuli import Resumed
from pbx112.switch.reconcile import Found
from pbx112.switch.sweep import Sweep
from pbx112.switch.switch import Switch

from ..model.desk import agency, extension, mobile, plan
from .test_waiting import NOWHERE, a_journal, arrives, where


def leg(switch: Switch) -> Leg:
    live = switch.calls.get("c1")
    assert live is not None and live.call is not None
    return live.call.legs[0]


async def test_who_has_picked_up_unseen_is_joined_and_not_hung_up_for_not_answering(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"), mobile("+6281200000001"))))
    arrives(switch, "c1")
    sweep = Sweep(switch.ari, "pbx112", switch.calls, lambda: switch.plan, cast("object", None))  # type: ignore[arg-type]
    ringing, picked_up = (Found({"c1": Resumed(up=up)}, (), (), ()) for up in ((), (1,)))
    sweep.hold_against(ringing)
    sweep.hold_against(picked_up)
    assert leg(switch).status == "offered", "its event may be on its way"
    sweep.hold_against(ringing)
    sweep.hold_against(picked_up)
    assert leg(switch).status == "offered"
    sweep.hold_against(picked_up)
    assert leg(switch).status == "accepted"
    assert where(switch, Talking) == ["c1"]
    await journal.close()
