"""After a (re)connect: what Asterisk has, held against what we believe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pbx112.ari import AriClient, Bridge, Channel, seconds_of
from pbx112.model.state import Call, Leg
from pbx112.model.stimuli import Resumed, Transferred
from pbx112.plan.types import Plan

from .channels import all_channels
from .requests import BRIDGE_NAME, FALLBACK_CONTEXT
from .stand_ins import is_stand_in, on_the_bridge

SURE_AFTER = 0.2
"""Seconds between two looks at a line that seems to have picked up while no application was connected: Asterisk shows
it in Stasis also in the moment in which it turns it away, and a request to join such a channel is never answered
(measured on 22.10.1)."""

NOTED = "noted"
"""The intake's argument to our application where it has noted what the trunk says of the caller."""

_LEG_ID = re.compile(r"(?P<call>.+)-leg[0-9]+")
_BRIDGE_ID = re.compile(r"(?P<call>.+)-bridge")


@dataclass(frozen=True, slots=True)
class Found:
    """`resumed`: what each known call has to hear; `arrivals`: callers in our application whom nobody knows;
    `orphans` and `bridges`: ids of ours that belong to no live call; `untold`: ids of callers whom nobody knows, and of
    whom Asterisk tells nothing."""

    resumed: Mapping[str, Resumed]
    arrivals: tuple[Channel, ...]
    orphans: tuple[str, ...]
    bridges: tuple[str, ...]
    untold: tuple[str, ...] = ()


async def survey(ari: AriClient, app: str, calls: Iterable[Call], plan: Plan) -> Found:
    """Ask Asterisk for all channels and bridges and compare. Raises :class:`pbx112.ari.AriError`."""
    known = {call.call_id: call for call in calls}
    ours = channels_of(known.values())
    info, told, bridges = await asyncio.gather(ari.asterisk_info(), all_channels(ari, ours), ari.bridges())
    found = compare(app, known, told.channels, bridges, seconds_of(info.started), plan)
    if any(resumed.up for resumed in found.resumed.values()):
        await asyncio.sleep(SURE_AFTER)
        told = await all_channels(ari, ours)
        found = compare(app, known, told.channels, bridges, seconds_of(info.started), plan)
    untold = (channel for channel in told.untold if channel not in ours and not is_leg(channel))
    return replace(found, untold=tuple(untold))


def channels_of(calls: Iterable[Call]) -> frozenset[str]:
    """The ids of the channels that these calls have: their callers', and their lines'."""
    return frozenset(
        channel
        for call in calls
        for channel in (call.arrival.channel, *(leg.channel for leg in call.live_legs()))
    )


def compare(
    app: str,
    known: Mapping[str, Call],
    channels: Iterable[Channel],
    bridges: Iterable[Bridge],
    started: float,
    plan: Plan,
) -> Found:
    """The comparison itself; `started` is when Asterisk started, seconds since the epoch."""
    alive = {channel.id: channel for channel in channels}
    spans = {bridge.id: bridge for bridge in bridges}
    moved = {call.call_id: on_the_bridge(call, plan, alive, spans) for call in known.values()}
    explained = {transfer.channel for transfers in moved.values() for transfer in transfers}
    expected = {leg.channel for call in known.values() for leg in call.live_legs()}
    callers = {call.arrival.channel for call in known.values()}
    ours_now = {call.bridge for call in known.values()}
    arrivals, orphans = [], []
    for channel in alive.values():
        if channel.id in callers or channel.id in expected:
            continue
        if is_caller(channel, app):
            arrivals.append(channel)
        elif channel.id not in explained and _is_ours(channel, app, alive):
            orphans.append(channel.id)
    unknown = (
        bridge for bridge in spans.values() if bridge.name == BRIDGE_NAME and bridge.id not in ours_now
    )
    return Found(
        resumed={
            call.call_id: _resumed(call, alive, started, moved[call.call_id]) for call in known.values()
        },
        arrivals=tuple(arrivals),
        orphans=tuple(orphans),
        bridges=tuple(
            bridge.id
            for bridge in unknown
            if not ((call := _BRIDGE_ID.fullmatch(bridge.id)) and _foreign(alive.get(call["call"]), app))
        ),
    )


def is_caller(channel: Channel, app: str) -> bool:
    """Whether this is a citizen's channel in the hands of our application."""
    return _application(channel)[:2] == [app, "intake"]


def is_noted(channel: Channel) -> bool:
    """Whether the intake dialplan noted what the trunk says of this caller."""
    return NOTED in _application(channel)[2:]


def is_leg(channel: str) -> bool:
    """Whether a channel with this id rings a line for one of our calls."""
    return _LEG_ID.fullmatch(channel) is not None


def test_channel(app: str, name: str) -> str:
    """The id of the channel of a line's test; it names our application, so that another daemon's is not ended."""
    return f"{app}-test-{name}"


def call_of(recording: str) -> str | None:
    """The id of the call whose recording has this name; None where it is none of ours."""
    if not recording.startswith("112-"):
        return None
    name = recording.removeprefix("112-")
    leg = _LEG_ID.fullmatch(name)
    return leg["call"] if leg else name


def _is_ours(channel: Channel, app: str, alive: Mapping[str, Channel]) -> bool:
    """Whether we made this channel, or it stands on one of our bridges in a phone's place."""
    if is_stand_in(channel):
        return _application(channel)[:1] == [app]
    if channel.id.startswith(test_channel(app, "")):
        return True
    leg = _LEG_ID.fullmatch(channel.id)
    return leg is not None and not _foreign(alive.get(leg["call"]), app)


def _foreign(caller: Channel | None, app: str) -> bool:
    """Whether another daemon, with an application of its own on the same Asterisk, has this caller."""
    return caller is not None and _application(caller)[:1] not in ([], [app])


def _application(channel: Channel) -> list[str]:
    """The Stasis application that has the channel, and its arguments; empty where none has."""
    where = channel.dialplan
    return where.app_data.split(",") if where.app_name == "Stasis" else []


def _resumed(
    call: Call, alive: Mapping[str, Channel], started: float, transferred: tuple[Transferred, ...]
) -> Resumed:
    caller = alive.get(call.arrival.channel)
    if caller is None:
        restarted = started * 1e6 > call.arrived.utc_us
        return Resumed(asterisk_restarted=restarted, caller_gone=not restarted)
    if caller.dialplan.context.startswith(FALLBACK_CONTEXT):
        return Resumed(in_fallback=True)
    legs = call.live_legs()
    return Resumed(
        gone=tuple(leg.number for leg in legs if leg.channel not in alive and leg.status != "offered"),
        up=tuple(leg.number for leg in legs if _picked_up(leg, alive)),
        transferred=transferred,
    )


def _picked_up(leg: Leg, alive: Mapping[str, Channel]) -> bool:
    """Whether the leg's channel was meanwhile answered and is in our hands: before it is, it cannot be joined."""
    channel = alive.get(leg.channel)
    return channel is not None and leg.status in ("offered", "ringing") and bool(_application(channel))
