"""One caller whose SIP Call-ID is no UTF-8 blinds Asterisk's list of channels, and not us (measured on 22.10.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import pytest

from pbx112.ari import (
    AriClient,
    AsteriskInfo,
    Bridge,
    Channel,
    NotFound,
    OutcomeUnknown,
    ServerError,
    Unavailable,
)
from pbx112.ari.model import Application, Dialplan
from pbx112.ari.version import UNKNOWN
from pbx112.model.events import CallArrived, Instant
from pbx112.model.state import Call, begin
from pbx112.switch.channels import AT_ONCE, all_channels
from pbx112.switch.reconcile import survey
from pbx112.switch.requests import BRIDGE_NAME

from ..model.desk import agency, extension, plan

PLAN = plan(agency("damkar", extension("2101")))


@dataclass
class Blinded:
    """Asterisk with these channels, and some of which it tells nothing, alone or among others."""

    told: Iterable[Channel] = ()
    untold: tuple[str, ...] = ()
    in_hand: tuple[str, ...] | None = ()
    spans: tuple[Bridge, ...] = ()

    async def channels(self) -> list[Channel]:
        if self.untold:
            raise Unavailable("GET", "channels", "Allocation failed", 500)
        return list(self.told)

    async def channel(self, channel_id: str) -> Channel:
        if channel_id in self.untold:
            raise ServerError("GET", f"channels/{channel_id}", "the answer cannot be read")
        for channel in self.told:
            if channel.id == channel_id:
                return channel
        raise NotFound("GET", f"channels/{channel_id}", "Channel not found", 404)

    async def application(self) -> Application:
        if self.in_hand is None:
            raise NotFound("GET", "applications/pbx112", "Application not found", 404)
        return Application("pbx112", self.in_hand)

    async def bridges(self) -> list[Bridge]:
        return list(self.spans)

    async def asterisk_info(self) -> AsteriskInfo:
        return AsteriskInfo(UNKNOWN, "")


def asked(asterisk: Blinded) -> AriClient:
    return cast(AriClient, asterisk)


def caller(channel_id: str, app: str = "pbx112") -> Channel:
    where = Dialplan(context="pbx112-intake", app_name="Stasis", app_data=f"{app},intake")
    return Channel(channel_id, "PJSIP/trunk-1", dialplan=where)


def call(call_id: str) -> Call:
    known = begin(call_id, CallArrived(call_id, "0812", None, False, "112"), Instant(10**15, 10**12))
    assert known is not None
    return known


async def test_all_are_told_at_once_where_asterisk_can() -> None:
    there = await all_channels(asked(Blinded([caller("1")])), ["7"])
    assert there == ([caller("1")], ())


async def test_who_cannot_be_told_blinds_us_for_nobody_else() -> None:
    """A talk that is known, an arrival that is not, one that has gone, and who speaks with whom on a bridge."""
    others = [caller(str(number)) for number in range(AT_ONCE)]
    phone = Channel("1-leg1", "PJSIP/2101-1", "Up")
    asterisk = Blinded(
        [*others, phone, caller("bridged", "another")],
        ("bad",),
        ("0", "bad", *(channel.id for channel in others)),
        (Bridge("bridged-bridge", name=BRIDGE_NAME, channels=("1-leg1",)),),
    )
    there = await all_channels(asked(asterisk), ["0", "gone"])
    assert there.untold == ("bad",)
    assert set(there.channels) == {*others, phone, caller("bridged", "another"), Channel("bad")}


async def test_a_caller_of_whom_nothing_is_told_is_found_and_the_calls_go_on() -> None:
    asterisk = Blinded([caller("1"), caller("2")], ("bad", "3", "3-leg1"), ("1", "2", "bad", "3", "3-leg1"))
    found = await survey(asked(asterisk), "pbx112", [call("1"), call("3"), call("4")], PLAN)
    assert found.untold == ("bad",)
    assert [channel.id for channel in found.arrivals] == ["2"]
    assert not found.resumed["1"].caller_gone
    assert not found.resumed["3"].caller_gone, "it is there, whatever is told of it"
    assert found.resumed["4"].caller_gone


async def test_another_daemons_bridge_is_left_alone_meanwhile() -> None:
    spans = (Bridge("9-bridge", name=BRIDGE_NAME),)
    found = await survey(asked(Blinded([caller("9", "another")], ("bad",), (), spans)), "pbx112", [], PLAN)
    assert found.bridges == ()


async def test_nobody_is_connected_any_more() -> None:
    there = await all_channels(asked(Blinded([caller("1")], ("bad",), None)), ["1"])
    assert there == ([caller("1")], ())


async def test_silence_is_no_answer() -> None:
    class Silent(Blinded):
        async def channels(self) -> list[Channel]:
            raise OutcomeUnknown("GET", "channels", "no answer within 5 s")

    with pytest.raises(OutcomeUnknown):
        await all_channels(asked(Silent()), [])
