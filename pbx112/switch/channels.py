"""All channels that Asterisk has, also where it cannot tell them at once.

A channel whose SIP Call-ID is no UTF-8 spoils the whole list (500, "Allocation failed"); asked for alone, Asterisk
answers with nothing; and none of its events is told (measured on 22.10.1). One such caller must not blind us.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from pbx112.ari import Bridge, Channel, NotFound, ServerError, Unavailable
from pbx112.ari.operations import Operations

AT_ONCE = 50
"""Channels that are asked for at once where each has to be asked for alone."""


class Told(NamedTuple):
    """`channels` are those that are there: all, or those that we need to know of. `untold` are the ids of some of them
    that are in our application's hands, and of which Asterisk tells nothing but that."""

    channels: list[Channel]
    untold: tuple[str, ...] = ()


async def all_channels(ari: Operations, known: Iterable[str]) -> Told:
    """All channels; where Asterisk does not tell them at once, each alone that is in our application's hands, is on a
    bridge (or has one, be it another daemon's), or is `known` to us (its id). Raises :class:`pbx112.ari.AriError`."""
    try:
        return Told(await ari.channels())
    except (Unavailable, ServerError):
        ours, bridges = await asyncio.gather(_in_our_hands(ari), ari.bridges())
        bridged = (channel for bridge in bridges for channel in (_caller_of(bridge), *bridge.channels))
        ids = list(dict.fromkeys(filter(None, (*ours, *known, *bridged))))
        found: list[Channel] = []
        for begin in range(0, len(ids), AT_ONCE):
            told = await asyncio.gather(*(_alone(ari, channel) for channel in ids[begin : begin + AT_ONCE]))
            found += filter(None, told)
        bare = {channel.id for channel in found if channel == Channel(channel.id)}
        return Told(found, tuple(channel for channel in ours if channel in bare))


def _caller_of(bridge: Bridge) -> str:
    """The id of the caller for whom this bridge was made; empty where it is none of a call's."""
    call_id, _, what = bridge.id.rpartition("-")
    return call_id if what == "bridge" else ""


async def _in_our_hands(ari: Operations) -> tuple[str, ...]:
    try:
        return (await ari.application()).channel_ids
    except NotFound:  # nobody is connected any more
        return ()


async def _alone(ari: Operations, channel: str) -> Channel | None:
    """This channel, bare where Asterisk tells nothing of it; None where it is gone."""
    try:
        return await ari.channel(channel)
    except NotFound:
        return None
    except (Unavailable, ServerError):
        return Channel(channel)
