"""What the world tells the model: facts from Asterisk, and the passing of time.

The switch translates ARI events into these; :func:`pbx112.model.decide.decide` answers each with events.
Any stimulus may come in any situation, late, or twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from .events import CallerDescribed, Instant, RecordingFailed, RecordingFinished, RecordingStarted

Prompt = Literal["greeting", "waiting", "menu", "announcement", "held", "next", "question"]


@dataclass(frozen=True, slots=True)
class World:
    """What a decision may look at beside the call and the plan.

    `trunk_load` is the number of live legs that *other* calls have on each trunk; `idle_since` the monotonic
    nanosecond at which each line (by number) last ended a talk. `trunk_placed` is the number of calls placed on
    each trunk within the past hour by *any* call; `serving` how many other calls are being served, `ahead` how
    many wait for that which came before this one. `away` are the call takers' lines (by number) that are logged out
    or paused.
    """

    now: Instant
    trunk_load: Mapping[str, int] = field(default_factory=dict)
    idle_since: Mapping[str, int] = field(default_factory=dict)
    trunk_placed: Mapping[str, int] = field(default_factory=dict)
    serving: int = 0
    ahead: int = 0
    away: Set[str] = frozenset()
    standby: Mapping[str, str] = field(default_factory=dict)
    """The number of the mobile that an agency (by key) chose to be tried first among its mobiles."""
    talking: Set[str] = frozenset()
    """The lines (by number) that are in a talk."""
    engaged: Set[str] = frozenset()
    """The lines whose phones have just said that they are busy."""
    seeking: int = 0
    """How many other calls ring call takers."""
    before_takers: int = 0
    """How many that come before this call wait for a call taker."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A caller's channel entered; fields as in :class:`pbx112.model.events.CallArrived`."""

    channel: str
    caller_raw: str
    caller: str | None
    callable: bool
    dialled: str
    source: str
    noted: bool = False
    nuisance: int = 0
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Described:
    """What the trunk says of the caller has been looked up."""

    event: CallerDescribed


@dataclass(frozen=True, slots=True)
class Rang:
    """The phone of this leg rings."""

    leg: int


@dataclass(frozen=True, slots=True)
class PickedUp:
    """The leg's channel is up and ours to command."""

    leg: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The leg's channel is gone: Q.850 `cause`, SIP status `sip` where known."""

    leg: int
    cause: int | None = None
    sip: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Asterisk would not make the leg's channel at all. `unavailable`: nobody is registered there."""

    leg: int
    unavailable: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller's channel is gone. `forced`: not by the caller, but by somebody at the exchange (an
    administrator, an orderly stop of Asterisk)."""

    cause: int | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A DTMF digit from a leg, or from the caller (`leg` None)."""

    digit: str
    leg: int | None = None


@dataclass(frozen=True, slots=True)
class CodeDialled:
    """An operator pressed these keys during the talk: a code of :mod:`pbx112.model.codes`, or the beginning of none."""

    keys: str
    leg: int


@dataclass(frozen=True, slots=True)
class Transferred:
    """The phone of this leg transferred the call `to` what it dialled; `channel` stands in its place on the bridge.
    `attended`: who answers there is on that channel."""

    leg: int
    to: str
    channel: str
    attended: bool = False


@dataclass(frozen=True, slots=True)
class CallerHeard:
    """A sound came from the caller."""


@dataclass(frozen=True, slots=True)
class Briefed:
    """Whoever picked up on this leg has heard what it is about (or could not be told)."""

    leg: int


@dataclass(frozen=True, slots=True)
class PromptDone:
    """A prompt to the caller ended; `played` False where Asterisk could not play it."""

    prompt: Prompt
    played: bool


@dataclass(frozen=True, slots=True)
class RecordingReported:
    """Asterisk said something of the call's recording."""

    event: RecordingStarted | RecordingFinished | RecordingFailed


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The clock reached :func:`pbx112.model.state.due` (or passed it)."""


@dataclass(frozen=True, slots=True)
class RoomMade:
    """There may be room for one who waits: fewer calls are served, or another plan decides."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """After a (re)connect: the call is ours again. `gone` and `up` are legs whose channels have meanwhile
    ended or been answered; `caller_gone` says the same of the caller; `in_fallback` that the dialplan has the
    caller; `asterisk_restarted` that everything of before is gone; `transferred` what phones' own transfers have
    put on the bridge."""

    asterisk_restarted: bool = False
    caller_gone: bool = False
    in_fallback: bool = False
    gone: tuple[int, ...] = ()
    up: tuple[int, ...] = ()
    transferred: tuple[Transferred, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenUp:
    """We cannot handle this call (`reason`): the fallback dialplan shall."""

    reason: str


Stimulus = (
    Arrived
    | Described
    | Rang
    | PickedUp
    | HungUp
    | Refused
    | CallerHungUp
    | KeyPressed
    | CodeDialled
    | Transferred
    | CallerHeard
    | Briefed
    | PromptDone
    | RecordingReported
    | TimePassed
    | RoomMade
    | Resumed
    | GivenUp
)
