"""What can be asked of Asterisk, one small method each.

All raise the errors of :mod:`pbx112.ari.errors`. Ids of what is made are the caller's own: register first, then
request, since events may come before the answer; a repeated request then ends in `Conflict`, not in a double.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

import msgspec

from .errors import ServerError, error_for
from .model import Application, Bridge, Channel, Endpoint, Module, Playback, Recording
from .settings import AriSettings
from .transport import Answer, Query, Request, build_request
from .version import AsteriskInfo, InfoAnswer

T = TypeVar("T")

HangupReason = Literal[
    "normal", "busy", "congestion", "no_answer", "timeout", "rejected", "unallocated", "normal_unspecified",
    "number_incomplete", "codec_mismatch", "interworking", "failure", "answered_elsewhere",
]  # fmt: skip


class _Value(msgspec.Struct):
    value: str = ""


class _Setting(msgspec.Struct):
    attribute: str
    value: str = ""


class Operations(ABC):
    """Typed requests over whatever :meth:`_send` provides."""

    settings: AriSettings

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return True

    @abstractmethod
    async def _send(self, request: Request, *, apart: bool = False) -> Answer:
        """Bring the request to Asterisk. `apart`: not where other requests are, since the answer may be very long, or
        Asterisk may keep it to itself and everything behind it waiting."""

    async def request(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Query | None = None,
        body: object | None = None,
        apart: bool = False,
    ) -> bytes | str:
        """Any request; `path` in segments (`("channels", channel_id, "answer")`), the answer as JSON text.

        Parameters of GET and DELETE go into `query`, those of POST and PUT into `body`.
        """
        request = build_request(method, path, query, body)
        answer = await self._send(request, apart=apart)
        if answer.status >= 300:
            raise error_for(method, request.path, answer.status, answer.reason, answer.body)
        return answer.body

    async def _ask(
        self,
        kind: type[T],
        method: str,
        path: Sequence[str],
        *,
        query: Query | None = None,
        body: object | None = None,
        apart: bool = False,
    ) -> T:
        answer = await self.request(method, path, query=query, body=body, apart=apart)
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ServerError(method, "/".join(path), f"the answer cannot be read: {error}") from None

    # Asterisk itself

    async def asterisk_info(self) -> AsteriskInfo:
        """Which Asterisk this is."""
        return (await self._ask(InfoAnswer, "GET", ("asterisk", "info"))).info()

    async def global_variable(self, name: str) -> str:
        """A global variable's value; empty where it is not set."""
        return (await self._ask(_Value, "GET", ("asterisk", "variable"), query={"variable": name})).value

    async def modules(self) -> list[Module]:
        """All modules that are loaded."""
        return await self._ask(list[Module], "GET", ("asterisk", "modules"), apart=True)

    async def endpoints(self) -> list[Endpoint]:
        """All phones and trunks that Asterisk knows."""
        return await self._ask(list[Endpoint], "GET", ("endpoints",), apart=True)

    async def pjsip_endpoint(self, name: str) -> dict[str, str]:
        """The settings of an endpoint of PJSIP's, by their names. `NotFound`: there is none."""
        path = ("asterisk", "config", "dynamic", "res_pjsip", "endpoint", name)
        found = await self._ask(list[_Setting], "GET", path, apart=True)
        return {each.attribute: each.value for each in found}

    async def application(self) -> Application:
        """Our application, with the channels and bridges it is subscribed to. `NotFound`: nobody is connected."""
        return await self._ask(Application, "GET", ("applications", self.settings.app), apart=True)

    # Channels

    async def channels(self) -> list[Channel]:
        """All channels, of all applications and of the dialplan."""
        return await self._ask(list[Channel], "GET", ("channels",), apart=True)

    async def channel(self, channel_id: str) -> Channel:
        """One channel as it is now."""
        return await self._ask(Channel, "GET", ("channels", channel_id))

    async def originate(
        self,
        endpoint: str,
        *,
        channel_id: str,
        app_args: str,
        timeout: float,  # noqa: ASYNC109 (Asterisk's time limit for the ringing, not ours for the request)
        caller_id: str = "",
        originator: str | None = None,
        variables: Mapping[str, str] | None = None,
        formats: str | None = None,
    ) -> Channel:
        """Ring `endpoint`; once it answers, its channel enters our application with `app_args` (comma-separated).

        `timeout`: seconds of ringing, rounded up. `originator`: the channel on whose behalf (formats and linked
        records follow it; not together with `formats`). Raises `Unavailable` where the endpoint has no way to it,
        `Conflict` where `channel_id` exists. An unanswered channel gives ChannelDestroyed and no StasisStart.
        """
        body: dict[str, object] = {
            "endpoint": endpoint,
            "channelId": channel_id,
            "app": self.settings.app,
            "appArgs": app_args,
            "timeout": max(1, math.ceil(timeout)),
        }
        optional = {
            "callerId": caller_id,
            "originator": originator,
            "variables": dict(variables or {}),
            "formats": formats,
        }
        body |= {name: value for name, value in optional.items() if value}
        return await self._ask(Channel, "POST", ("channels",), body=body)

    async def answer(self, channel_id: str) -> None:
        """Answer an incoming channel."""
        await self.request("POST", ("channels", channel_id, "answer"))

    async def ring(self, channel_id: str) -> None:
        """Let an incoming channel's caller hear ringing."""
        await self.request("POST", ("channels", channel_id, "ring"))

    async def ring_stop(self, channel_id: str) -> None:
        """End the ringing that :meth:`ring` began."""
        await self.request("DELETE", ("channels", channel_id, "ring"))

    async def hangup(self, channel_id: str, reason: HangupReason = "normal") -> None:
        """Hang up. `answered_elsewhere` spares a ringing phone its "missed call"."""
        await self.request("DELETE", ("channels", channel_id), query={"reason": reason})

    async def play(
        self, channel_id: str, media: Sequence[str], *, playback_id: str = "", language: str | None = None
    ) -> Playback:
        """Play one medium after the other (`sound:hello-world`, `tone:ring`); ends music on hold for good. On a bridge
        only this channel hears it. Without a `playback_id` Asterisk gives it one."""
        body = {"media": list(media)} | ({"lang": language} if language else {})
        path = ("channels", channel_id, "play", *((playback_id,) if playback_id else ()))
        return await self._ask(Playback, "POST", path, body=body)

    async def playback(self, playback_id: str) -> Playback:
        """A playback that goes on. Raises `NotFound` where it is over, or never was."""
        return await self._ask(Playback, "GET", ("playbacks", playback_id))

    async def stop_playback(self, playback_id: str) -> None:
        """Stop a playback; its PlaybackFinished follows."""
        await self.request("DELETE", ("playbacks", playback_id))

    async def start_moh(self, channel_id: str, music_class: str | None = None) -> None:
        """Play music on hold."""
        await self.request(
            "POST", ("channels", channel_id, "moh"), body={"mohClass": music_class} if music_class else None
        )

    async def stop_moh(self, channel_id: str) -> None:
        """End music on hold."""
        await self.request("DELETE", ("channels", channel_id, "moh"))

    async def continue_in_dialplan(
        self, channel_id: str, context: str, extension: str, priority: int = 1
    ) -> None:
        """Give the channel back to the dialplan, there."""
        body = {"context": context, "extension": extension, "priority": priority}
        await self.request("POST", ("channels", channel_id, "continue"), body=body)

    async def get_channel_variable(self, channel_id: str, name: str) -> str:
        """A channel variable or function (`CHANNEL(state)`). Raises `NotFound` where it is not set."""
        path = ("channels", channel_id, "variable")
        return (await self._ask(_Value, "GET", path, query={"variable": name})).value

    async def set_channel_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable or function (`CONNECTEDLINE(name,i)`)."""
        body = {"variable": name, "value": value}
        await self.request("POST", ("channels", channel_id, "variable"), body=body)

    # Bridges

    async def bridges(self) -> list[Bridge]:
        """All bridges, ours and others'."""
        return await self._ask(list[Bridge], "GET", ("bridges",), apart=True)

    async def create_bridge(
        self, bridge_id: str, types: str = "mixing,dtmf_events", name: str = ""
    ) -> Bridge:
        """Make a bridge. Without `dtmf_events` nobody hears of keys pressed in it."""
        body = {"type": types} | ({"name": name} if name else {})
        return await self._ask(Bridge, "POST", ("bridges", bridge_id), body=body)

    async def add_channels(
        self,
        bridge_id: str,
        channel_ids: Sequence[str],
        *,
        absorb_dtmf: bool = False,
        mute: bool = False,
        inhibit_connected_line_updates: bool = False,
    ) -> None:
        """Join channels to a bridge, all or none. Raises `NotInStasis` where one has not entered Stasis yet.

        `absorb_dtmf`: keys pressed on these channels are not heard by the others. `mute`: the channels' sound is
        not heard. `inhibit_connected_line_updates`: their phones do not show who else is there.

        Asterisk answers when the channels' own threads have done it. Of a channel that was turned away at the door
        of Stasis no thread is left, and it never answers (measured on 22.10.1): so it is asked apart.
        """
        flags = {
            "absorbDTMF": absorb_dtmf,
            "mute": mute,
            "inhibitConnectedLineUpdates": inhibit_connected_line_updates,
        }
        body = {"channel": list(channel_ids)} | {name: True for name, on in flags.items() if on}
        await self.request("POST", ("bridges", bridge_id, "addChannel"), body=body, apart=True)

    async def remove_channels(self, bridge_id: str, channel_ids: Sequence[str]) -> None:
        """Take channels off a bridge; they stay in our hands."""
        body = {"channel": list(channel_ids)}
        await self.request("POST", ("bridges", bridge_id, "removeChannel"), body=body, apart=True)

    async def delete_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; who is on it stays in our hands. Hang up first where that is meant."""
        await self.request("DELETE", ("bridges", bridge_id))

    # Recordings

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
        """Record what all on the bridge hear, as `name` below Asterisk's recording folder, for at most
        `max_duration` seconds (rounded up). Raises `Conflict` where the name exists."""
        body = {
            "name": name,
            "format": format,
            "maxDurationSeconds": math.ceil(max_duration),
            "ifExists": if_exists,
            "beep": beep,
        }
        return await self._ask(Recording, "POST", ("bridges", bridge_id, "record"), body=body)

    async def stop_recording(self, name: str) -> None:
        """End a recording and keep it; its RecordingFinished follows."""
        await self.request("POST", ("recordings", "live", name, "stop"))
