"""A phone's own transfer (SIP REFER), as Asterisk tells it and as it leaves it on the bridge.

Asterisk puts one half of a Local channel (`;1`) in the place of the phone on our bridge. Blind: the other half (`;2`)
comes to the dialplan's context for transfers and waits there for us. Attended: it is on a bridge with who was spoken
to, or has taken the phone's place in a `Dial` that still rings. Our bridges let nobody be moved off them, so the caller
stays where it is (measured on 22.10.1). Without our application Asterisk refuses the transfer (503), and all talk on.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from pbx112.ari import Bridge, Channel
from pbx112.ari import events as rest
from pbx112.model.caller import harmless
from pbx112.model.state import Call
from pbx112.model.stimuli import Transferred
from pbx112.plan.dialled import TRANSFERS, number_of
from pbx112.plan.types import Plan

REMEMBERED = 200
"""Attended transfers of which only the first half was told; the oldest is forgotten first, and left to the sweep."""

_BLIND = re.compile(rf"Local/(?P<to>[^/@]+)@{TRANSFERS}-[0-9a-f]+;1")
_ATTENDED = re.compile(r"Local/_attended@transfer-[0-9a-f]+;1")


class StandIns:
    """Who stands in whose place, until it is told why."""

    def __init__(self) -> None:
        self._attended: OrderedDict[str, str] = OrderedDict()

    def blind(self, stand_in: Channel) -> str:
        """What was dialled, where this came by a blind transfer; else empty, and more will be told of it."""
        found = _BLIND.fullmatch(stand_in.name)
        return found["to"] if found else ""

    def expect(self, replaced: str, stand_in: str) -> None:
        """An attended transfer has begun."""
        self._attended[replaced] = stand_in
        if len(self._attended) > REMEMBERED:
            self._attended.popitem(last=False)

    def attended(
        self, event: rest.BridgeAttendedTransfer, plan: Plan
    ) -> Iterable[tuple[str, str, str, bool]]:
        """Of each of our phones in it (its channel): its stand-in, to whom it transferred, and whether that has
        answered. Whichever of its two calls a phone names first; both may be ours."""
        first, second = event.transferer_first_leg, event.transferer_second_leg
        for mine, other, far in ((first, second, event.transfer_target), (second, first, event.transferee)):
            if (stand_in := self._attended.pop(mine.id, None)) is None:
                continue
            if event.destination_type == "application":
                yield mine.id, stand_in, harmless(other.dialplan.exten), False
            else:
                yield mine.id, stand_in, number_of(plan, device(far)) if far else "", True


def device(channel: Channel) -> str:
    """The endpoint of a channel: `PJSIP/2101`."""
    return channel.name.rpartition("-")[0]


def is_stand_in(channel: Channel) -> bool:
    """Whether this is the half on our side."""
    return bool(_BLIND.fullmatch(channel.name) or _ATTENDED.fullmatch(channel.name))


def on_the_bridge(
    call: Call, plan: Plan, alive: Mapping[str, Channel], bridges: Mapping[str, Bridge]
) -> tuple[Transferred, ...]:
    """The transfers on this call's bridge of which the call does not know: told while nobody listened."""
    bridge = bridges.get(call.bridge)
    if bridge is None:
        return ()
    known = {leg.channel for leg in call.legs}
    strangers = [alive[channel] for channel in bridge.channels if channel not in known and channel in alive]
    away = [leg.number for leg in call.talkers() if leg.channel not in bridge.channels]
    pairs = zip(away, filter(is_stand_in, strangers), strict=False)
    return tuple(_read(number, stand_in, plan, alive, bridges) for number, stand_in in pairs)


def _read(
    leg: int, stand_in: Channel, plan: Plan, alive: Mapping[str, Channel], bridges: Mapping[str, Bridge]
) -> Transferred:
    if blind := _BLIND.fullmatch(stand_in.name):
        return Transferred(leg, blind["to"], stand_in.id)
    half = next((each for each in alive.values() if each.name == f"{stand_in.name[:-1]}2"), None)
    if half is None:
        return Transferred(leg, "", stand_in.id)
    if half.dialplan.app_name == "Dial":
        return Transferred(leg, harmless(half.dialplan.exten), stand_in.id)
    beyond = next((bridge.channels for bridge in bridges.values() if half.id in bridge.channels), ())
    others = [alive[channel] for channel in beyond if channel != half.id and channel in alive]
    to = number_of(plan, device(others[0])) if len(others) == 1 else ""
    return Transferred(leg, to, stand_in.id, attended=True)
