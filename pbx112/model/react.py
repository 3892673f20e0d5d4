"""What each event asks of Asterisk, as data: one table, read from top to bottom.

The switch turns a request into ARI operations (:mod:`pbx112.switch.requests`) once its event is journalled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from .events import (
    AnnouncementStarted,
    CallAdmitted,
    CallArrived,
    CallEnded,
    CallerAnswered,
    CallerDescribed,
    CallerLeft,
    CallEvent,
    CallQueued,
    CallResumed,
    HandedToFallback,
    LegAccepted,
    LegAnswered,
    LegEnded,
    LegOffered,
    LegResult,
    LegRinging,
    MenuChosen,
    MenuOffered,
    PromptHeard,
    RecordingFailed,
    RecordingFinished,
    RecordingStarted,
    StageEntered,
    Target,
    WaitAnnounced,
)
from .state import Announcing, Call, Ended, InFallback, InMenu, Leg, Reaching, Talking, Waiting, greets
from .stimuli import Prompt

LONGEST_NAME = 40
"""Characters that a desk phone is sent for its display."""

ACCEPT_PROMPT = ("sound:pbx112/accept",) * 3
GREETING = ("sound:pbx112/greeting",)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the caller's channel."""

    channel: str


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
    """Speak to a channel; `prompt` says which prompt to the caller this is, None where nobody waits."""

    channel: str
    playback: str
    media: tuple[str, ...]
    prompt: Prompt | None


@dataclass(frozen=True, slots=True)
class StopPlay:
    """Fall silent."""

    playback: str


@dataclass(frozen=True, slots=True)
class Join:
    """Bring caller and `leg` together on a bridge of that id, made where it does not exist."""

    leg: int
    bridge: str
    channels: tuple[str, ...]


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
    | Join
    | Record
    | Hangup
    | DropBridge
    | AskWhoCalls
    | ToFallback
)


def react(call: Call, event: CallEvent) -> tuple[Request, ...]:
    """What `event` asks for; `call` is the state *before* it (for `CallArrived`: after it).

    An arrival asks for no ringing: where the caller is to hear it, the intake dialplan has seen to that.
    """
    caller = call.arrival.channel
    match event:
        case CallerAnswered():
            if greets(call):
                return (Answer(caller), Play(caller, f"{call.call_id}-greeting", GREETING, "greeting"))
            return (Answer(caller),)
        case CallQueued(media=media):
            return (_say_wait(call, 1, media),)
        case WaitAnnounced(time=time):
            if not isinstance(call.situation, Waiting):
                return ()
            return (StopMusic(caller), _say_wait(call, time, call.situation.media))
        case CallAdmitted():
            return _quiet_wait(call)
        case StageEntered(why=why):
            if call.greeting or not call.caller_answered:
                return ()
            silence: tuple[Request, ...] = (StopMusic(caller),) if isinstance(call.situation, InMenu) else ()
            bridge: tuple[Request, ...] = (DropBridge(call.bridge),) if why == "lost" else ()
            return (*bridge, *silence, Ring(caller))
        case LegOffered(leg=number, channel=channel, target=target, placed=placed):
            return (_originate(call, number, channel, target),) if placed else ()
        case LegAnswered(leg=number):
            leg = call.leg(number)
            if leg is None or leg.target.accept == "pickup":
                return ()
            return (_ask_to_accept(leg),)
        case LegAccepted(leg=number):
            leg = call.leg(number)
            return () if leg is None else _join(call, leg)
        case LegEnded(leg=number, result=result, cause=None):
            leg = call.leg(number)
            elsewhere = result is LegResult.ANSWERED_ELSEWHERE
            return (
                () if leg is None else (Hangup(leg.channel, "answered_elsewhere" if elsewhere else "normal"),)
            )
        case MenuOffered(attempt=attempt, media=media):
            before: tuple[Request, ...] = (StopMusic(caller),) if isinstance(call.situation, InMenu) else ()
            quiet = (StopPlay(f"{call.call_id}-greeting"),) if call.greeting else ()
            ringing = (StopRing(caller),) if call.ring_tone else ()
            return (*before, *quiet, *ringing, Play(caller, f"{call.call_id}-menu{attempt}", media, "menu"))
        case MenuChosen():
            attempt = call.situation.attempt if isinstance(call.situation, InMenu) else 1
            return (StopPlay(f"{call.call_id}-menu{attempt}"),)
        case PromptHeard(prompt="menu" | "waiting"):
            return (Music(caller),)
        case PromptHeard(prompt="greeting"):
            return (Ring(caller),) if isinstance(call.situation, Reaching) else ()
        case AnnouncementStarted(media=media):
            tone = (StopRing(caller),) if call.ring_tone else ()
            return (*tone, _announce(call, media))
        case CallEnded():
            end = () if call.caller_left else (Hangup(caller),)
            return (*end, *((DropBridge(call.bridge),) if call.bridged else ()))
        case HandedToFallback():
            return (*_quiet_wait(call), ToFallback(caller))
        case CallArrived():
            return _who_calls(call)
        case CallResumed():
            return (*_restore(call), *_who_calls(call))
        case (
            CallerDescribed()
            | LegRinging()
            | LegEnded()
            | PromptHeard()
            | CallerLeft()
            | RecordingStarted()
            | RecordingFinished()
            | RecordingFailed()
        ):
            return ()
        case _ as never:
            assert_never(never)


def _who_calls(call: Call) -> tuple[Request, ...]:
    wanted = call.arrival.noted and not call.described
    return (AskWhoCalls(call.arrival.channel),) if wanted else ()


def _originate(call: Call, number: int, channel: str, target: Target) -> Originate:
    shown = target.caller_id or call.arrival.caller or call.arrival.caller_raw
    name = name_shown(call.incident_name, target.owner_name)
    return Originate(number, channel, target, shown, name, call.arrival.channel)


def name_shown(incident: str, owner: str) -> str:
    """What a phone displays beside the citizen's number: what it is about, then whom it is for."""
    about = ", ".join(part for part in (incident, owner) if part)
    return f"112 {about}".rstrip()[:LONGEST_NAME].rstrip(" ,")


def _ask_to_accept(leg: Leg) -> Play:
    return Play(leg.channel, _accept_playback(leg), ACCEPT_PROMPT, None)


def _accept_playback(leg: Leg) -> str:
    return f"{leg.channel}-accept"


def _join(call: Call, leg: Leg) -> tuple[Request, ...]:
    caller = call.arrival.channel
    quiet: list[Request] = []
    if leg.target.accept == "press_1":
        quiet.append(StopPlay(_accept_playback(leg)))
    if call.greeting:
        quiet.append(StopPlay(f"{call.call_id}-greeting"))
    elif call.ring_tone:
        quiet.append(StopRing(caller))
    join = Join(leg.number, call.bridge, (caller, leg.channel))
    return (*quiet, join, *_record(call, leg))


def _record(call: Call, leg: Leg) -> tuple[Request, ...]:
    return (Record(call.bridge, call.recording(leg)),) if call.arrival.record else ()


def _say_wait(call: Call, time: int, media: tuple[str, ...]) -> Play:
    return Play(call.arrival.channel, _wait_playback(call, time), media, "waiting")


def _wait_playback(call: Call, time: int) -> str:
    return f"{call.call_id}-waiting{time}"


def _quiet_wait(call: Call) -> tuple[Request, ...]:
    """End what a caller who waits hears now."""
    match call.situation:
        case Waiting(speaking=True, time=time):
            return (StopPlay(_wait_playback(call, time)),)
        case Waiting():
            return (StopMusic(call.arrival.channel),)
        case _:
            return ()


def _announce(call: Call, media: tuple[str, ...]) -> Play:
    return Play(call.arrival.channel, f"{call.call_id}-announcement", media, "announcement")


def _restore(call: Call) -> tuple[Request, ...]:
    """Everything the situation needs of Asterisk, again; what still stands there is left as it is."""
    caller = call.arrival.channel
    match call.situation:
        case Talking():
            talks = [leg for leg in call.live_legs() if leg.status == "accepted"]
            joins = (Join(leg.number, call.bridge, (caller, leg.channel)) for leg in talks)
            records = (request for leg in talks[:1] for request in _record(call, leg))
            return (Answer(caller), *joins, *records)
        case Reaching():
            unrung = (leg for leg in call.live_legs() if leg.status == "offered")
            again = (_originate(call, leg.number, leg.channel, leg.target) for leg in unrung)
            asked = (leg for leg in call.live_legs() if leg.status == "answered")
            questions = (_ask_to_accept(leg) for leg in asked)
            return ((Answer(caller),) if call.caller_answered else ()) + (Ring(caller), *again, *questions)
        case Waiting() | InMenu():
            return (Answer(caller),)
        case Announcing(media=media):
            return (Answer(caller), _announce(call, media))
        case InFallback():
            return (ToFallback(caller),)
        case Ended():
            return ()
        case _ as never:
            assert_never(never)
