"""What can happen to a call: the vocabulary of the journal, the records and the live state.

An event is a fact, already decided; folding a call's events gives its state (:mod:`pbx112.model.state`) and
its record (:mod:`pbx112.cdr.record`). Events are only ever added to: a field that old journals lack has a default.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec


class Instant(msgspec.Struct, frozen=True):
    """A moment: `utc_us` is UTC wall-clock time in microseconds since the epoch (for people and records),
    `mono_ns` the system's monotonic clock in nanoseconds (for durations; comparable within one boot)."""

    utc_us: int
    mono_ns: int

    def after(self, seconds: float) -> int:
        """The monotonic nanosecond `seconds` later."""
        return self.mono_ns + int(seconds * 1_000_000_000)

    def before(self, seconds: float) -> Instant:
        """The moment `seconds` earlier."""
        return Instant(self.utc_us - int(seconds * 1_000_000), self.mono_ns - int(seconds * 1_000_000_000))


class Outcome(enum.StrEnum):
    """How a call ended, exactly one for each; `docs/records.md` defines each in a sentence."""

    ANSWERED = "answered"
    ABANDONED_RINGING = "abandoned_ringing"
    ABANDONED_MENU = "abandoned_menu"
    ABANDONED_WAITING = "abandoned_waiting"
    UNANSWERED = "unanswered"
    FALLBACK_ANSWERED = "fallback_answered"
    FALLBACK_UNANSWERED = "fallback_unanswered"
    SYSTEM_FAILURE = "system_failure"


class LegResult(enum.StrEnum):
    """What became of one attempt to reach a line, exactly one for each; defined in `docs/records.md`."""

    ACCEPTED = "accepted"
    ANSWERED_NOT_ACCEPTED = "answered_not_accepted"
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    CALLER_GONE = "caller_gone"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class TestResult(enum.StrEnum):
    """What a test of a line came to, exactly one for each (`docs/records.md`). Where a call to the line would have
    ended the same way, it is the word of :class:`LegResult`."""

    __test__ = False  # pytest: it is none of yours

    VERIFIED = "verified"
    NO_SOUND = "no_sound"
    ANSWERED_NOT_ACCEPTED = "answered_not_accepted"
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"
    INTERRUPTED = "interrupted"
    NOT_TRIED = "not_tried"
    FAILED = "failed"


class Disposition(enum.StrEnum):
    """What a call turned out to be, as those who took it say; defined in `docs/records.md`."""

    NORMAL = "normal"
    GHOST = "ghost"
    PRANK = "prank"
    INFORMASI = "informasi"
    UJI_COBA = "uji_coba"
    SALAH_WILAYAH = "salah_wilayah"


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line as it was when it was chosen: all that is needed to ring it, whatever the plan says later.

    `owner` is the agency's key or `call_takers`. Durations in seconds.
    """

    owner: str
    number: str
    kind: Literal["extension", "mobile"]
    dial: str
    name: str
    ring_for: float
    accept: Literal["pickup", "press_1"]
    accept_for: float
    trunk: str | None = None
    caller_id: str | None = None
    max_talk: float | None = None
    owner_name: str = ""
    """The agency's name, for the phone's display."""
    neighbour: bool = False
    """It is the 112 of a neighbouring kabupaten: whoever takes the call there takes it across the border."""


class _Event(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """Base of all events; the class name is the event's kind in the journal and in Postgres."""


LATEST = 600.0
"""Seconds: nobody waits longer in Asterisk for a daemon; what its clock says beyond is a clock that was set."""


class CallArrived(_Event, frozen=True, tag=True):
    """A citizen's call entered. `channel` is Asterisk's id of the caller's channel.

    `caller_raw` is what the trunk sent (control characters removed, at most 80 characters), `caller` the
    same in E.164 where it is such a number; `callable` whether it may be called back. `via` tells a call
    handled by the daemon from one handled by the dialplan alone; `source` is the trunk's endpoint.
    """

    channel: str
    caller_raw: str
    caller: str | None
    callable: bool
    dialled: str
    source: str = ""
    via: Literal["daemon", "fallback"] = "daemon"
    record: bool = False
    answer: Literal["on_pickup", "on_arrival"] = "on_pickup"
    nuisance: int = 0
    """So many calls of this number were marked as prank within the plan's time, more than are borne; 0: it is none."""
    noted: bool = False
    """The intake dialplan noted what the trunk says of the caller; :class:`CallerDescribed` tells it."""
    silence: float = 0.0
    """Seconds of a talk in which nothing is heard of the caller, after which it is asked to press a key; 0: never."""
    late: float = 0.0
    """Seconds, at most :data:`LATEST`, that the caller had been in Asterisk before a daemon heard of it; 0: none did it
    have to wait for."""

    def came(self, heard: Instant) -> Instant:
        """When the caller came, where `heard` is the moment of this event."""
        return heard.before(min(max(self.late, 0.0), LATEST))


class CallerDescribed(_Event, frozen=True, tag=True):
    """What the trunk says of the caller and the caller's place: its word, not ours.

    SIP headers as sent, the first of each name: `identity` (P-Asserted-Identity, RFC 3325), `access_network`
    (P-Access-Network-Info, RFC 7315: the radio cell), `diversion` (RFC 5806), `history` (History-Info, RFC 7044),
    `geolocation` (RFC 6442). `place` is the location document (PIDF-LO, RFC 5491) as Asterisk read it; `latitude` and
    `longitude` (WGS 84, degrees) and `radius` (metres) are its point or circle. All texts printable and bounded.
    """

    identity: str = ""
    access_network: str = ""
    diversion: str = ""
    history: str = ""
    geolocation: str = ""
    place: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius: float | None = None


class EmergencyAsked(_Event, frozen=True, tag=True):
    """The caller, from whose number pranks came, is asked by `media` to press 1 in an emergency, within `wait` seconds
    after it was spoken."""

    media: tuple[str, ...]
    wait: float


class EmergencyAnswered(_Event, frozen=True, tag=True):
    """The caller's answer to :class:`EmergencyAsked`: `1`, and it goes on like any other; or nothing, and it goes on
    behind the others."""

    digit: str


class CallQueued(_Event, frozen=True, tag=True):
    """The caller has to wait. `reason` says for what: `overload`, that fewer calls are served at once; `takers`, that a
    call taker is free. The caller hears `media` at once and every 20 s, music between, and goes on after `longest`
    seconds in any case."""

    reason: str
    media: tuple[str, ...]
    longest: float


class WaitAnnounced(_Event, frozen=True, tag=True):
    """Who waits, or is held, is told so again, for the `time`-th time."""

    time: int


class CallAdmitted(_Event, frozen=True, tag=True):
    """The wait is over: there is `room`, or the call has waited for the `longest` time, or somebody who had been called
    in before has come (`joined`)."""

    why: Literal["room", "longest", "joined"]


class CallerAnswered(_Event, frozen=True, tag=True):
    """The caller's channel is answered by us; from here the caller's network counts the call as connected."""


class StageEntered(_Event, frozen=True, tag=True):
    """The call turns to `owner` (`call_takers` or an agency) and will ring `waves` one after the other; the
    lines of one wave ring together. `why` says what led here: `first`, `menu:<incident>`, `menu_default`,
    `then`, `default`, `again` (second round), `lost` (a talk broke), `returned` (a call taker put the receiver down
    while nobody else was there, or nobody took a transferred call), `transferred` (by a phone's own transfer key),
    `turn` (back from waiting for a call taker)."""

    owner: str
    why: str
    round: int
    waves: tuple[tuple[Target, ...], ...]


class LegOffered(_Event, frozen=True, tag=True):
    """A line is being rung. `leg` counts from 1 within the call; `channel` is the id we gave its channel.
    `placed` is False where Asterisk was not even asked (a limit of the trunk is reached). `help` is the number of
    the help (:class:`HelpSought`) for which it rings, 0 where a human is sought for the caller."""

    leg: int
    channel: str
    target: Target
    placed: bool = True
    help: int = 0
    brought: int = 0
    """The leg whose human brought this line in by an attended transfer: it is there already, and is not rung."""


class LegRinging(_Event, frozen=True, tag=True):
    """The line's phone says that it rings."""

    leg: int


class LegAnswered(_Event, frozen=True, tag=True):
    """Something picked up: a human, or a mobile's voicemail."""

    leg: int


class LegAccepted(_Event, frozen=True, tag=True):
    """A human accepted the call on this leg (by picking up, or by pressing 1) and is joined to the caller."""

    leg: int


class LegEnded(_Event, frozen=True, tag=True):
    """The attempt is over. `cause` is the Q.850 cause where Asterisk gave one, `sip` the SIP status likewise;
    `detail` is a short word on the why where these do not say it (`trunk_full`, `trunk_hour_full`, `lost`,
    `max_talk`, `transferred`)."""

    leg: int
    result: LegResult
    cause: int | None = None
    sip: int | None = None
    detail: str = ""


class HelpSought(_Event, frozen=True, tag=True):
    """Leg `by` calls `owner` in; its `waves` ring while the talk goes on. `help` counts from 1 within the call. `why`
    is `asked`, `incident:<key>`, `transferred`, or `then` where the same help turns to the next agency. With `consult`
    the caller hears music from the moment in which somebody comes, until leg `by` brings them together."""

    help: int
    owner: str
    by: int
    why: str
    waves: tuple[tuple[Target, ...], ...]
    consult: bool = False


class HelpEnded(_Event, frozen=True, tag=True):
    """Nobody is called any more for this help: `unreached` (every line has failed), or `dropped` by the operator, or
    since the agency got the caller by another way."""

    help: int
    result: Literal["unreached", "dropped"]


class CallerHeld(_Event, frozen=True, tag=True):
    """The caller hears music while leg `by` speaks with the others alone, and a word every 20 s, for at most `longest`
    seconds."""

    by: int
    longest: float = 120.0


class CallerBack(_Event, frozen=True, tag=True):
    """The caller is with the others again: leg `by` brought them together, or (`why` is `longest`) has held the caller
    for as long as may be; 0: only one of them was left."""

    by: int = 0
    why: Literal["", "longest"] = ""


class CallTransferred(_Event, frozen=True, tag=True):
    """The human of leg `by` pressed the phone's own transfer key (SIP REFER) and is gone. `to` was dialled; of the plan
    that is `owner`, or its line with the number `line`; nobody (empty) is refused. `attended`: they had spoken before;
    else it rings from here on. `channel` is what Asterisk put into the place of the phone: the target's where attended,
    else of no use."""

    by: int
    to: str
    owner: str
    line: str = ""
    attended: bool = False
    channel: str = ""


class CallMarked(_Event, frozen=True, tag=True):
    """The line `by` (its number) says what the call is: a `disposition`, an `incident` (called `name`), or both. A
    later mark is added, and nothing is overwritten."""

    by: str
    disposition: str = ""
    incident: str = ""
    name: str = ""


class CallerSpoke(_Event, frozen=True, tag=True):
    """A sound came from the caller, for the first time (told where :class:`CallArrived` has `silence`)."""


class KeyAsked(_Event, frozen=True, tag=True):
    """Leg `by` has the caller, who does not or cannot speak, asked to press a key; 0: asked since nothing was heard."""

    by: int


class KeyGiven(_Event, frozen=True, tag=True):
    """The caller's answer to :class:`KeyAsked`: the key; empty where none was pressed in time."""

    digit: str


class CommandRefused(_Event, frozen=True, tag=True):
    """Leg `by` pressed `keys`, and nothing came of it. `why`: `unknown` (no such code), `here` (that agency is on the
    call or being called), `nobody` (there is nobody whom it could concern), `full` (no more parties)."""

    by: int
    keys: str
    why: Literal["unknown", "here", "nobody", "full"]


class MenuOffered(_Event, frozen=True, tag=True):
    """The menu of incidents is spoken to the caller for the `attempt`-th time; `media` is what is played,
    `keys` the agencies by digit, `wait` the seconds to choose in after it was spoken."""

    attempt: int
    media: tuple[str, ...]
    keys: dict[str, str]
    wait: float


class PromptHeard(_Event, frozen=True, tag=True):
    """A prompt to the caller has been spoken to its end, or could not be `played`."""

    prompt: Literal["greeting", "waiting", "menu", "announcement", "held", "next", "question"]
    played: bool


class MenuChosen(_Event, frozen=True, tag=True):
    """The caller pressed `digit` and thereby chose `incident`, called `name`; all empty where the default was taken."""

    digit: str
    incident: str
    name: str = ""


class RecordingStarted(_Event, frozen=True, tag=True):
    """Asterisk records the bridge under `name`."""

    name: str


class RecordingFinished(_Event, frozen=True, tag=True):
    """The recording `name` is complete; `seconds` is its length as Asterisk says."""

    name: str
    seconds: float | None = None


class RecordingFailed(_Event, frozen=True, tag=True):
    """The talk goes on without a recording."""

    name: str
    reason: str


class AnnouncementStarted(_Event, frozen=True, tag=True):
    """Every possibility has been tried; the caller is told so."""

    media: tuple[str, ...]


class CallerLeft(_Event, frozen=True, tag=True):
    """The caller's channel is gone."""

    cause: int | None = None


class CallResumed(_Event, frozen=True, tag=True):
    """A restarted or reconnected daemon took the call up again."""


class HandedToFallback(_Event, frozen=True, tag=True):
    """The daemon gave the caller to the fallback dialplan, or found it there; `reason` says why."""

    reason: str


class CallEnded(_Event, frozen=True, tag=True):
    """The last event of a call. `by` is who ended it: `caller`, `staff` or `system`."""

    outcome: Outcome
    by: Literal["caller", "staff", "system"]


class CallBackPlaced(_Event, frozen=True, tag=True):
    """Line `by` calls the caller of this ended call back, at `number` over `trunk`."""

    by: str
    number: str
    trunk: str


class CallBackEnded(_Event, frozen=True, tag=True):
    """The calling back by line `by` is over: `result` is what Asterisk's Dial says, in lower case (`answer`, `busy`,
    `noanswer`, `cancel`, `chanunavail`, `congestion`), or `unknown`; `seconds` is how long they talked."""

    by: str
    result: str
    seconds: float = 0.0


class ListenStarted(_Event, frozen=True, tag=True):
    """The supervisor's phone `by` listens to the call taker's phone `line` (leg `leg`) on this call; with `whisper` the
    call taker hears the supervisor, and nobody else does. `channel` is Asterisk's id of the supervisor's channel."""

    by: str
    line: str
    leg: int
    whisper: bool = False
    channel: str = ""


class ListenEnded(_Event, frozen=True, tag=True):
    """The listening by `by` on `channel` is over; not `seen`: it ended while no daemon looked, at the latest now."""

    by: str
    channel: str = ""
    seen: bool = True


class DaemonStarted(_Event, frozen=True, tag=True):
    """A daemon opened this journal. `boot` names the machine's boot: monotonic times compare within it."""

    version: str
    boot: str
    node: str


class DaemonStopped(_Event, frozen=True, tag=True):
    """An orderly stop."""

    reason: str


class PlanLoaded(_Event, frozen=True, tag=True):
    """`agencies.yaml` with this hash decides from here on."""

    plan: str


class JournalGap(_Event, frozen=True, tag=True):
    """`lost` events could not be kept (`reason`); what stands before and after is whole."""

    lost: int
    reason: str


class LineStateChanged(_Event, frozen=True, tag=True):
    """Line `by` of the call takers is from here on `ready`, `paused` (until `until_us`, UTC in microseconds, at the
    latest) or `logged_out`: said by dialling a code on it."""

    by: str
    state: Literal["ready", "paused", "logged_out"]
    until_us: int | None = None


class StandbyChosen(_Event, frozen=True, tag=True):
    """Line `by` of `agency` chose which of its mobiles is tried first: `number` (empty: the plan's order again), until
    `until_us` (UTC in microseconds; None: until the next choice)."""

    by: str
    agency: str
    number: str
    until_us: int | None = None


class PinRefused(_Event, frozen=True, tag=True):
    """On line `by` a wrong PIN was given for `agency`."""

    by: str
    agency: str


class NuisanceLifted(_Event, frozen=True, tag=True):
    """On the supervisor's line `by`: the pranks that were marked of `number` (E.164) so far count no more."""

    by: str
    number: str


class LineVerified(msgspec.Struct, frozen=True):
    """When this line (`number`) of `owner` was verified last (UTC in microseconds)."""

    owner: str
    number: str
    at_us: int


class DeskStated(_Event, frozen=True, tag=True):
    """What stands of all :class:`LineStateChanged` and :class:`StandbyChosen` so far, and which lines are verified:
    said again, so that nothing is lost when old entries of the journal are pruned. `scheduled_us` is when the last
    verification by the schedule began (UTC in microseconds; 0: none yet)."""

    lines: tuple[LineStateChanged, ...] = ()
    standby: tuple[StandbyChosen, ...] = ()
    verified: tuple[LineVerified, ...] = ()
    scheduled_us: int = 0


class VerificationStarted(_Event, frozen=True, tag=True):
    """A verification, named `run`, of so many `lines` begins: by the command, or by the schedule in the plan."""

    run: str
    by: Literal["command", "schedule"]
    lines: int


class LineTestPlaced(_Event, frozen=True, tag=True):
    """The line (`number`) of `owner` is called for a test, for the `attempt`-th time in this run; a mobile over
    `trunk`."""

    run: str
    owner: str
    number: str
    attempt: int
    trunk: str = ""


class LineTestEnded(_Event, frozen=True, tag=True):
    """The test of a line is over. `name` is who stands by there, `owner_name` the agency's name, both as in the plan.

    `answered_after`: seconds from calling to picking up; `accepted_after`: from there to the key. `heard`: whoever
    picked up pressed 1 as asked, and so has heard us. `sound`: a sound came from the line while we were silent. `cause`
    and `sip` as in :class:`LegEnded`; `detail` is a short word on the why (`call`: a real call needed the line).
    `again`: it is tried once more in this run."""

    run: str
    owner: str
    number: str
    attempt: int
    result: TestResult
    name: str = ""
    owner_name: str = ""
    answered_after: float | None = None
    accepted_after: float | None = None
    heard: bool = False
    sound: bool = False
    cause: int | None = None
    sip: int | None = None
    detail: str = ""
    again: bool = False


class VerificationEnded(_Event, frozen=True, tag=True):
    """The run is over: `complete`, or broken off."""

    run: str
    complete: bool


class LineSeen(msgspec.Struct, frozen=True):
    """A line (`number`) of `owner` is from here on `ready`, `busy` (for more than a minute), `unreachable`, or
    `unknown` (nobody tells). A mobile is as its trunk is."""

    owner: str
    number: str
    state: Literal["ready", "busy", "unreachable", "unknown"]


class TrunkSeen(msgspec.Struct, frozen=True):
    """A trunk is from here on `ready`, `unreachable`, `unregistered` (its registration with the operator does not
    hold), or `unknown`."""

    trunk: str
    state: Literal["ready", "unreachable", "unregistered", "unknown"]


class LinesSeen(_Event, frozen=True, tag=True):
    """What the line watch found that is other than what was last said; with `whole`, all of it, said again every hour,
    so that a state holds for 70 minutes at most without being said anew."""

    lines: tuple[LineSeen, ...] = ()
    trunks: tuple[TrunkSeen, ...] = ()
    whole: bool = False


CallEvent = (
    CallArrived
    | CallerDescribed
    | EmergencyAsked
    | EmergencyAnswered
    | CallQueued
    | WaitAnnounced
    | CallAdmitted
    | CallerAnswered
    | StageEntered
    | LegOffered
    | LegRinging
    | LegAnswered
    | LegAccepted
    | LegEnded
    | HelpSought
    | HelpEnded
    | CallerHeld
    | CallerBack
    | CallTransferred
    | CallMarked
    | CallerSpoke
    | KeyAsked
    | KeyGiven
    | CommandRefused
    | MenuOffered
    | PromptHeard
    | MenuChosen
    | RecordingStarted
    | RecordingFinished
    | RecordingFailed
    | AnnouncementStarted
    | CallerLeft
    | CallResumed
    | HandedToFallback
    | CallEnded
    | CallBackPlaced
    | CallBackEnded
    | ListenStarted
    | ListenEnded
)
"""What stands under a call's id."""

TOLD_AFTER_THE_END = (
    CallMarked,
    RecordingFinished,
    RecordingFailed,
    CallBackPlaced,
    CallBackEnded,
    ListenEnded,
)
"""Of these what may be told of a call that has ended: also, by a mark, when all else of it has left the journal."""

DeskEvent = LineStateChanged | StandbyChosen | PinRefused | NuisanceLifted | DeskStated
"""What is done by dialling a code, outside any call."""

TestEvent = VerificationStarted | LineTestPlaced | LineTestEnded | VerificationEnded
"""What is told of tests of lines (`pbx112 verify`)."""

ServiceEvent = DaemonStarted | DaemonStopped | PlanLoaded | JournalGap | LinesSeen | DeskEvent | TestEvent
"""What stands under no call."""

Event = CallEvent | ServiceEvent

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The event as JSON, always the same bytes for the same event (the journal's hash covers them)."""
    return _encoder.encode(event)


def decode(body: bytes | str) -> Event:
    """The event that `body` holds. Raises :class:`msgspec.ValidationError` where it holds none."""
    return _decoder.decode(body)
