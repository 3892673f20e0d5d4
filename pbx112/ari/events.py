"""Asterisk's events, typed, and the decoding of whatever arrives on the socket.

Class names are ARI's own (`type` in the JSON). Match them by keyword: `case StasisStart(channel=c, args=a)`.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from .model import Bridge, Channel, Playback, Recording


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all events have. `timestamp` is Asterisk's clock with its zone."""

    timestamp: str = ""
    application: str = ""


class _Typed(Event, frozen=True, kw_only=True, gc=False, tag_field="type"):
    pass


class StasisStart(_Typed, frozen=True, tag=True):
    """A channel is in our hands. `replace_channel`: the one it takes the place of (a phone's own transfer)."""

    channel: Channel
    args: tuple[str, ...] = ()
    replace_channel: Channel | None = None


class StasisEnd(_Typed, frozen=True, tag=True):
    """A channel has left our hands: hung up, or sent on in the dialplan."""

    channel: Channel


class ChannelCreated(_Typed, frozen=True, tag=True):
    """A channel exists."""

    channel: Channel


class ChannelStateChange(_Typed, frozen=True, tag=True):
    """A channel's `state` changed: `Ringing`, `Up`, …"""

    channel: Channel


class ChannelDestroyed(_Typed, frozen=True, tag=True):
    """A channel is gone. `cause` is Q.850; `tech_cause` the SIP status (from Asterisk 20.17 and 22.7 on)."""

    channel: Channel
    cause: int = 0
    cause_txt: str = ""
    tech_cause: int | None = None


class ChannelHangupRequest(_Typed, frozen=True, tag=True):
    """Somebody asked a channel to hang up: its own side, or we (`soft`)."""

    channel: Channel
    cause: int | None = None
    soft: bool = False
    tech_cause: int | None = None


class ChannelDtmfReceived(_Typed, frozen=True, tag=True):
    """A key was pressed and released."""

    channel: Channel
    digit: str
    duration_ms: int = 0


class ChannelTalkingStarted(_Typed, frozen=True, tag=True):
    """A sound began to come from a channel that Asterisk was asked to listen to (`TALK_DETECT`)."""

    channel: Channel


class ChannelTalkingFinished(_Typed, frozen=True, tag=True):
    """That sound has ended: it lasted for `duration` milliseconds."""

    channel: Channel
    duration: int = 0


class ChannelConnectedLine(_Typed, frozen=True, tag=True):
    """A channel's other party (`channel.connected`) changed."""

    channel: Channel


class ChannelCallerId(_Typed, frozen=True, tag=True):
    """A channel's caller ID changed."""

    channel: Channel


class ChannelHold(_Typed, frozen=True, tag=True):
    """The phone put the talk on hold."""

    channel: Channel
    musicclass: str = ""


class ChannelUnhold(_Typed, frozen=True, tag=True):
    """The phone took the talk off hold."""

    channel: Channel


class Dial(_Typed, frozen=True, tag=True):
    """Progress of a dialling to `peer`: `dialstatus` is empty at its start, then `RINGING`, `PROGRESS`,
    `ANSWER`, `BUSY`, `CONGESTION`, `NOANSWER`, `CANCEL`, `CHANUNAVAIL`. `caller` only where there is one."""

    peer: Channel
    dialstatus: str
    caller: Channel | None = None
    dialstring: str = ""


class PlaybackStarted(_Typed, frozen=True, tag=True):
    """Media began to play."""

    playback: Playback


class PlaybackContinuing(_Typed, frozen=True, tag=True):
    """The next one of several media begins."""

    playback: Playback


class PlaybackFinished(_Typed, frozen=True, tag=True):
    """Media ended, was stopped, or could not be played (`playback.state == "failed"`)."""

    playback: Playback


class RecordingStarted(_Typed, frozen=True, tag=True):
    """A recording began."""

    recording: Recording


class RecordingFinished(_Typed, frozen=True, tag=True):
    """A recording is complete."""

    recording: Recording


class RecordingFailed(_Typed, frozen=True, tag=True):
    """A recording broke off; `recording.cause` says why."""

    recording: Recording


class BridgeCreated(_Typed, frozen=True, tag=True):
    """A bridge exists."""

    bridge: Bridge


class BridgeDestroyed(_Typed, frozen=True, tag=True):
    """A bridge is gone."""

    bridge: Bridge


class BridgeMerged(_Typed, frozen=True, tag=True):
    """`bridge_from` was emptied into `bridge`."""

    bridge: Bridge
    bridge_from: Bridge | None = None


class ChannelEnteredBridge(_Typed, frozen=True, tag=True):
    """A channel is on a bridge."""

    bridge: Bridge
    channel: Channel


class ChannelLeftBridge(_Typed, frozen=True, tag=True):
    """A channel is off a bridge."""

    bridge: Bridge
    channel: Channel


class BridgeBlindTransfer(_Typed, frozen=True, tag=True):
    """A phone transferred its party unseen (REFER). `channel` is the one who transferred."""

    channel: Channel
    exten: str = ""
    context: str = ""
    result: str = ""
    is_external: bool = False
    replace_channel: Channel | None = None
    transferee: Channel | None = None
    bridge: Bridge | None = None


class BridgeAttendedTransfer(_Typed, frozen=True, tag=True):
    """A phone joined its two calls (REFER with Replaces)."""

    transferer_first_leg: Channel
    transferer_second_leg: Channel
    result: str = ""
    is_external: bool = False
    destination_type: str = ""
    replace_channel: Channel | None = None
    transferee: Channel | None = None
    transfer_target: Channel | None = None
    destination_bridge: str = ""


class ApplicationReplaced(_Typed, frozen=True, tag=True):
    """Another client has connected under our name. Never handed on: the client raises `Replaced` instead."""


class UnknownEvent(Event, frozen=True, gc=False):
    """An event of a type that we have no class for; `raw` is its JSON."""

    type: str
    raw: bytes


class RestResponse(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="RESTResponse"):
    """The answer to a request that went over the WebSocket: no event, but it comes the same way."""

    request_id: str
    status_code: int
    reason_phrase: str = ""
    message_body: str = ""


class Malformed(Exception):
    """A message that is no event: not JSON, not an object, or an event with a field missing or wrong."""


TYPES: tuple[type[Event], ...] = tuple(_Typed.__subclasses__())
"""Every event that has a class."""

ALL: frozenset[type[Event]] = frozenset({*TYPES, UnknownEvent})
"""Everything that Asterisk sends to the application, unfiltered."""

_NAMES = frozenset({kind.__name__ for kind in TYPES} | {"RESTResponse"})


class _AnyMessage(msgspec.Struct):
    type: str


_known: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, (*TYPES, RestResponse)))
_any = msgspec.json.Decoder(_AnyMessage)


def decode(data: bytes) -> Event | RestResponse:
    """The message that `data` holds. Raises :class:`Malformed`, and nothing else, where it holds none."""
    try:
        message: Event | RestResponse = _known.decode(data)
        return message
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        fault = str(error)
    try:
        name = _any.decode(data).type
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Malformed(str(error)) from None
    if name in _NAMES:
        raise Malformed(f"{name}: {fault}")
    return UnknownEvent(type=name, raw=data)
