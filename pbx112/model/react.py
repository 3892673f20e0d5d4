"""What each event asks of Asterisk (:mod:`pbx112.model.asks`): one table, read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, assert_never

from .asks import (
    Answer,
    AskWhoCalls,
    DropBridge,
    Hangup,
    Join,
    MakeBridge,
    Music,
    Originate,
    Part,
    Play,
    Record,
    Request,
    Ring,
    StopMusic,
    StopPlay,
    StopRing,
    ToFallback,
    Word,
)
from .events import (
    AnnouncementStarted,
    CallAdmitted,
    CallArrived,
    CallBackEnded,
    CallBackPlaced,
    CallEnded,
    CallerAnswered,
    CallerBack,
    CallerDescribed,
    CallerHeld,
    CallerLeft,
    CallerSpoke,
    CallEvent,
    CallMarked,
    CallQueued,
    CallResumed,
    CallTransferred,
    CommandRefused,
    EmergencyAnswered,
    EmergencyAsked,
    HandedToFallback,
    HelpEnded,
    HelpSought,
    KeyAsked,
    KeyGiven,
    LegAccepted,
    LegAnswered,
    LegEnded,
    LegOffered,
    LegResult,
    LegRinging,
    ListenEnded,
    ListenStarted,
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
from .state import (
    BROKEN,
    Announcing,
    Call,
    Ended,
    InFallback,
    InMenu,
    Leg,
    Questioned,
    Reaching,
    Saying,
    Talking,
    Waiting,
    greets,
    says_next,
)

LONGEST_NAME = 40
"""Characters that a desk phone is sent for its display."""

ACCEPT_PROMPT = ("sound:pbx112/accept",) * 3
GREETING = ("sound:pbx112/greeting",)
NEXT = ("sound:pbx112/next",)
HELD = ("sound:pbx112/held",)
PLEASE_STAY = ("sound:pbx112/please_stay",)
PRESS_5 = ("sound:pbx112/press_5",)


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
            return (*_quiet(call), _comfort_word(call, "waiting", call.comforts + 1, 1, media))
        case WaitAnnounced(time=time):
            return _comfort_again(call, time)
        case EmergencyAsked(media=media):
            return (Play(caller, f"{call.call_id}-question", media, "question"),)
        case EmergencyAnswered():
            return _end_question(call)
        case PromptHeard(prompt="question"):
            return (Music(caller),)
        case CallAdmitted():
            return _end_comfort(call)
        case StageEntered(why=why):
            if call.saying or not call.caller_answered:
                return ()
            silence = (StopMusic(caller),) if isinstance(call.situation, InMenu) else _end_comfort(call)
            broken = why in BROKEN and isinstance(call.situation, Talking)
            if says_next(call, why):
                return (*silence, *_quiet(call), _say_next(call, why))
            alone = (*_drop_bridge(call), *_end_key_question(call)) if broken else ()
            return (*alone, *silence, Ring(caller))
        case LegOffered(leg=number, channel=channel, target=target, placed=placed):
            return (_originate(call, number, channel, target),) if placed else ()
        case LegAnswered(leg=number):
            leg = call.leg(number)
            return () if leg is None else _ask(call, leg)
        case LegRinging():
            return () if call.bridged else (MakeBridge(call.bridge),)
        case LegAccepted(leg=number):
            leg = call.leg(number)
            return () if leg is None else _join(call, leg)
        case LegEnded(leg=number, result=result, cause=None):
            leg = call.leg(number)
            elsewhere = result is LegResult.ANSWERED_ELSEWHERE
            return (
                () if leg is None else (Hangup(leg.channel, "answered_elsewhere" if elsewhere else "normal"),)
            )
        case HelpSought(by=by, owner=owner, why=why):
            word = "word_next" if why == "then" else "word_calling"
            return _word(call, by, word, f"owner_{owner}")
        case HelpEnded(help=number, result=result):
            help_ = call.help(number)
            return () if help_ is None else _word(call, help_.by, f"word_{result}", f"owner_{help_.owner}")
        case CallerHeld():
            held = _comfort_word(call, "held", call.comforts + 1, 1, HELD)
            return (Part(call.bridge, caller), *_end_key_question(call), held)
        case CallerBack(by=by, why=why):
            first = next(iter(call.talkers()), None)
            if first is None:
                return ()
            said = _word(call, by, "word_held_long" if why else "word_together") if by else ()
            return (*_end_comfort(call), Join(first.number, call.bridge, (caller,)), *said)
        case CallTransferred(channel=channel, attended=attended):
            return () if attended else (Hangup(channel),)
        case PromptHeard(prompt="held" | "waiting"):
            return (Music(caller),) if call.comfort else ()
        case CallMarked(by=line):
            mine = next((leg.number for leg in call.talkers() if leg.target.number == line), 0)
            return _word(call, mine, "word_marked") if mine else ()
        case KeyAsked(by=by):
            said = () if by else _word(call, by, "word_silence")
            return (Play(caller, _key_playback(call), PRESS_5, None), *said)
        case KeyGiven(digit=digit):
            by = call.asking.by if call.asking else 0
            answer = _word(call, by, "word_caller_pressed" if digit else "word_caller_silent")
            return (*_end_key_question(call), *answer) if digit else answer
        case CommandRefused(by=by, why=why):
            return _word(call, by, f"word_{why}")
        case MenuOffered(attempt=attempt, media=media):
            before: tuple[Request, ...] = (StopMusic(caller),) if isinstance(call.situation, InMenu) else ()
            return (*before, *_quiet(call), Play(caller, f"{call.call_id}-menu{attempt}", media, "menu"))
        case MenuChosen():
            attempt = call.situation.attempt if isinstance(call.situation, InMenu) else 1
            return (StopPlay(f"{call.call_id}-menu{attempt}"),)
        case PromptHeard(prompt="menu"):
            return (Music(caller),)
        case PromptHeard(prompt="greeting" | "next"):
            return (Ring(caller),) if isinstance(call.situation, Reaching) else ()
        case AnnouncementStarted(media=media):
            return (*_quiet(call), _announce(call, media))
        case CallEnded():
            end = () if call.caller_left else (Hangup(caller),)
            return (*end, *_drop_bridge(call))
        case HandedToFallback():
            return (*_end_question(call), *_end_comfort(call), ToFallback(caller), *_drop_bridge(call))
        case CallArrived():
            return _who_calls(call)
        case CallResumed():
            return (*_restore(call), *_who_calls(call))
        case (
            CallerDescribed()
            | CallerSpoke()
            | LegEnded()
            | PromptHeard()
            | CallerLeft()
            | RecordingStarted()
            | RecordingFinished()
            | RecordingFailed()
            | CallBackPlaced()
            | CallBackEnded()
            | ListenStarted()
            | ListenEnded()
        ):
            return ()
        case _ as never:
            assert_never(never)


def _who_calls(call: Call) -> tuple[Request, ...]:
    wanted = call.arrival.noted and not call.described
    return (AskWhoCalls(call.arrival.channel),) if wanted else ()


def _drop_bridge(call: Call) -> tuple[Request, ...]:
    return (DropBridge(call.bridge),) if call.bridged else ()


def _originate(call: Call, number: int, channel: str, target: Target) -> Originate:
    shown = target.caller_id or call.arrival.caller or call.arrival.caller_raw
    name = name_shown(call.incident_name, target.owner_name)
    return Originate(number, channel, target, shown, name, call.arrival.channel)


def name_shown(incident: str, owner: str) -> str:
    """What a phone displays beside the citizen's number: what it is about, then whom it is for."""
    about = ", ".join(part for part in (incident, owner) if part)
    return f"112 {about}".rstrip()[:LONGEST_NAME].rstrip(" ,")


def _ask(call: Call, leg: Leg) -> tuple[Play, ...]:
    """What is said to who has just picked up: that a key has to be pressed, or, called in to help, what it is about."""
    if not leg.placed:  # brought in by who has spoken with it
        return ()
    if leg.target.accept == "press_1":
        return (Play(leg.channel, _accept_playback(leg), ACCEPT_PROMPT, None),)
    if leg.help and isinstance(call.situation, Talking):
        what = (f"sound:pbx112/incident_{call.incident}",) if call.incident else ()
        media = ("sound:pbx112/briefing", *what)
        return (Play(leg.channel, _briefing_playback(call, leg), media, None),)
    return ()


def _word(call: Call, by: int, *words: str) -> tuple[Request, ...]:
    """A short word to leg `by`, or, where that has left, to who has been there longest."""
    talkers = call.talkers()
    leg = next((leg for leg in talkers if leg.number == by), next(iter(talkers), None))
    return () if leg is None else (Word(leg.channel, tuple(f"sound:pbx112/{word}" for word in words)),)


def _briefing_playback(call: Call, leg: Leg) -> str:
    return f"{call.call_id}-briefing{leg.number}"


def _accept_playback(leg: Leg) -> str:
    return f"{leg.channel}-accept"


def _join(call: Call, leg: Leg) -> tuple[Request, ...]:
    caller = call.arrival.channel
    quiet: list[Request] = []
    if leg.target.accept == "press_1":
        quiet.append(StopPlay(_accept_playback(leg)))
    elif leg.help and leg.placed:  # told again after a restart: it would hold up the way to the caller
        quiet.append(StopPlay(_briefing_playback(call, leg)))
    quiet += _quiet(call)
    match call.situation:
        case Talking():
            return (*quiet, Join(leg.number, call.bridge, (leg.channel,)))
        case InMenu(attempt=attempt):
            quiet += (StopPlay(f"{call.call_id}-menu{attempt}"), StopMusic(caller))
        case Announcing():
            quiet.append(StopPlay(f"{call.call_id}-announcement"))
        case _:
            quiet += _end_comfort(call)
    join = Join(leg.number, call.bridge, (caller, leg.channel))
    return (*quiet, join, *_record(call, call.recording(leg)))


def _end_question(call: Call) -> tuple[Request, ...]:
    match call.situation:
        case Questioned(speaking=True):
            return (StopPlay(f"{call.call_id}-question"),)
        case Questioned():
            return (StopMusic(call.arrival.channel),)
        case _:
            return ()


def _key_playback(call: Call) -> str:
    return f"{call.call_id}-press5"


def _end_key_question(call: Call) -> tuple[Request, ...]:
    """End the question to a caller who cannot speak: it would hold up the caller's next way onto a bridge."""
    return (StopPlay(_key_playback(call)),) if call.asking else ()


def _quiet(call: Call) -> tuple[Request, ...]:
    """End what an answered caller hears while a human is sought."""
    if call.saying:
        return (StopPlay(_saying_playback(call, call.saying, call.nexts)),)
    return (StopRing(call.arrival.channel),) if call.ring_tone else ()


def _say_next(call: Call, why: str) -> Play:
    """That somebody else is tried; in the second round, that we still try."""
    playback = _saying_playback(call, "next", call.nexts + 1)
    return Play(call.arrival.channel, playback, PLEASE_STAY if why == "again" else NEXT, "next")


def _saying_playback(call: Call, saying: Saying, time: int) -> str:
    return f"{call.call_id}-{saying}" + (str(time) if saying == "next" else "")


def _record(call: Call, name: str) -> tuple[Request, ...]:
    return (Record(call.bridge, name),) if call.arrival.record else ()


Waited = Literal["waiting", "held"]


def _comfort_word(call: Call, what: Waited, number: int, time: int, media: tuple[str, ...]) -> Play:
    return Play(call.arrival.channel, _comfort_playback(call, what, number, time), media, what)


def _comfort_playback(call: Call, what: Waited, number: int, time: int) -> str:
    return f"{call.call_id}-{what}{number}.{time}"


def _comfort_again(call: Call, time: int) -> tuple[Request, ...]:
    """The word once more, to who waits or is held."""
    if call.comfort is None:
        return ()
    what, media = _waited(call)
    return (StopMusic(call.arrival.channel), _comfort_word(call, what, call.comfort.number, time, media))


def _end_comfort(call: Call) -> tuple[Request, ...]:
    """End what a caller hears now who waits or is held."""
    if (now := call.comfort) is None:
        return ()
    if now.speaking:
        return (StopPlay(_comfort_playback(call, _waited(call)[0], now.number, now.time)),)
    return (StopMusic(call.arrival.channel),)


def _waited(call: Call) -> tuple[Waited, tuple[str, ...]]:
    """What a caller waits for, and the word that is spoken from the second time on."""
    if isinstance(call.situation, Waiting):
        return "waiting", call.situation.media
    return "held", PLEASE_STAY


def _announce(call: Call, media: tuple[str, ...]) -> Play:
    return Play(call.arrival.channel, f"{call.call_id}-announcement", media, "announcement")


def _lines_again(call: Call) -> Iterator[Request]:
    """The lines of which nobody knows whether they were ever rung, and the questions to those that picked up."""
    for leg in call.live_legs():
        if leg.status == "offered":
            yield _originate(call, leg.number, leg.channel, leg.target)
        elif leg.status == "answered":
            yield from (replace(question, again=True) for question in _ask(call, leg))


def _restore(call: Call) -> tuple[Request, ...]:
    """Everything the situation needs of Asterisk, again; what still stands there is left as it is, but for a word after
    which somebody may be joined: nobody is, until it is over."""
    caller = call.arrival.channel
    answer = Answer(caller, again=True)
    word = call.saying or (call.comfort is not None and call.comfort.speaking)
    silence = (_end_comfort(call) or _quiet(call)) if word else ()
    match call.situation:
        case Talking(recording=name):
            with_them = () if call.held else (caller,)
            joins = (Join(leg.number, call.bridge, (*with_them, leg.channel)) for leg in call.talkers())
            return (answer, *silence, *joins, *_record(call, name), *_lines_again(call))
        case Reaching():
            return ((answer,) if call.caller_answered else ()) + (*silence, Ring(caller), *_lines_again(call))
        case Questioned():
            return (answer, *_end_question(call))
        case Waiting() | InMenu():
            return (answer, *silence, *_lines_again(call))  # who was called in before still rings
        case Announcing(media=media):
            return (answer, replace(_announce(call, media), again=True))
        case InFallback():
            return (ToFallback(caller),)
        case Ended():
            return ()
        case _ as never:
            assert_never(never)
