"""A model's request, as operations on Asterisk, and what their failure means for the call."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import assert_never

import structlog

from pbx112.ari import (
    AriError,
    Conflict,
    NotFound,
    NotInStasis,
    NotSent,
    OutcomeUnknown,
    Unavailable,
)
from pbx112.ari.operations import Operations
from pbx112.model import asks, stimuli
from pbx112.model.caller import for_display
from pbx112.model.described import NOTED, read_notes
from pbx112.model.events import RecordingFailed
from pbx112.model.stimuli import Stimulus
from pbx112.plan.dialled import FORWARDS, TRANSFERS

log = structlog.get_logger()

BRIDGE_NAME = "pbx112"
"""By this name a bridge is known to be ours when nobody remembers it."""

TRUNK_GROUP = "GROUP(pbx112trunk)"
"""Asterisk's count of the calls on each trunk (a dialplan function that works on a channel like a variable)."""

FALLBACK_CONTEXT = "pbx112-fallback"

LONGEST_RECORDING = 4 * 3600
"""Seconds."""

ATTEMPTS = 3
PAUSE = 0.1
"""How often, and after how many seconds, what the caller's voice depends on is asked for."""

_OURS = re.compile(r"-(?:leg[0-9]+|bridge)$")
"""What our ids of channels and bridges have after the call's."""

Final = asks.Hangup | asks.DropBridge | asks.ToFallback
"""What must come true sooner or later, whatever becomes of the call meanwhile."""

RING_GRACE = 5
"""Seconds after the model's own deadline at which Asterisk gives up ringing, should nobody tell it to."""


async def perform(
    ari: Operations, request: asks.Request, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Stimulus | None:
    """Carry out `request`; a failure that the call has to know of comes back as a stimulus.

    That something is already gone is ordinary: its own event says so. That the connection is lost is left to
    the reconciliation after the reconnect. What the caller's voice depends on is tried more than once. Never
    raises for what Asterisk answers.
    """
    attempts = ATTEMPTS if isinstance(request, asks.Answer | asks.Join) else 1
    for attempt in range(1, attempts + 1):
        try:
            return await _perform(ari, request)
        except AriError as error:
            if isinstance(error, NotSent | OutcomeUnknown) and _left_open(ari, request):
                return None
            gone = isinstance(error, NotFound | NotInStasis)
            if attempt < attempts and not (gone and isinstance(request, asks.Answer)):
                await sleep(PAUSE)
                continue
            if not gone:
                _tell(request, error)
            return _failed(request, "gone" if gone else str(error))
    raise AssertionError("there is at least one attempt")


def _left_open(ari: Operations, request: asks.Request) -> bool:
    """Whether it is of no harm that nobody knows what became of `request`: all is asked for once more after a
    reconnect, and a line that may be ringing has its time limit."""
    return not ari.connected or isinstance(request, asks.Originate)


async def settle(ari: Operations, request: Final) -> bool:
    """Carry out `request`; whether that is done, or what it is about is gone. Never raises for what Asterisk
    answers."""
    try:
        await _perform(ari, request)
    except (NotFound, NotInStasis):
        return True
    except NotSent:
        return False
    except AriError as error:
        _tell(request, error)
        return False
    return True


def _tell(request: asks.Request, error: AriError) -> None:
    about = next(filter(None, (getattr(request, name, "") for name in ("bridge", "channel", "playback"))), "")
    log.warning(
        "request failed",
        action=type(request).__name__,
        call_id=_OURS.sub("", about),
        about=about,
        error=str(error),
    )


async def _perform(ari: Operations, request: asks.Request) -> Stimulus | None:
    match request:
        case asks.Answer(channel=channel, again=again):
            if not (again and (await ari.channel(channel)).state == "Up"):
                await ari.answer(channel)
        case asks.Ring(channel=channel):
            await ari.ring(channel)
        case asks.StopRing(channel=channel):
            await ari.ring_stop(channel)
        case asks.Music(channel=channel):
            await ari.start_moh(channel)
        case asks.StopMusic(channel=channel):
            await ari.stop_moh(channel)
        case asks.Originate():
            return await _originate(ari, request)
        case asks.Play(channel=channel, playback=playback, media=media, again=again):
            if not (again and await _speaks(ari, playback)):
                await ari.play(channel, media, playback_id=playback)
        case asks.StopPlay(playback=playback):
            await ari.stop_playback(playback)
        case asks.Word(channel=channel, media=media):
            await ari.play(channel, media)
        case asks.MakeBridge(bridge=bridge):
            await _make_bridge(ari, bridge)
        case asks.Join():
            await _join(ari, request)
        case asks.Part(bridge=bridge, channel=channel):
            await ari.remove_channels(bridge, (channel,))
        case asks.Record(bridge=bridge, name=name):
            await _record(ari, bridge, name)
        case asks.Hangup(channel=channel, reason=reason):
            await ari.hangup(channel, reason)
        case asks.DropBridge(bridge=bridge):
            await ari.delete_bridge(bridge)
        case asks.AskWhoCalls(channel=channel):
            described = read_notes(await ari.get_channel_variable(channel, NOTED))
            return stimuli.Described(described) if described else None
        case asks.ToFallback(channel=channel):
            await ari.continue_in_dialplan(channel, FALLBACK_CONTEXT, "s", 1)
        case _ as never:
            assert_never(never)
    return None


async def _originate(ari: Operations, request: asks.Originate) -> Stimulus | None:
    target = request.target
    try:
        await ari.originate(
            target.dial,
            channel_id=request.channel,
            app_args="leg",
            caller_id=f'"{request.name}" <{for_display(request.shown)}>',
            timeout=int(target.ring_for) + RING_GRACE,
            originator=request.originator,
            # A phone's own transfer names nobody but the plan's, and its forwarding nobody at all. The fallback
            # dialplan counts this call on its trunk.
            variables={"TRANSFER_CONTEXT": TRANSFERS, "FORWARD_CONTEXT": FORWARDS}
            | ({TRUNK_GROUP: target.trunk} if target.trunk else {}),
        )
    except Conflict:
        return None  # Rung already, by us before a restart: the id is ours alone.
    except Unavailable:
        return stimuli.Refused(request.leg, unavailable=True, detail="unreachable")
    return None


async def _speaks(ari: Operations, playback: str) -> bool:
    try:
        await ari.playback(playback)
    except NotFound:
        return False
    return True


async def _make_bridge(ari: Operations, bridge: str) -> None:
    with contextlib.suppress(Conflict):  # it stands already, from before a restart
        await ari.create_bridge(bridge, name=BRIDGE_NAME)


async def _join(ari: Operations, request: asks.Join) -> None:
    """Mostly the bridge has been made while the phone rang. Keys are ours to hear, and not the other side's. The phone
    has shown who calls since it rang: no UPDATE or re-INVITE, which not every phone takes."""
    try:
        await _add(ari, request)
    except NotFound:
        await _make_bridge(ari, request.bridge)
        await _add(ari, request)


async def _add(ari: Operations, request: asks.Join) -> None:
    await ari.add_channels(
        request.bridge, request.channels, absorb_dtmf=True, inhibit_connected_line_updates=True
    )


async def _record(ari: Operations, bridge: str, name: str) -> None:
    try:
        await ari.record_bridge(bridge, name=name, max_duration=LONGEST_RECORDING)
    except Conflict:
        return  # It is being recorded already.


def _failed(request: asks.Request, why: str) -> Stimulus | None:
    match request:
        case asks.Originate(leg=leg):
            return stimuli.Refused(leg, unavailable=False, detail=why[:80])
        case asks.Play(prompt=prompt) if prompt is not None:
            return stimuli.PromptDone(prompt, played=False)
        case asks.Record(name=name):
            return stimuli.RecordingReported(RecordingFailed(name, why[:80]))
        case asks.Join(leg=leg):
            return stimuli.HungUp(leg)
        case _:
            return None
