"""ARI in virtual time: the requests that the switch makes, done on the simulated Asterisk."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from pbx112.ari import (
    AriError,
    AsteriskInfo,
    Bridge,
    Channel,
    Conflict,
    NotFound,
    NotInStasis,
    Playback,
)
from pbx112.ari.model import Recording
from pbx112.ari.operations import HangupReason, Operations
from pbx112.ari.transport import Answer, Request
from pbx112.ari.version import Version
from pbx112.cdr.values import moment

from .asterisk import Asterisk, Chan
from .clock import sleep

SPEAKING_STEP = 0.05
"""Seconds."""

SURVEYS = frozenset({"info", "channels", "bridges"})
"""What is asked to learn what Asterisk has: where one of them fails, that look has seen nothing."""


class Fate:
    """How one request fares: seconds `before` Asterisk acts and `after`, and what is raised in either place."""

    __slots__ = ("after", "before", "instead", "unheard")

    def __init__(
        self,
        before: float,
        after: float = 0.0,
        instead: AriError | None = None,
        unheard: AriError | None = None,
    ) -> None:
        self.before = before
        self.after = after
        self.instead = instead
        self.unheard = unheard


class Line(Protocol):
    """The way to Asterisk."""

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""

    def fate(self, what: str, about: str) -> Fate:
        """How a request fares. Raises :class:`pbx112.ari.NotSent`."""

    def came_through(self) -> AriError | None:
        """What is raised where the way broke meanwhile."""


class Ari(Operations):
    """Requests on `asterisk` over `line`."""

    def __init__(self, asterisk: Asterisk, line: Line) -> None:
        self._asterisk = asterisk
        self._line = line
        self._words = itertools.count(1)

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return self._line.connected

    async def _send(self, request: Request, *, apart: bool = False) -> Answer:
        raise NotImplementedError(f"{request.method} {request.path} is not simulated")

    async def _there(self, what: str, about: str) -> Fate:
        fate = self._line.fate(what, about)
        await sleep(fate.before)
        if (broken := fate.instead or self._line.came_through()) is not None:
            raise broken
        return fate

    async def _back(self, fate: Fate) -> None:
        if fate.after:
            await sleep(fate.after)
        if (broken := fate.unheard) is not None:
            raise broken

    def _channel(self, channel: str) -> Chan:
        chan = self._asterisk.channels.get(channel)
        if chan is None:
            raise NotFound("", channel, "Channel not found", 404)
        return chan

    def _ours(self, channel: str) -> Chan:
        chan = self._channel(channel)
        if not chan.in_app:
            raise NotInStasis("", channel, "Channel not in Stasis application", 409)
        return chan

    async def asterisk_info(self) -> AsteriskInfo:
        fate = await self._there("info", "")
        started = moment(self._asterisk.started_us).isoformat()
        info = AsteriskInfo(Version(22, 10, 1), "22.10.1", started=started)
        await self._back(fate)
        return info

    async def channels(self) -> list[Channel]:
        fate = await self._there("channels", "")
        found = [self._asterisk.view(chan) for chan in self._asterisk.channels.values()]
        await self._back(fate)
        return found

    async def channel(self, channel_id: str) -> Channel:
        fate = await self._there("channel", channel_id)
        found = self._asterisk.view(self._channel(channel_id))
        await self._back(fate)
        return found

    async def bridges(self) -> list[Bridge]:
        fate = await self._there("bridges", "")
        found = [
            Bridge(span.id, name=span.name, channels=tuple(span.channels))
            for span in self._asterisk.bridges.values()
        ]
        await self._back(fate)
        return found

    async def originate(
        self,
        endpoint: str,
        *,
        channel_id: str,
        app_args: str,
        timeout: float,  # noqa: ASYNC109
        caller_id: str = "",
        originator: str | None = None,
        variables: Mapping[str, str] | None = None,
        formats: str | None = None,
    ) -> Channel:
        fate = await self._there("Originate", channel_id)
        if channel_id in self._asterisk.channels:
            raise Conflict("POST", "channels", "exists", 409)
        caller = self._channel(originator or "")
        number = endpoint.partition("/")[2].partition("@")[0]
        self._asterisk.ring_line(channel_id, number, endpoint, caller.id, timeout)
        await self._back(fate)
        return Channel(channel_id)

    async def answer(self, channel_id: str) -> None:
        fate = await self._there("Answer", channel_id)
        chan = self._ours(channel_id)
        if chan.state != "Up":
            chan.state = "Up"
            chan.signalled = False
        await self._back(fate)

    async def ring(self, channel_id: str) -> None:
        fate = await self._there("Ring", channel_id)
        chan = self._ours(channel_id)
        if chan.state == "Up":
            chan.tone = True
        else:
            chan.signalled = True
        await self._back(fate)

    async def ring_stop(self, channel_id: str) -> None:
        fate = await self._there("StopRing", channel_id)
        self._ours(channel_id).tone = False
        await self._back(fate)

    async def hangup(self, channel_id: str, reason: HangupReason = "normal") -> None:
        fate = await self._there("Hangup", channel_id)
        self._asterisk.hang_up(self._channel(channel_id))
        await self._back(fate)

    async def play(
        self, channel_id: str, media: Sequence[str], *, playback_id: str = "", language: str | None = None
    ) -> Playback:
        fate = await self._there("Play", channel_id)
        name = playback_id or f"word-{next(self._words)}"
        self._asterisk.play(self._ours(channel_id), name)
        await self._back(fate)
        return Playback(name)

    async def playback(self, playback_id: str) -> Playback:
        fate = await self._there("AskPlayback", playback_id)
        speaks = any(playback_id in chan.playing for chan in self._asterisk.channels.values())
        await self._back(fate)
        if not speaks:
            raise NotFound("GET", playback_id, "Playback not found", 404)
        return Playback(playback_id)

    async def stop_playback(self, playback_id: str) -> None:
        fate = await self._there("StopPlay", playback_id)
        for chan in list(self._asterisk.channels.values()):
            if playback_id in chan.playing:
                self._asterisk.played(chan, playback_id)
                break
        else:
            raise NotFound("DELETE", playback_id, "Playback not found", 404)
        await self._back(fate)

    async def start_moh(self, channel_id: str, music_class: str | None = None) -> None:
        fate = await self._there("Music", channel_id)
        self._ours(channel_id).music = True
        await self._back(fate)

    async def stop_moh(self, channel_id: str) -> None:
        fate = await self._there("StopMusic", channel_id)
        self._ours(channel_id).music = False
        await self._back(fate)

    async def continue_in_dialplan(
        self, channel_id: str, context: str, extension: str, priority: int = 1
    ) -> None:
        fate = await self._there("ToFallback", channel_id)
        self._asterisk.to_fallback(self._ours(channel_id))
        await self._back(fate)

    async def get_channel_variable(self, channel_id: str, name: str) -> str:
        fate = await self._there("AskWhoCalls", channel_id)
        chan = self._channel(channel_id)
        await self._back(fate)
        return f"%3Csip%3A{chan.number}%40trunk%3E&&&&&"

    async def create_bridge(
        self, bridge_id: str, types: str = "mixing,dtmf_events", name: str = ""
    ) -> Bridge:
        fate = await self._there("Join", bridge_id)
        self._asterisk.make_bridge(bridge_id, name)
        await self._back(fate)
        return Bridge(bridge_id)

    async def add_channels(
        self,
        bridge_id: str,
        channel_ids: Sequence[str],
        *,
        absorb_dtmf: bool = False,
        mute: bool = False,
        inhibit_connected_line_updates: bool = False,
    ) -> None:
        fate = await self._there("Join", bridge_id)
        span = self._asterisk.bridges.get(bridge_id)
        if span is None:
            raise NotFound("POST", bridge_id, "Bridge not found", 404)
        for chan in [self._ours(channel) for channel in channel_ids]:
            # What is said to a channel is said to its end, or until it is stopped, before it comes onto a bridge.
            while chan.playing and chan.bridge is None and chan.id in self._asterisk.channels:
                await sleep(SPEAKING_STEP)
            self._ours(chan.id)
            self._asterisk.enter_bridge(span, chan)
        await self._back(fate)

    async def remove_channels(self, bridge_id: str, channel_ids: Sequence[str]) -> None:
        fate = await self._there("Part", bridge_id)
        if bridge_id not in self._asterisk.bridges:
            raise NotFound("POST", bridge_id, "Bridge not found", 404)
        for chan in [self._ours(channel) for channel in channel_ids]:
            self._asterisk.leave_bridge(chan)
        await self._back(fate)

    async def delete_bridge(self, bridge_id: str) -> None:
        fate = await self._there("DropBridge", bridge_id)
        span = self._asterisk.bridges.get(bridge_id)
        if span is None:
            raise NotFound("DELETE", bridge_id, "Bridge not found", 404)
        self._asterisk.drop_bridge(span)
        await self._back(fate)

    async def record_bridge(
        self,
        bridge_id: str,
        *,
        name: str,
        max_duration: float,
        format: str = "wav",
        if_exists: Literal["fail", "overwrite", "append"] = "fail",
        beep: bool = False,
    ) -> Recording:
        fate = await self._there("Record", bridge_id)
        span = self._asterisk.bridges.get(bridge_id)
        if span is None:
            raise NotFound("POST", bridge_id, "Bridge not found", 404)
        self._asterisk.record(span, name)
        await self._back(fate)
        return Recording(name)
