"""What may be asked of Asterisk, as data. The switch turns each into ARI operations
(:mod:`pbx112.switch.requests`) once the event that causes it is journalled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .events import Target
from .stimuli import Prompt


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the caller's channel. `again`: unless it is answered already, from before a restart (Asterisk answers this
    request when nothing is spoken to the channel any more, and all behind it waits)."""

    channel: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ring:
    """Let the channel hear ringing: by signalling before it is answered, in the band after."""

    channel: str


@dataclass(frozen=True, slots=True)
class StopRing:
    """End the ringing tone that an answered channel hears."""

    channel: str


@dataclass(frozen=True, slots=True)
class Music:
    """Let the channel hear music on hold."""

    channel: str


@dataclass(frozen=True, slots=True)
class StopMusic:
    """End the music on hold."""

    channel: str


@dataclass(frozen=True, slots=True)
class Originate:
    """Ring a line. `shown` is the number that its phone displays, `name` the words beside it."""

    leg: int
    channel: str
    target: Target
    shown: str
    name: str
    originator: str


@dataclass(frozen=True, slots=True)
class Play:
    """Speak to a channel; `prompt` says which prompt to the caller this is, None where nobody waits. `again`: unless
    it is being spoken still, from before a restart (a channel comes onto a bridge when nothing is spoken to it)."""

    channel: str
    playback: str
    media: tuple[str, ...]
    prompt: Prompt | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class StopPlay:
    """Fall silent."""

    playback: str


@dataclass(frozen=True, slots=True)
class Word:
    """Say a short word to one of those who talk, on the bridge, and to nobody else."""

    channel: str
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MakeBridge:
    """Make the call's bridge while a phone still rings, so that who picks up need not wait for it."""

    bridge: str


@dataclass(frozen=True, slots=True)
class Join:
    """Bring `channels` together on a bridge of that id, made where it does not exist; `leg` is theirs."""

    leg: int
    bridge: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Take the channel off the bridge; it stays in our hands."""

    bridge: str
    channel: str


@dataclass(frozen=True, slots=True)
class Record:
    """Record the bridge."""

    bridge: str
    name: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """End a channel; `reason` as ARI knows it."""

    channel: str
    reason: Literal["normal", "answered_elsewhere"] = "normal"


@dataclass(frozen=True, slots=True)
class DropBridge:
    """Remove the bridge (and with it end its recording)."""

    bridge: str


@dataclass(frozen=True, slots=True)
class AskWhoCalls:
    """Look up what the intake dialplan noted of the caller. Nothing waits for it."""

    channel: str


@dataclass(frozen=True, slots=True)
class ToFallback:
    """Give the caller to the fallback dialplan."""

    channel: str


Request = (
    Answer
    | Ring
    | StopRing
    | Music
    | StopMusic
    | Originate
    | Play
    | StopPlay
    | Word
    | MakeBridge
    | Join
    | Part
    | Record
    | Hangup
    | DropBridge
    | AskWhoCalls
    | ToFallback
)
