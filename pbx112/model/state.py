"""What a call is at any moment: the fold of its events.

`evolve` is total: an event that does not fit the situation changes nothing, so that a damaged journal still
yields a state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeVar, assert_never

import msgspec

from . import comfort
from .comfort import SPEAKING_LIMIT, Comfort
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
    Instant,
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
    Outcome,
    PromptHeard,
    RecordingFailed,
    RecordingFinished,
    RecordingStarted,
    StageEntered,
    Target,
    WaitAnnounced,
)

BROKEN = frozenset({"lost", "returned", "transferred"})
"""Why a stage is entered after a talk whose last human has left: the call begins anew."""

SECOND = 1_000_000_000
"""Nanoseconds."""

GREETING_LIMIT = 20.0
"""Seconds after which the greeting (or the word that somebody else is tried) counts as spoken even if Asterisk never
says so: the caller shall hear ringing."""

ANNOUNCEMENT_LIMIT = 30.0
"""Seconds the closing announcement may take."""

KEY_WAIT = 15.0
"""Seconds in which a caller who cannot speak may press the key that was asked for."""

FALLBACK_RECORD_WAIT = 60.0
"""Seconds to wait, after the caller left, for Asterisk's own record of a call handled by the fallback."""


class Leg(msgspec.Struct, frozen=True):
    """One attempt to bring one line onto the call. `due_ns` is when its present status must have ended."""

    number: int
    channel: str
    target: Target
    status: Literal["offered", "ringing", "answered", "accepted", "ended"]
    due_ns: int | None
    placed: bool = True
    """Whether Asterisk was asked for its channel."""
    help: int = 0
    """The number of the help for which it rings; 0: it rings for the caller."""
    result: LegResult | None = None

    @property
    def live(self) -> bool:
        """Whether its channel may still exist."""
        return self.status != "ended"


class Help(msgspec.Struct, frozen=True):
    """Somebody (`owner`) whom leg `by` calls in while the talk goes on; `route` are the owners turned to so far."""

    number: int
    owner: str
    by: int
    consult: bool
    waves: tuple[tuple[Target, ...], ...]
    route: tuple[str, ...]
    open: bool = True
    """Nobody has come yet, and somebody is being tried."""


class Asking(msgspec.Struct, frozen=True):
    """Leg `by` waits until `due_ns` for the caller to press a key."""

    by: int
    due_ns: int


class Waiting(msgspec.Struct, frozen=True):
    """Waits for its turn (`reason` says for what); the word is `media`. Its place in the line is not kept here: who
    came first is first."""

    reason: str
    media: tuple[str, ...]
    comfort: Comfort


class Hold(msgspec.Struct, frozen=True):
    """Leg `by` speaks with the others alone meanwhile."""

    by: int
    comfort: Comfort


class Reaching(msgspec.Struct, frozen=True):
    """Waits for a human of `owner` to accept; when all legs have ended, for the next of `waves`."""

    owner: str
    round: int
    waves: tuple[tuple[Target, ...], ...]
    transferred: bool = False
    """A phone's own transfer led here: if nobody comes, the call takers have it again."""


class Questioned(msgspec.Struct, frozen=True):
    """Waits until `due_ns` for a caller from whose number pranks came to press 1 in an emergency. The question is being
    spoken (`speaking`), or there is music."""

    wait: float
    speaking: bool
    due_ns: int


class InMenu(msgspec.Struct, frozen=True):
    """Waits for the caller to choose an incident, until `due_ns`."""

    attempt: int
    keys: dict[str, str]
    wait: float
    due_ns: int


class Talking(msgspec.Struct, frozen=True):
    """Caller and accepted legs are on the bridge (the caller is not while it is held); waits for them to hang up."""

    owner: str
    recording: str
    """The name under which it is recorded."""


class Announcing(msgspec.Struct, frozen=True):
    """Waits for the closing announcement (`media`) to have been spoken."""

    due_ns: int
    media: tuple[str, ...]


class InFallback(msgspec.Struct, frozen=True):
    """The dialplan has the caller; waits for Asterisk's own record (until `due_ns` once the caller left)."""

    due_ns: int | None


class Ended(msgspec.Struct, frozen=True):
    """Nothing more happens to the talk; a recording may still be reported."""

    outcome: Outcome


Situation = Questioned | Waiting | Reaching | InMenu | Talking | Announcing | InFallback | Ended


Saying = Literal["greeting", "next"]


class Call(msgspec.Struct, frozen=True):
    """One citizen's 112 call. `route` holds the owners turned to, in the order of the first round."""

    call_id: str
    arrival: CallArrived
    arrived: Instant
    situation: Situation
    legs: tuple[Leg, ...] = ()
    route: tuple[str, ...] = ()
    caller_answered: bool = False
    caller_left: bool = False
    nexts: int = 0
    """How often the caller was told that somebody else is tried."""
    saying: Saying | None = None
    """What is spoken to the answered caller while a human is sought."""
    saying_ns: int = 0
    """When it counts as spoken at the latest, while a human is sought."""
    ring_tone: bool = False
    """The caller, already answered, hears ringing in the band."""
    bridged: bool = False
    """A bridge of ours exists for this call."""
    accepted: bool = False
    """A human has accepted at least once."""
    helps: tuple[Help, ...] = ()
    held: Hold | None = None
    """The caller hears music while the others talk."""
    behind: bool = False
    """Pranks came from this number, and the caller has not said that this is none: others who wait come first."""
    comforts: int = 0
    """How often it has waited or been held."""
    queued_ns: int | None = None
    """When it first had to wait, since it last had a human."""
    asking: Asking | None = None
    """The caller was asked to press a key."""
    spoke: bool = False
    """Something was heard of the caller."""
    quiet_ns: int | None = None
    """The moment at which a caller of whom nothing was heard is asked to press a key."""
    marked: bool = False
    """Staff have said what the call is."""
    incident: str = ""
    incident_name: str = ""
    """Its name, for the phones' displays."""
    described: bool = False
    """What the trunk says of the caller stands in the journal."""

    @property
    def bridge(self) -> str:
        """The id that we give this call's bridge."""
        return f"{self.call_id}-bridge"

    @property
    def comfort(self) -> Comfort | None:
        """What the caller hears who waits, or is held."""
        if isinstance(self.situation, Waiting):
            return self.situation.comfort
        return self.held.comfort if self.held else None

    @property
    def waits_for_a_human(self) -> bool:
        """Whether the caller is there, and no human has accepted yet. Of one whom the dialplan has, nobody knows before
        the end: it may long be talking."""
        known = not isinstance(self.situation, InFallback)
        return known and not self.accepted and not self.caller_left

    def recording(self, leg: Leg) -> str:
        """The name under which the talk with `leg` is recorded: the call's own, and, for a talk that follows a
        broken one, the leg's, since Asterisk never writes into a recording that is there."""
        broke = any(other.result is LegResult.ACCEPTED for other in self.legs if other.number != leg.number)
        return f"112-{leg.channel if broke else self.call_id}"

    def live_legs(self) -> tuple[Leg, ...]:
        """The legs whose channels may still exist."""
        return tuple(leg for leg in self.legs if leg.live)

    def talkers(self) -> tuple[Leg, ...]:
        """The legs whose humans are on the bridge."""
        return tuple(leg for leg in self.legs if leg.status == "accepted")

    def tried_for(self, help_: int) -> bool:
        """Whether a line is being tried for this help (0: for the caller)."""
        return any(leg.help == help_ and leg.status != "accepted" for leg in self.live_legs())

    def help(self, number: int) -> Help | None:
        """The help with this number, or None."""
        return self.helps[number - 1] if 0 < number <= len(self.helps) else None

    def leg(self, number: int) -> Leg | None:
        """The leg with this number, or None."""
        return self.legs[number - 1] if 0 < number <= len(self.legs) else None


def leg_channel(call_id: str, number: int) -> str:
    """The id that we give the channel of a call's leg."""
    return f"{call_id}-leg{number}"


def due(call: Call) -> int | None:
    """The monotonic nanosecond at which the call wants :class:`TimePassed`, or None where nothing is due."""
    moments = [leg.due_ns for leg in call.legs if leg.live and leg.due_ns is not None]
    if call.asking is not None and not isinstance(call.situation, Ended):
        moments.append(call.asking.due_ns)
    if call.comfort is not None:
        moments += (call.comfort.word_ns, call.comfort.until_ns)
    match call.situation:
        case Talking() if call.quiet_ns is not None:
            moments.append(call.quiet_ns)
        case Questioned(due_ns=moment) | InMenu(due_ns=moment) | Announcing(due_ns=moment):
            moments.append(moment)
        case InFallback(due_ns=int() as moment):
            moments.append(moment)
        case Reaching() if call.saying:
            moments.append(call.saying_ns)
        case Ended():
            return None
        case _:
            pass
    return min(moments, default=None)


def greets(call: Call) -> bool:
    """Whether the caller, once answered, is greeted: on arrival, and not where it has to wait."""
    first = isinstance(call.situation, Reaching) and not call.legs and not call.route
    return first and call.arrival.answer == "on_arrival" and not call.caller_answered


def listens(call: Call) -> bool:
    """Whether it matters if something is heard of the caller."""
    return call.arrival.silence > 0 and not call.spoke


def says_next(call: Call, why: str) -> bool:
    """Whether the caller, once answered, is told that nobody has come and somebody else is tried; not while it is being
    spoken to."""
    return why in ("then", "default", "again") and call.caller_answered and call.saying is None


def fold(call_id: str, history: Iterable[tuple[Instant, CallEvent]]) -> Call | None:
    """The state after `history`; None where it does not begin with an arrival."""
    call: Call | None = None
    for at, event in history:
        call = begin(call_id, event, at) if call is None else evolve(call, event, at)
    return call


def begin(call_id: str, event: CallEvent, at: Instant) -> Call | None:
    """The state after a call's first event."""
    if not isinstance(event, CallArrived):
        return None
    situation = Reaching(owner="", round=1, waves=()) if event.via == "daemon" else InFallback(due_ns=None)
    return Call(
        call_id=call_id, arrival=event, arrived=event.came(at), situation=situation, behind=event.nuisance > 0
    )


def evolve(call: Call, event: CallEvent, at: Instant) -> Call:
    """The state after `event`."""
    if isinstance(call.situation, Ended):
        return call
    now = at.mono_ns
    match event:
        case StageEntered(owner=owner, round=round_, waves=waves):
            broken = event.why in BROKEN
            before = () if broken or event.why == "first" else call.route
            again = round_ > 1 or (event.why == "turn" and owner in before)
            route = call.route if again else (*before, owner)
            if says_next(call, event.why):
                latest = at.after(GREETING_LIMIT)
                call = _with(call, saying="next", saying_ns=latest, nexts=call.nexts + 1)
            tone = call.caller_answered and not call.saying
            if broken and isinstance(call.situation, Talking):
                call = _with(call, bridged=False, held=None)
            stage = Reaching(owner, round_, waves, transferred=event.why == "transferred")
            return _with(call, situation=stage, route=route, ring_tone=tone)
        case LegOffered(leg=number, channel=channel, target=target):
            if number != len(call.legs) + 1:
                return call
            until = now + int(target.ring_for * SECOND)
            leg = Leg(number, channel, target, "offered", until, placed=event.placed, help=event.help)
            call = _with(call, legs=(*call.legs, leg))
            if not event.help:
                return _with(call, situation=_rung(call.situation, target))
            helps = (_rung(help_, target) if help_.number == event.help else help_ for help_ in call.helps)
            return _with(call, helps=tuple(helps))
        case LegRinging(leg=number):
            known = call.leg(number)
            if known is None or known.status != "offered":
                return call
            return _with(_set_leg(call, number, "ringing"), bridged=True)
        case LegAnswered(leg=number):
            known = call.leg(number)
            wait = known.target.accept_for if known else 0.0
            return _set_leg(call, number, "answered", now + int(wait * SECOND))
        case LegAccepted(leg=number):
            accepted = call.leg(number)
            if accepted is None or not accepted.live:
                return call
            longest = accepted.target.max_talk
            limit = None if longest is None else now + int(longest * SECOND)
            call = _set_leg(call, number, "accepted", limit)
            helps = (_with(each, open=False) if each.number == accepted.help else each for each in call.helps)
            talks = isinstance(call.situation, Talking)
            talk = call.situation if talks else Talking(accepted.target.owner, call.recording(accepted))
            call = _with(call, situation=talk, bridged=True, accepted=True, helps=tuple(helps))
            if not talks:
                quiet = now + int(call.arrival.silence * SECOND)
                call = _with(call, quiet_ns=quiet if listens(call) and call.asking is None else None)
            return _with(call, saying=None, ring_tone=False, queued_ns=None)
        case LegEnded(leg=number, result=result):
            return _set_leg(call, number, "ended", None, result)
        case CallerDescribed():
            return _with(call, described=True)
        case HelpSought():
            return _seek(call, event)
        case HelpEnded(help=number):
            helps = (_with(each, open=False) if each.number == number else each for each in call.helps)
            return _with(call, helps=tuple(helps))
        case CallerHeld(by=by, longest=longest):
            number = call.comforts + 1
            if not isinstance(call.situation, Talking):
                return call
            hold = Hold(by, comfort.begun(number, longest, at))
            return _with(call, held=hold, comforts=number, quiet_ns=None)
        case CallerBack():
            return _with(call, held=None)
        case CallMarked(disposition=disposition, incident=incident, name=name):
            call = _with(call, marked=call.marked or bool(disposition))
            return _with(call, incident=incident, incident_name=name) if incident else call
        case CallerSpoke():
            return _with(call, spoke=True, quiet_ns=None)
        case KeyAsked(by=by):
            return _with(call, asking=Asking(by, now + int(KEY_WAIT * SECOND)), quiet_ns=None)
        case KeyGiven():
            return _with(call, asking=None)
        case CallQueued(reason=reason, media=media, longest=longest):
            number = call.comforts + 1
            waiting = Waiting(reason, media, comfort.begun(number, longest, at))
            since = now if call.queued_ns is None else call.queued_ns
            call = _with(call, situation=waiting, comforts=number, queued_ns=since)
            return _with(call, saying=None, ring_tone=False)
        case EmergencyAsked(wait=wait):
            latest = at.after(SPEAKING_LIMIT + wait)
            return _with(call, situation=Questioned(wait, True, latest))
        case PromptHeard(prompt="question"):
            if not isinstance(call.situation, Questioned):
                return call
            wait = call.situation.wait
            return _with(call, situation=Questioned(wait, False, at.after(wait)))
        case EmergencyAnswered(digit=digit):
            if not isinstance(call.situation, Questioned):
                return call
            arriving = Reaching(owner="", round=1, waves=())
            return _with(call, situation=arriving, behind=call.behind and not digit)
        case WaitAnnounced(time=time):
            return _comfort(call, lambda waited: comfort.told_again(waited, time, at))
        case PromptHeard(prompt="waiting" | "held"):
            return _comfort(call, lambda waited: comfort.heard(waited, at))
        case CallAdmitted():
            if not isinstance(call.situation, Waiting):
                return call
            return _with(call, situation=Reaching(owner="", round=1, waves=()))
        case CallerAnswered():
            saying: Saying | None = "greeting" if greets(call) else None
            return _with(call, caller_answered=True, saying=saying, saying_ns=at.after(GREETING_LIMIT))
        case MenuOffered(attempt=attempt, keys=keys, wait=wait):
            latest = now + int((SPEAKING_LIMIT + wait) * SECOND)
            menu = InMenu(attempt, keys, wait, latest)
            return _with(call, situation=menu, saying=None, ring_tone=False)
        case PromptHeard(prompt="menu"):
            if isinstance(call.situation, InMenu):
                heard = msgspec.structs.replace(
                    call.situation, due_ns=now + int(call.situation.wait * SECOND)
                )
                return _with(call, situation=heard)
            return call
        case PromptHeard(prompt="greeting" | "next"):
            tone = isinstance(call.situation, Reaching)
            return _with(call, saying=None, ring_tone=tone)
        case MenuChosen(incident=incident, name=name):
            return _with(call, incident=incident, incident_name=name)
        case AnnouncementStarted(media=media):
            limit = now + int(ANNOUNCEMENT_LIMIT * SECOND)
            return _with(call, situation=Announcing(limit, media), saying=None, ring_tone=False)
        case CallerLeft():
            situation = call.situation
            if isinstance(situation, InFallback):
                situation = InFallback(due_ns=now + int(FALLBACK_RECORD_WAIT * SECOND))
            return _with(call, caller_left=True, situation=situation)
        case HandedToFallback():
            helps = (_with(each, open=False) for each in call.helps)  # the dialplan seeks nobody else
            return _with(call, situation=InFallback(due_ns=None), bridged=False, helps=tuple(helps))
        case CallEnded(outcome=outcome):
            return _with(call, situation=Ended(outcome))
        case CallResumed():
            return _with_fresh_deadlines(call, now)
        case (
            CallArrived()
            | PromptHeard()
            | CallTransferred()
            | CommandRefused()
            | RecordingStarted()
            | RecordingFinished()
            | RecordingFailed()
        ):
            return call
        case CallBackPlaced() | CallBackEnded() | ListenStarted() | ListenEnded():
            return call
        case _ as never:
            assert_never(never)


_with = msgspec.structs.replace


def _comfort(call: Call, changed: Callable[[Comfort], Comfort]) -> Call:
    """The call, where it waits or is held, with what it hears changed."""
    if isinstance(call.situation, Waiting):
        waiting = _with(call.situation, comfort=changed(call.situation.comfort))
        return _with(call, situation=waiting)
    if call.held:
        return _with(call, held=_with(call.held, comfort=changed(call.held.comfort)))
    return call


def _with_fresh_deadlines(call: Call, now: int) -> Call:
    """What is asked of Asterisk once more has its whole time once more: a line of which nobody knows whether it
    was ever rung, and the announcement."""
    legs = tuple(
        _with(leg, due_ns=now + int(leg.target.ring_for * SECOND)) if leg.status == "offered" else leg
        for leg in call.legs
    )
    situation = call.situation
    if isinstance(situation, Announcing):
        situation = _with(situation, due_ns=now + int(ANNOUNCEMENT_LIMIT * SECOND))
    # What was to be heard of the caller meanwhile, nobody heard: it is not asked why it is silent.
    return _with(call, legs=legs, situation=situation, quiet_ns=None)


def _seek(call: Call, event: HelpSought) -> Call:
    """The call with one more help, or with a help that turns to the next owner."""
    known = call.help(event.help)
    if known is None and event.help != len(call.helps) + 1:
        return call
    route = (*(known.route if known else ()), event.owner)
    help_ = Help(event.help, event.owner, event.by, event.consult, event.waves, route)
    return _with(call, helps=(*call.helps[: event.help - 1], help_, *call.helps[event.help :]))


S = TypeVar("S", bound=Situation | Help)


def _rung(situation: S, target: Target) -> S:
    """What has waves, once `target`, of the first wave that names it, is being rung."""
    if not isinstance(situation, Reaching | Help):
        return situation
    waves = list(situation.waves)
    for index, wave in enumerate(waves):
        if target in wave:
            rest = tuple(other for other in wave if other != target)
            waves[index : index + 1] = [rest] if rest else []
            break
    return _with(situation, waves=tuple(waves))


def _set_leg(
    call: Call,
    number: int,
    status: Literal["ringing", "answered", "accepted", "ended"],
    due_ns: int | None = -1,
    result: LegResult | None = None,
) -> Call:
    """The call with one live leg in a new status; `due_ns` -1 leaves its deadline."""
    leg = call.leg(number)
    if leg is None or not leg.live:
        return call
    deadline = leg.due_ns if due_ns == -1 else due_ns
    changed = _with(leg, status=status, due_ns=deadline, result=result)
    return _with(call, legs=tuple(changed if other.number == number else other for other in call.legs))
