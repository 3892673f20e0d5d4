"""What Asterisk says, told to the call that it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pbx112.ari import Channel
from pbx112.ari import events as rest
from pbx112.model import stimuli
from pbx112.model.caller import harmless
from pbx112.model.events import RecordingFailed, RecordingFinished, RecordingStarted
from pbx112.plan.types import Plan

from .calls import Calls
from .keys import Keypads
from .live import LiveCall
from .reconcile import NOTED, call_of, is_leg
from .stand_ins import StandIns
from .unplayed import Unplayed

RecordingEvent = RecordingStarted | RecordingFinished | RecordingFailed

LISTENED = (
    rest.StasisStart,
    rest.StasisEnd,
    rest.ChannelStateChange,
    rest.ChannelHangupRequest,
    rest.ChannelDestroyed,
    rest.ChannelDtmfReceived,
    rest.ChannelTalkingStarted,
    rest.ChannelTalkingFinished,
    rest.PlaybackStarted,
    rest.PlaybackContinuing,
    rest.PlaybackFinished,
    rest.RecordingStarted,
    rest.RecordingFinished,
    rest.RecordingFailed,
    rest.BridgeAttendedTransfer,
)
"""The ARI events that decide something; Asterisk is asked to send no others."""

MOST_SECONDS = 10**8
"""A recording said to be longer is no longer than this: three years are more than any talk, and fit every column."""

RTP_TIMEOUT = 44
"""The cause by which Asterisk itself ends a channel that sends no sound any more: the caller is gone."""


class Acts(Protocol):
    """What follows from events that no live call can be told of alone."""

    @property
    def plan(self) -> Plan:
        """The plan that decides now."""

    def arrived(self, channel: Channel, *, noted: bool = False) -> None:
        """A citizen's channel is in our hands; `noted`: the intake dialplan noted what the trunk says of it."""

    def drop(self, channel: str) -> None:
        """Hang up a channel that belongs to no live call."""

    def left_stasis(self, live: LiveCall) -> None:
        """A caller is no longer in our hands."""

    def recorded_late(self, call_id: str, event: RecordingEvent) -> None:
        """Something is said of the recording of a call that has ended."""


class Hearing:
    """Translates ARI events into the stimuli of `calls`."""

    def __init__(self, calls: Calls, acts: Acts) -> None:
        self._calls = calls
        self._acts = acts
        self._keypads = Keypads()
        self._stand_ins = StandIns()
        self._unplayed = Unplayed()

    def on_event(self, event: rest.Event) -> None:
        """Tell the call that `event` concerns, or act where it concerns none."""
        match event:
            case rest.StasisStart(channel=channel, replace_channel=Channel() as replaced):
                self._replaced(channel, replaced)
            case rest.StasisStart(channel=channel, args=args):
                self._entered(channel, args)
            case rest.ChannelStateChange(channel=channel) if channel.state == "Ringing":
                self._rings(channel.id)
            case rest.ChannelHangupRequest(channel=channel, cause=cause, soft=soft):
                self._caller_hung_up(channel.id, cause, soft)
            case rest.ChannelDestroyed(channel=channel, cause=cause, tech_cause=sip):
                self._destroyed(channel.id, cause, sip)
            case rest.ChannelDtmfReceived(channel=channel, digit=digit):
                self._pressed(channel.id, digit)
            case rest.ChannelTalkingStarted(channel=channel):
                self._heard(channel.id)
            case rest.BridgeAttendedTransfer():
                for replaced_id, stand_in, to, there in self._stand_ins.attended(event, self._acts.plan):
                    self._transferred(replaced_id, stand_in, to, attended=there)
            case rest.PlaybackStarted(playback=playback):
                self._unplayed.begins(playback, event.timestamp)
            case rest.PlaybackContinuing(playback=playback):
                self._unplayed.ends(playback, event.timestamp, last=False)
            case rest.PlaybackFinished(playback=playback):
                self._unplayed.ends(playback, event.timestamp, last=True)
                self._played(playback.id, playback.state != "failed")
            case rest.StasisEnd(channel=channel):
                self._left_stasis(channel.id)
            case rest.RecordingStarted(recording=recording):
                self._recorded(recording.name, RecordingStarted(recording.name))
            case rest.RecordingFinished(recording=recording):
                length = recording.duration
                seconds = None if length is None else float(min(max(length, 0), MOST_SECONDS))
                self._recorded(recording.name, RecordingFinished(recording.name, seconds))
            case rest.RecordingFailed(recording=recording):
                self._recorded(
                    recording.name, RecordingFailed(recording.name, harmless(recording.cause) or "unknown")
                )
            case _:
                pass

    def _entered(self, channel: Channel, args: Sequence[str]) -> None:
        known = self._calls.of_channel(channel.id)
        if known is None:
            what = args[0] if args else ""
            if what == "intake":
                self._acts.arrived(channel, noted=NOTED in args)
            elif what == "leg":
                self._acts.drop(channel.id)
            return
        live, number = known
        if number is None:
            return
        if self._calls.is_live_leg(channel.id):
            live.tell(stimuli.PickedUp(number))
        else:
            self._acts.drop(channel.id)

    def _replaced(self, channel: Channel, replaced: Channel) -> None:
        """A phone's own transfer has put `channel` in its place."""
        if to := self._stand_ins.blind(channel):
            self._transferred(replaced.id, channel.id, to)
        else:
            self._stand_ins.expect(replaced.id, channel.id)

    def _transferred(self, replaced: str, stand_in: str, to: str, *, attended: bool = False) -> None:
        known = self._calls.of_channel(replaced)
        leg = known[0].call.leg(known[1] or 0) if known and known[0].call else None
        if known is None or leg is None or leg.status != "accepted":
            self._acts.drop(stand_in)
        else:
            known[0].tell(stimuli.Transferred(leg.number, to, stand_in, attended))

    def _rings(self, channel: str) -> None:
        """A phone rings; one whose call has turned elsewhere while Asterisk was slow shall not."""
        known = self._calls.of_channel(channel)
        if known is not None and known[1] is not None and self._calls.is_live_leg(channel):
            known[0].tell(stimuli.Rang(known[1]))
        elif is_leg(channel):
            self._acts.drop(channel)

    def _caller_hung_up(self, channel: str, cause: int | None, soft: bool) -> None:
        """Of a channel that came to us by itself Asterisk tells its wish to end, then that it left Stasis, and
        no more; of one that we originated it tells its end, with the cause that counts."""
        known = self._calls.of_channel(channel)
        if known is None:
            return
        live, number = known
        if number is None:
            forced = soft and cause != RTP_TIMEOUT
            live.tell(stimuli.CallerHungUp(cause, forced))
        elif not is_leg(channel):  # brought in by a phone's own transfer
            live.tell(stimuli.HungUp(number, cause))

    def _destroyed(self, channel: str, cause: int | None, sip: int | None) -> None:
        if (known := self._calls.of_channel(channel)) is None:
            return
        live, number = known
        live.tell(stimuli.CallerHungUp(cause) if number is None else stimuli.HungUp(number, cause, sip))

    def _pressed(self, channel: str, digit: str) -> None:
        """A key: of somebody who talks on a desk phone it is part of a code; a mobile has none to give (a cheek
        presses keys)."""
        if (known := self._calls.of_channel(channel)) is None:
            return
        live, number = known
        leg = live.call.leg(number or 0) if live.call else None
        if leg is None or leg.status != "accepted":
            live.tell(stimuli.KeyPressed(digit, number))
        elif leg.target.kind == "extension":
            keys = self._keypads.press(channel, digit, self._acts.plan)
            if keys:
                live.tell(stimuli.CodeDialled(keys, leg.number))

    def _heard(self, channel: str) -> None:
        """A sound from a caller."""
        known = self._calls.of_channel(channel)
        if known is not None and known[1] is None:
            known[0].tell(stimuli.CallerHeard())

    def _left_stasis(self, channel: str) -> None:
        known = self._calls.of_channel(channel)
        if known is None:
            return
        live, number = known
        if number is None:
            self._acts.left_stasis(live)
        elif not is_leg(channel):
            live.tell(stimuli.HungUp(number))

    def _played(self, playback: str, played: bool) -> None:
        call_id, _, what = playback.rpartition("-")
        live = self._calls.get(call_id)
        if live is None:
            return
        if what.startswith("waiting"):
            live.tell(stimuli.PromptDone("waiting", played))
        elif what.startswith("held"):
            live.tell(stimuli.PromptDone("held", played))
        elif what.startswith("briefing") and what[8:].isdecimal():
            live.tell(stimuli.Briefed(int(what[8:])))
        elif what == "question":
            live.tell(stimuli.PromptDone("question", played))
        elif what.startswith("next"):
            live.tell(stimuli.PromptDone("next", played))
        elif what.startswith("menu"):
            live.tell(stimuli.PromptDone("menu", played))
        elif what == "greeting" or what == "announcement":
            live.tell(stimuli.PromptDone("greeting" if what == "greeting" else "announcement", played))

    def _recorded(self, name: str, event: RecordingEvent) -> None:
        call_id = call_of(name)
        if call_id is None or not name.isprintable():
            return
        if (live := self._calls.get(call_id)) is not None and not live.ended:
            live.tell(stimuli.RecordingReported(event))
        else:
            self._acts.recorded_late(call_id, event)
