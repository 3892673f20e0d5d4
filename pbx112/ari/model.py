"""Asterisk's resources, as far as we use them. Fields that some version between 16 and 23 lacks have defaults."""

from __future__ import annotations

from datetime import datetime

import msgspec


class _Resource(msgspec.Struct, frozen=True, gc=False):
    """Unknown fields are ignored: a newer Asterisk may send more."""


class Party(_Resource, frozen=True):
    """A caller ID. Both parts come from outside and are hostile until checked."""

    name: str = ""
    number: str = ""


class Dialplan(_Resource, frozen=True):
    """Where a channel is in the dialplan. In Stasis, `app_data` is the application's name and arguments."""

    context: str = ""
    exten: str = ""
    priority: int = 0
    app_name: str = ""
    app_data: str = ""


class Channel(_Resource, frozen=True):
    """One leg. `state`: `Down`, `Ring`, `Ringing`, `Up`, `Busy`, …; `protocol_id` is the SIP Call-ID."""

    id: str
    name: str = ""
    state: str = ""
    caller: Party = Party()
    connected: Party = Party()
    dialplan: Dialplan = Dialplan()
    protocol_id: str = ""
    accountcode: str = ""
    creationtime: str = ""
    language: str = ""


class Bridge(_Resource, frozen=True):
    """What joins channels; `channels` are their ids."""

    id: str
    technology: str = ""
    bridge_type: str = ""
    bridge_class: str = ""
    creator: str = ""
    name: str = ""
    channels: tuple[str, ...] = ()
    creationtime: str = ""


class Playback(_Resource, frozen=True):
    """Media being played. `state`: `queued`, `playing`, `continuing`, `done` or `failed`."""

    id: str
    state: str = ""
    media_uri: str = ""
    target_uri: str = ""
    language: str = ""


class Recording(_Resource, frozen=True):
    """A recording under way or just ended; `duration` in whole seconds; `cause` says why it failed."""

    name: str
    format: str = ""
    state: str = ""
    target_uri: str = ""
    duration: int | None = None
    cause: str = ""


class Endpoint(_Resource, frozen=True):
    """A phone or trunk that Asterisk knows. `offline` may also mean that nobody ever asked it (no qualify)."""

    technology: str
    resource: str
    state: str = ""
    channel_ids: tuple[str, ...] = ()


class Application(_Resource, frozen=True):
    """A Stasis application with what it is subscribed to."""

    name: str
    channel_ids: tuple[str, ...] = ()
    bridge_ids: tuple[str, ...] = ()
    endpoint_ids: tuple[str, ...] = ()


class Module(_Resource, frozen=True):
    """A module of Asterisk; `status` is `Running` where it works."""

    name: str
    description: str = ""
    status: str = ""


def seconds_of(timestamp: str) -> float:
    """A moment as Asterisk writes it (`2026-11-24T02:00:00.000+0000`), in seconds since the epoch; 0 if unreadable."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return 0.0
