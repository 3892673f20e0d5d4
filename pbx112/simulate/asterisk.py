"""Asterisk in virtual time: channels, bridges, sounds and recordings, as far as the switch can tell.

What it does is what was measured on the real one (`tests/ari`, `tests/exchange`): an unanswered leg has no
StasisStart; a leg that is answered while nobody is connected is hung up; a caller's end is told by
ChannelHangupRequest and StasisEnd; media ends music on hold for good.
"""

from __future__ import annotations

from typing import Literal

from pbx112.ari import Channel, Conflict, Playback, Unavailable
from pbx112.ari import events as rest
from pbx112.ari.model import Dialplan, Party, Recording
from pbx112.cdr.values import moment
from pbx112.plan.dialled import TRANSFERS
from pbx112.switch.requests import FALLBACK_CONTEXT

from .clock import Clock
from .people import Attempt, People

APP = "pbx112"
HANGS_UP = 0.05
"""Seconds after a transfer in which the phone that made it hangs up."""
TIMEOUT = 19
"""Q.850 cause of a dialling that ran into its time limit (Asterisk 22.4 and later)."""


class Chan:
    """A channel. `kind` is whose it is, `number` the line's (or the caller's)."""

    __slots__ = (
        "args", "bridge", "came", "fallback", "id", "in_app", "joined", "kind", "music", "number", "phone",
        "playing", "signalled", "state", "tone",
    )  # fmt: skip

    def __init__(
        self, channel: str, kind: Literal["caller", "leg", "stand_in"], number: str, state: str
    ) -> None:
        self.id = channel
        self.kind = kind
        self.number = number
        self.state = state
        self.came = ""  # when, in Asterisk's writing
        self.args = {"caller": "intake", "leg": "leg", "stand_in": ""}[kind]
        self.in_app = False
        self.fallback = False
        self.signalled = False
        self.tone = False
        self.music = False
        self.playing: list[str] = []
        self.bridge: str | None = None
        self.joined = False
        self.phone: Attempt | None = None


class Span:
    """A bridge."""

    __slots__ = ("channels", "id", "name", "recording", "since")

    def __init__(self, bridge: str, name: str) -> None:
        self.id = bridge
        self.name = name
        self.channels: list[str] = []
        self.recording: str | None = None
        self.since = 0


def spoken_for(playback: str) -> float:
    """Seconds that a prompt takes."""
    what = playback.rpartition("-")[2]
    return 14.0 if what.startswith("menu") else 9.0 if what == "accept" else 4.0


class World:
    """What Asterisk needs of the world around it."""

    clock: Clock
    people: People

    def tell(self, event: rest.Event, about: str) -> None:
        """An event leaves for the application; `about` is the channel that it concerns."""
        raise NotImplementedError

    def listening(self) -> bool:
        """Whether Asterisk believes that the application is connected."""
        raise NotImplementedError

    def in_fallback(self, chan: Chan) -> None:
        """The fallback dialplan has a caller."""
        raise NotImplementedError

    def joined(self, chan: Chan) -> None:
        """A caller is joined to somebody, or somebody to a caller (more than once where more come)."""
        raise NotImplementedError

    def question_spoken(self, chan: Chan) -> None:
        """A caller begins to be asked whether it is an emergency."""
        raise NotImplementedError

    def menu_spoken(self, chan: Chan) -> None:
        """A menu begins to be spoken to a caller."""
        raise NotImplementedError

    def picked_up(self, chan: Chan) -> None:
        """Somebody picked up a line and is in our hands."""
        raise NotImplementedError

    def gone(self, chan: Chan, by_us: bool) -> None:
        """A channel has ended."""
        raise NotImplementedError


class Asterisk:
    """The exchange itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = world.clock
        self.channels: dict[str, Chan] = {}
        self.bridges: dict[str, Span] = {}
        self.recorded: set[str] = set()
        self.started_us = self._clock.now.utc_us - 86_400_000_000

    def restart(self) -> list[Chan]:
        """Everything is gone; who was cut off."""
        cut = list(self.channels.values())
        self.channels.clear()
        self.bridges.clear()
        self.started_us = self._clock.now.utc_us
        return cut

    # --- callers and lines ---

    def call_comes_in(self, call_id: str, number: str) -> Chan:
        """The intake dialplan, which lets the caller hear ringing before all else."""
        chan = Chan(call_id, "caller", number, "Ring")
        chan.signalled = True
        chan.came = moment(self._clock.now.utc_us).isoformat(timespec="milliseconds")
        if number[-1:] in set("02468"):
            chan.args = "intake,noted"
        self.channels[call_id] = chan
        if self._world.listening():
            chan.in_app = True
            args = tuple(chan.args.split(","))
            self._world.tell(rest.StasisStart(channel=self.view(chan), args=args), call_id)
        else:
            self.to_fallback(chan)
        return chan

    def to_fallback(self, chan: Chan) -> None:
        """The caller is in the fallback dialplan from here on."""
        chan.in_app, chan.fallback = False, True
        self.leave_bridge(chan)
        self._world.in_fallback(chan)

    def caller_hangs_up(self, chan: Chan) -> None:
        """The citizen puts the receiver down."""
        if self.channels.get(chan.id) is chan:
            if chan.in_app:
                view = self.view(chan)
                self._world.tell(rest.ChannelHangupRequest(channel=view, cause=16), chan.id)
                self._world.tell(rest.StasisEnd(channel=view), chan.id)
            self._end(chan, by_us=False)

    def leg_ends(self, chan: Chan, cause: int, sip: int | None = None, *, by_us: bool = False) -> None:
        """A line's channel ends."""
        if self.channels.get(chan.id) is chan:
            view = self.view(chan)
            if chan.in_app:
                self._world.tell(rest.StasisEnd(channel=view), chan.id)
            self._world.tell(rest.ChannelDestroyed(channel=view, cause=cause, tech_cause=sip), chan.id)
            self._end(chan, by_us)

    def ring_line(self, channel: str, number: str, dial: str, call_id: str, timeout: float) -> None:
        """A line is dialled. Raises :class:`Unavailable`."""
        phone = self._world.people.rung(call_id, number, dial)
        if phone.does == "unreachable":
            raise Unavailable("POST", "channels", "Allocation failed", 500)
        chan = Chan(channel, "leg", number, "Down")
        chan.phone = phone
        self.channels[channel] = chan
        if phone.says_ringing is not None and (phone.does == "rings" or phone.says_ringing < phone.after):
            self._clock.after(phone.says_ringing, lambda: self._rings(chan))
        if phone.does == "answers" and phone.after < timeout:
            self._clock.after(phone.after, lambda: self._answers(chan, phone))
        elif phone.does == "ends" and phone.after < timeout:
            self._clock.after(phone.after, lambda: self.leg_ends(chan, phone.cause, phone.sip))
        else:
            self._clock.after(timeout, lambda: self.leg_ends(chan, TIMEOUT))

    def _rings(self, chan: Chan) -> None:
        if self.channels.get(chan.id) is chan and chan.state == "Down":
            chan.state = "Ringing"
            self._world.tell(rest.ChannelStateChange(channel=self.view(chan)), chan.id)

    def _answers(self, chan: Chan, phone: Attempt) -> None:
        if self.channels.get(chan.id) is not chan:
            return
        chan.state = "Up"
        if not self._world.listening():
            self.leg_ends(chan, 16)
            return
        chan.in_app = True
        self._world.tell(rest.StasisStart(channel=self.view(chan), args=("leg",)), chan.id)
        self._world.picked_up(chan)
        for after, key in phone.presses:
            self._clock.after(after, lambda key=key: self.presses(chan, key))  # type: ignore[misc]
        if phone.talks is not None:
            self._clock.after(phone.talks, lambda: self.leg_ends(chan, phone.cause, phone.sip))

    def presses(self, chan: Chan, key: str) -> None:
        """Somebody presses a key."""
        if self.channels.get(chan.id) is chan and chan.in_app:
            self._world.tell(rest.ChannelDtmfReceived(channel=self.view(chan), digit=key), chan.id)

    def refers(self, chan: Chan, to: str) -> None:
        """Somebody who talks presses the phone's own transfer key, blind, and hangs up once told that it is done.
        Without the application it is refused."""
        span = self.bridges.get(chan.bridge or "")
        if self.channels.get(chan.id) is not chan or span is None or not self._world.listening():
            return
        stand_in = Chan(f"{chan.id}-half", "stand_in", to, "Down")
        stand_in.in_app = True
        self.channels[stand_in.id] = stand_in
        self.leave_bridge(chan)
        span.channels.append(stand_in.id)
        stand_in.bridge = span.id
        start = rest.StasisStart(channel=self.view(stand_in), replace_channel=self.view(chan))
        self._world.tell(start, stand_in.id)
        self._clock.after(HANGS_UP, lambda: self.leg_ends(chan, 16))

    def speaks(self, chan: Chan) -> None:
        """A sound comes from a caller."""
        if self.channels.get(chan.id) is chan and chan.in_app:
            self._world.tell(rest.ChannelTalkingStarted(channel=self.view(chan)), chan.id)

    # --- sounds ---

    def hears(self, chan: Chan) -> bool:
        """Whether this caller hears anything."""
        if not chan.in_app or chan.signalled or chan.tone or chan.music or chan.playing:
            return True
        span = self.bridges.get(chan.bridge or "")
        return span is not None and sum(self.channels[each].kind != "stand_in" for each in span.channels) > 1

    def play(self, chan: Chan, playback: str) -> None:
        """Media begins or waits for what plays already."""
        chan.music = False
        chan.playing.append(playback)
        if len(chan.playing) == 1:
            self._speak(chan, playback)

    def _speak(self, chan: Chan, playback: str) -> None:
        self._clock.after(spoken_for(playback), lambda: self.played(chan, playback))
        if "-menu" in playback:
            self._world.menu_spoken(chan)
        elif playback.endswith("-question"):
            self._world.question_spoken(chan)

    def played(self, chan: Chan, playback: str) -> None:
        """Media is over, or was stopped."""
        if self.channels.get(chan.id) is not chan or playback not in chan.playing:
            return
        speaking = chan.playing[0]
        chan.playing.remove(playback)
        self._world.tell(rest.PlaybackFinished(playback=Playback(playback, "done")), chan.id)
        if chan.playing and speaking == playback:
            self._speak(chan, chan.playing[0])

    # --- ends ---

    def dialplan_ends(self, chan: Chan) -> None:
        """The fallback dialplan has come to its end with a caller."""
        self._end(chan, by_us=False)

    def _end(self, chan: Chan, by_us: bool) -> None:
        del self.channels[chan.id]
        for playback in chan.playing:
            self._world.tell(rest.PlaybackFinished(playback=Playback(playback, "failed")), chan.id)
        self.leave_bridge(chan)
        self._world.gone(chan, by_us)

    def hang_up(self, chan: Chan) -> None:
        """At our wish."""
        if chan.kind == "leg":
            self.leg_ends(chan, 16, by_us=True)
            return
        if chan.in_app:
            view = self.view(chan)
            self._world.tell(rest.ChannelHangupRequest(channel=view, cause=16, soft=True), chan.id)
            self._world.tell(rest.StasisEnd(channel=view), chan.id)
        self._end(chan, by_us=True)

    def leave_bridge(self, chan: Chan) -> None:
        """The channel is alone, and ours to command."""
        span = self.bridges.get(chan.bridge or "")
        if span is not None:
            span.channels.remove(chan.id)
        chan.bridge = None

    def make_bridge(self, bridge: str, name: str) -> None:
        """Raises :class:`Conflict` where it stands already."""
        if bridge in self.bridges:
            raise Conflict("POST", "bridges", "exists", 409)
        self.bridges[bridge] = Span(bridge, name)

    def enter_bridge(self, span: Span, chan: Chan) -> None:
        """The channel is on that bridge, and on no other."""
        if chan.bridge == span.id:
            return
        self.leave_bridge(chan)
        span.channels.append(chan.id)
        chan.bridge = span.id
        if len(span.channels) > 1:
            for channel in span.channels:
                self.channels[channel].joined = True
                self._world.joined(self.channels[channel])

    def drop_bridge(self, span: Span) -> None:
        """Its channels stay, alone."""
        for channel in list(span.channels):
            self.leave_bridge(self.channels[channel])
        del self.bridges[span.id]
        if span.recording is not None:
            seconds = (self._clock.now_ns - span.since) // 10**9
            recording = Recording(span.recording, duration=seconds)
            self._world.tell(rest.RecordingFinished(recording=recording), span.id)

    def record(self, span: Span, name: str) -> None:
        """Raises :class:`Conflict` where there is a recording of that name."""
        if name in self.recorded:
            raise Conflict("POST", "record", "exists", 409)
        self.recorded.add(name)
        span.recording, span.since = name, self._clock.now_ns
        self._world.tell(rest.RecordingStarted(recording=Recording(name)), span.id)

    def view(self, chan: Chan) -> Channel:
        """As ARI shows it."""
        if chan.kind == "stand_in":
            where = Dialplan(TRANSFERS, chan.number, 1, "Stasis", APP)
            return Channel(chan.id, f"Local/{chan.number}@{TRANSFERS}-00000001;1", chan.state, dialplan=where)
        if chan.in_app:
            where = Dialplan("pbx112-intake", "112", 2, "Stasis", f"{APP},{chan.args}")
        elif chan.fallback:
            where = Dialplan(FALLBACK_CONTEXT, "s", 1, "Dial", "")
        else:
            where = Dialplan("", "", 1, "AppDial2", "")
        name, party = f"PJSIP/{chan.kind}-1", Party("", chan.number)
        return Channel(chan.id, name, chan.state, party, dialplan=where, creationtime=chan.came)
