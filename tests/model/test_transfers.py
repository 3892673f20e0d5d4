"""A phone's own transfer key, told to the pure model: nobody is dropped, and nobody outside the plan is reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx112.model import asks, stimuli
from pbx112.model.events import CallerBack, CallTransferred, HelpSought, LegOffered, StageEntered
from pbx112.model.state import Announcing, Reaching, Talking
from pbx112.plan.types import Plan, Supervisors

from .desk import Desk, agency, extension, plan
from .test_keys import BPBD, DAMKAR, TAKERS, a_talk, dials, there, told

PLN = replace(agency("pln", extension("2301"), extension("2302")), code="23")


def transfers(desk: Desk, to: str, line: str = "1101", *, attended: bool = False) -> None:
    desk.requests.clear()
    desk.hears(stimuli.Transferred(desk.leg(line), to, "stand-in", attended))


def rings(desk: Desk) -> list[str]:
    assert desk.call
    return [leg.target.number for leg in desk.call.live_legs() if leg.status == "offered"]


@pytest.mark.parametrize("to", ["13", "*13", "2101"])
def test_a_blind_transfer_rings_the_agency_and_lets_the_transferor_go(to: str) -> None:
    desk = a_talk()
    transfers(desk, to)
    assert there(desk) == [] and rings(desk) == ["2101"]
    assert asks.Hangup("stand-in") in desk.requests
    assert asks.Ring("c1") in desk.requests, "the caller hears ringing"
    [event] = told(desk, CallTransferred)
    assert isinstance(event, CallTransferred) and (event.by, event.owner, event.attended) == (
        1,
        "damkar",
        False,
    )
    desk.picks_up("2101")
    assert there(desk) == ["2101"]


def test_nobody_takes_it_and_after_the_agencys_then_the_call_takers_have_it_again() -> None:
    desk = a_talk()
    transfers(desk, "13")
    for number in ("2101", "+6281200000001", "2201"):
        desk.hears(stimuli.HungUp(desk.leg(number), 17, 486))
    whys = [(stage.owner, stage.why) for stage in told(desk, StageEntered) if isinstance(stage, StageEntered)]
    assert whys[1:] == [("damkar", "transferred"), ("bpbd", "then"), ("call_takers", "returned")]
    assert set(rings(desk)) == {"1101", "1102"}


def test_a_colleague_who_does_not_answer_leads_back_to_all_call_takers() -> None:
    desk = a_talk()
    transfers(desk, "1102")
    assert rings(desk) == ["1102"]
    desk.hears(stimuli.HungUp(desk.leg("1102"), 17, 486))
    assert set(rings(desk)) == {"1101", "1102"}


def test_an_agencys_named_extension_rings_before_its_others() -> None:
    desk = a_talk(plan(DAMKAR, BPBD, PLN, call_takers=TAKERS))
    transfers(desk, "2302")
    assert rings(desk) == ["2302"]
    desk.hears(stimuli.HungUp(desk.leg("2302"), 17, 486))
    assert rings(desk) == ["2301"]


def test_with_others_there_the_talk_goes_on_while_the_target_rings() -> None:
    desk = a_talk()
    dials(desk, "*16")
    desk.picks_up("2201")
    desk.hears(stimuli.Briefed(desk.leg("2201")))
    transfers(desk, "13")
    assert there(desk) == ["2201"] and rings(desk) == ["2101"]
    assert desk.call and isinstance(desk.call.situation, Talking)
    last = told(desk, HelpSought)[-1]
    assert isinstance(last, HelpSought) and (last.owner, last.why) == ("damkar", "transferred")


def test_a_held_caller_comes_back_when_the_consulting_operator_transfers() -> None:
    desk = a_talk()
    dials(desk, "**16")
    desk.picks_up("2201")
    desk.hears(stimuli.Briefed(desk.leg("2201")))
    assert desk.call and desk.call.held
    transfers(desk, "16")
    assert not desk.call.held and there(desk) == ["2201"]
    assert len(told(desk, CallerBack)) == 1
    assert len(told(desk, HelpSought)) == 1, "it is here already"


def test_an_attended_transfer_joins_whom_they_have_spoken_to() -> None:
    desk = a_talk()
    transfers(desk, "2101", attended=True)
    assert there(desk) == ["2101"] and rings(desk) == []
    [leg] = [event for event in told(desk, LegOffered) if isinstance(event, LegOffered) and event.brought]
    assert (leg.channel, leg.brought) == ("stand-in", 1)
    assert not any(isinstance(request, asks.Originate) for request in desk.requests)
    assert asks.Hangup("stand-in") not in desk.requests
    assert any(isinstance(r, asks.Join) and "stand-in" in r.channels for r in desk.requests)
    desk.hears(stimuli.HungUp(desk.leg("2101"), 16))
    assert desk.call and desk.call.situation.__class__.__name__ == "Ended", "an officer ends by hanging up"


@pytest.mark.parametrize("to", ["0900123", "", "112", "13;1", "*", "+6281200000001"])
@pytest.mark.parametrize("attended", [False, True])
def test_what_the_plan_does_not_name_is_refused_and_the_call_takers_have_the_caller(
    to: str, attended: bool
) -> None:
    desk = a_talk()
    transfers(desk, to, attended=attended)
    [event] = told(desk, CallTransferred)
    assert isinstance(event, CallTransferred) and event.owner == "" and not event.attended
    assert asks.Hangup("stand-in") in desk.requests
    assert set(rings(desk)) == {"1101", "1102"}
    dialled = {r.target.dial for r in desk.requests if isinstance(r, asks.Originate)}
    assert dialled == {"PJSIP/1101", "PJSIP/1102"}


def test_who_has_left_already_transfers_nothing() -> None:
    desk = a_talk()
    desk.hears(stimuli.HungUp(1, 16))
    before = len(desk.history)
    desk.hears(stimuli.Transferred(1, "13", "stand-in"))
    assert len(desk.history) == before


def test_a_restart_in_the_middle_finds_the_transfer_on_the_bridge() -> None:
    desk = a_talk()
    found = stimuli.Resumed(gone=(1,), transferred=(stimuli.Transferred(1, "13", "stand-in"),))
    desk.hears(found)
    assert rings(desk) == ["2101"]
    assert desk.call and isinstance(desk.call.situation, Reaching) and desk.call.situation.transferred


def test_without_call_takers_it_ends_as_every_search_does() -> None:
    desk = Desk(plan(DAMKAR, BPBD, default="bpbd"))
    desk.arrives()
    desk.picks_up("2201")
    transfers(desk, "13", "2201")
    for _ in range(8):
        assert desk.call
        for leg in [leg for leg in desk.call.live_legs() if leg.status == "offered"]:
            desk.hears(stimuli.HungUp(leg.number, 17, 486))
    assert desk.call and isinstance(desk.call.situation, Announcing)


def test_the_supervisor_takes_it_by_extension() -> None:
    on: Plan = replace(
        plan(DAMKAR, BPBD, call_takers=TAKERS), supervisors=Supervisors("all", (extension("1201"),))
    )
    desk = a_talk(on)
    transfers(desk, "1201")
    assert rings(desk) == ["1201"]
    desk.hears(stimuli.HungUp(desk.leg("1201"), 17, 486))
    assert set(rings(desk)) == {"1101", "1102"}
