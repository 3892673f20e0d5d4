"""A test call to one line, as a pure machine: what happens next is a function of (situation, stimulus, moment).

Whoever picks up hears that this is a test and is asked to press 1: who presses it has heard us. Then it is asked to say
its name, and we are silent: a sound that comes now came from the line, and is no echo of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .events import TestResult
from .results import result_of
from .stimuli import TimePassed

KEY = "1"
"""As for a real call on a mobile."""

ASK_LONGER = 10.0
"""Seconds by which a test's request is longer than a real call's: who may take so long to accept one has this more."""

SPEAK_FOR = 12.0
"""Seconds that the request to speak may take at most."""

SETTLE = 0.5
"""Seconds of silence between our last word and the listening, in which an echo of it dies away."""

LISTEN_FOR = 6.0
"""Seconds for which it is listened."""

SILENCE_MS, LOUD = 300, 256
"""Of Asterisk's TALK_DETECT: after so many milliseconds without sound a sound has ended; so loud on average (of 32767)
is one (Asterisk's own default)."""

SOUND_MS = 150
"""A sound that lasted for less is none: a click, or (a version of Asterisk may tell so) the first frame of silence."""

SURE_AFTER = 0.6
"""Seconds after which what has begun, and has not ended, is a sound: silence would have ended by then."""

THANK_FOR = 8.0
"""Seconds that our last word may take at most."""

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the test came to; seconds as in :class:`pbx112.model.events.LineTestEnded`."""

    result: TestResult
    answered_after: float | None = None
    accepted_after: float | None = None
    heard: bool = False
    sound: bool = False
    cause: int | None = None
    sip: int | None = None
    detail: str = ""


# --- situations; all moments are monotonic nanoseconds, `due` is when the situation has lasted too long


@dataclass(frozen=True, slots=True)
class Rings:
    """The line is called; waits for somebody to pick up."""

    began: int
    due: int
    accept_for: float


@dataclass(frozen=True, slots=True)
class Asks:
    """Somebody, or something, has picked up and hears what this is; waits for the key."""

    so_far: Verdict
    answered: int
    due: int


@dataclass(frozen=True, slots=True)
class Invites:
    """The key has come; asks to say something."""

    so_far: Verdict
    due: int


@dataclass(frozen=True, slots=True)
class Settles:
    """We have fallen silent."""

    so_far: Verdict
    due: int


@dataclass(frozen=True, slots=True)
class Listens:
    """Waits for a sound."""

    so_far: Verdict
    due: int


@dataclass(frozen=True, slots=True)
class Hears:
    """Asterisk says that there is one; waits whether it lasts. Else the listening goes on until `until`."""

    so_far: Verdict
    until: int
    due: int


@dataclass(frozen=True, slots=True)
class Thanks:
    """It is known what the test came to, and it is said."""

    verdict: Verdict
    due: int


@dataclass(frozen=True, slots=True)
class Over:
    """The line is free again."""

    verdict: Verdict


Situation = Rings | Asks | Invites | Settles | Listens | Hears | Thanks | Over

# --- stimuli


@dataclass(frozen=True, slots=True)
class PickedUp:
    """Something answered."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key came from the line."""

    digit: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """This word of ours has been spoken, or could not be."""

    word: str


@dataclass(frozen=True, slots=True)
class SoundBegan:
    """A sound begins to come from the line, for Asterisk; whether it is one shows by its lasting."""


@dataclass(frozen=True, slots=True)
class SoundEnded:
    """It was a sound for so many milliseconds."""

    lasted: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The channel ended."""

    cause: int | None = None
    sip: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Asterisk did not take the request to call."""

    unavailable: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Needed:
    """A real call is about to ring this line, or needs its trunk."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nobody wants to know any more."""

    detail: str


Stimulus = (
    PickedUp | Pressed | Spoken | SoundBegan | SoundEnded | Gone | Refused | Needed | Withdrawn | TimePassed
)

# --- acts


@dataclass(frozen=True, slots=True)
class Say:
    """Speak this prompt so many times, in the place of what is being spoken."""

    word: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Listen:
    """Begin to listen for a sound."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


Act = Say | Listen | HangUp
Step = tuple[Situation, tuple[Act, ...]]


def begin(now: int, ring_for: float, accept_for: float) -> Rings:
    """A line is called now, which rings for so long, and may take so long to accept a call (seconds)."""
    return Rings(now, _after(now, ring_for), accept_for)


def longest(ring_for: float, accept_for: float) -> float:
    """Seconds after which no test goes on, whatever happens."""
    return ring_for + accept_for + ASK_LONGER + SPEAK_FOR + SETTLE + LISTEN_FOR + SURE_AFTER + THANK_FOR


def worth_another(result: TestResult) -> bool:
    """Whether the next try may come to something else."""
    return result not in (TestResult.VERIFIED, TestResult.MISCONFIGURED, TestResult.NOT_TRIED)


def step(test: Situation, stimulus: Stimulus, now: int) -> Step:
    """What becomes of the test, and what is to be done. What does not concern it changes nothing."""
    match test, stimulus:
        case Over(), _:
            return test, ()
        case Thanks(verdict=verdict), Spoken(word="test_done" | "test_unheard") | Needed() | Withdrawn():
            return Over(verdict), (HangUp(),)
        case Thanks(verdict=verdict), Gone():
            return Over(verdict), ()
        case _, Needed():
            return _end(test, now, TestResult.INTERRUPTED, detail="call")
        case _, Withdrawn(detail=detail):
            return _end(test, now, TestResult.INTERRUPTED, detail=detail)
        case _, Gone(cause=cause, sip=sip):
            over, _ = _end(test, now, _gone(test, cause, sip), cause=cause, sip=sip)
            return over, ()
        case Rings(), Refused(unavailable=unavailable, detail=detail):
            return _end(
                test, now, TestResult.UNAVAILABLE if unavailable else TestResult.FAILED, detail=detail
            )
        case Rings(began=began, accept_for=accept_for), PickedUp():
            so_far = Verdict(TestResult.ANSWERED_NOT_ACCEPTED, answered_after=_seconds(began, now))
            return Asks(so_far, now, _after(now, accept_for + ASK_LONGER)), (Say("test_ask", 2),)
        case Asks(so_far=so_far, answered=answered), Pressed(digit=digit) if digit == KEY:
            heard = replace(
                so_far, result=TestResult.NO_SOUND, accepted_after=_seconds(answered, now), heard=True
            )
            return Invites(heard, _after(now, SPEAK_FOR)), (Say("test_speak"),)
        case Invites(so_far=so_far), Spoken(word="test_speak"):
            return Settles(so_far, _after(now, SETTLE)), ()
        case Listens(so_far=so_far, due=due), SoundBegan():
            return Hears(so_far, until=due, due=_after(now, SURE_AFTER)), ()
        case Hears(so_far=so_far, until=until), SoundEnded(lasted=lasted):
            if lasted >= SOUND_MS:
                return _verified(so_far, now)
            return Listens(so_far, until), ()
        case _, TimePassed() if now >= test.due:
            return _late(test, now)
        case _:
            return test, ()


def _verified(so_far: Verdict, now: int) -> Step:
    return _thank(replace(so_far, result=TestResult.VERIFIED, sound=True), "test_done", now)


def _late(test: Rings | Asks | Invites | Settles | Listens | Hears | Thanks, now: int) -> Step:
    match test:
        case Rings():
            return _end(test, now, TestResult.NO_ANSWER)
        case Asks():
            return _end(test, now, TestResult.ANSWERED_NOT_ACCEPTED)
        case Invites(so_far=so_far):  # nobody told us that it was spoken
            return Settles(so_far, _after(now, SETTLE)), ()
        case Settles(so_far=so_far):
            return Listens(so_far, _after(now, LISTEN_FOR)), (Listen(),)
        case Listens(so_far=so_far):
            return _thank(so_far, "test_unheard", now)
        case Hears(so_far=so_far):
            return _verified(so_far, now)
        case Thanks(verdict=verdict):
            return Over(verdict), (HangUp(),)


def _thank(verdict: Verdict, word: str, now: int) -> Step:
    return Thanks(verdict, _after(now, THANK_FOR)), (Say(word),)


def _end(
    test: Situation,
    now: int,
    result: TestResult,
    *,
    cause: int | None = None,
    sip: int | None = None,
    detail: str = "",
) -> Step:
    so_far = (
        test.so_far
        if isinstance(test, Asks | Invites | Settles | Listens | Hears)
        else Verdict(TestResult.FAILED)
    )
    return Over(replace(so_far, result=result, cause=cause, sip=sip, detail=detail)), (HangUp(),)


def _gone(test: Situation, cause: int | None, sip: int | None) -> TestResult:
    match test:
        case Rings():
            result = result_of(cause, sip).value
            return TestResult(result) if result in set(TestResult) else TestResult.FAILED
        case Asks():
            return TestResult.ANSWERED_NOT_ACCEPTED
        case _:
            return TestResult.NO_SOUND


def _after(now: int, seconds: float) -> int:
    return now + int(seconds * SECOND)


def _seconds(since: int, now: int) -> float:
    return round((now - since) / SECOND, 2)
