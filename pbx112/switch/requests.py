"""A model's request, as operations on Asterisk, and what their failure means for the call."""

from __future__ import annotations

import asyncio
from typing import assert_never

import structlog

from pbx112.ari import AriClient, AriError, Conflict, NotFound, NotInStasis, NotSent, Unavailable
from pbx112.model import react, stimuli
from pbx112.model.caller import for_display
from pbx112.model.events import RecordingFailed
from pbx112.model.stimuli import Stimulus

log = structlog.get_logger()

BRIDGE_NAME = "pbx112"
"""By this name a bridge is known to be ours when nobody remembers it."""

FALLBACK_CONTEXT = "pbx112-fallback"

LONGEST_RECORDING = 4 * 3600
"""Seconds."""

JOIN_ATTEMPTS = 3
JOIN_PAUSE = 0.1
"""Seconds between two attempts to join caller and line."""

RING_GRACE = 5
"""Seconds after the model's own deadline at which Asterisk gives up ringing, should nobody tell it to."""


async def perform(ari: AriClient, request: react.Request) -> Stimulus | None:
    """Carry out `request`; a failure that the call has to know of comes back as a stimulus.

    That something is already gone is ordinary: its own event says so. That the connection is lost is left to
    the reconciliation after the reconnect. Never raises for what Asterisk answers.
    """
    try:
        return await _perform(ari, request)
    except NotSent:
        return None
    except (NotFound, NotInStasis):
        return _failed(request, "gone")
    except AriError as error:
        log.warning("request failed", action=type(request).__name__, error=str(error))
        return _failed(request, str(error))


async def _perform(ari: AriClient, request: react.Request) -> Stimulus | None:
    match request:
        case react.Answer(channel=channel):
            await ari.answer(channel)
        case react.Ring(channel=channel):
            await ari.ring(channel)
        case react.StopRing(channel=channel):
            await ari.ring_stop(channel)
        case react.Music(channel=channel):
            await ari.start_moh(channel)
        case react.StopMusic(channel=channel):
            await ari.stop_moh(channel)
        case react.Originate():
            return await _originate(ari, request)
        case react.Play(channel=channel, playback=playback, media=media):
            await ari.play(channel, media, playback_id=playback)
        case react.StopPlay(playback=playback):
            await ari.stop_playback(playback)
        case react.Join():
            await _join(ari, request)
        case react.Record(bridge=bridge, name=name):
            await _record(ari, bridge, name)
        case react.Hangup(channel=channel, reason=reason):
            await ari.hangup(channel, reason)
        case react.DropBridge(bridge=bridge):
            await ari.delete_bridge(bridge)
        case react.ToFallback(channel=channel):
            await ari.continue_in_dialplan(channel, FALLBACK_CONTEXT, "s", 1)
        case _ as never:
            assert_never(never)
    return None


async def _originate(ari: AriClient, request: react.Originate) -> Stimulus | None:
    target = request.target
    try:
        await ari.originate(
            target.dial,
            channel_id=request.channel,
            app_args="leg",
            caller_id=f'"{request.name}" <{for_display(request.shown)}>',
            timeout=int(target.ring_for) + RING_GRACE,
            originator=request.originator,
        )
    except Conflict:
        return None  # Rung already, by us before a restart: the id is ours alone.
    except Unavailable:
        return stimuli.Refused(request.leg, unavailable=True, detail="unreachable")
    return None


async def _join(ari: AriClient, request: react.Join) -> None:
    """Caller and line must meet: this request is worth a second and a third attempt."""
    for attempt in range(1, JOIN_ATTEMPTS + 1):
        try:
            await ari.create_bridge(request.bridge, name=BRIDGE_NAME)
            await ari.add_channels(request.bridge, request.channels)
        except (NotFound, NotInStasis, NotSent):
            raise
        except AriError:
            if attempt == JOIN_ATTEMPTS:
                raise
            await asyncio.sleep(JOIN_PAUSE)
        else:
            return


async def _record(ari: AriClient, bridge: str, name: str) -> None:
    try:
        await ari.record_bridge(bridge, name=name, max_duration=LONGEST_RECORDING)
    except Conflict:
        return  # It is being recorded already.


def _failed(request: react.Request, why: str) -> Stimulus | None:
    match request:
        case react.Originate(leg=leg):
            return stimuli.Refused(leg, unavailable=False, detail=why[:80])
        case react.Play(prompt="greeting" | "menu" | "announcement" as prompt):
            return stimuli.PromptDone(prompt, played=False)
        case react.Record(name=name):
            return stimuli.RecordingReported(RecordingFailed(name, why[:80]))
        case react.Join(leg=leg) if why != "gone":
            return stimuli.HungUp(leg)
        case _:
            return None
