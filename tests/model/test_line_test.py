"""A test of a line, told by hand: what it comes to, and what is said and done on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.model import line_test as lt
from pbx112.model.events import TestResult
from pbx112.model.line_test import HangUp, Listen, Over, Say, Situation, Stimulus, Thanks, Verdict
from pbx112.model.stimuli import TimePassed

S = lt.SECOND


class Told:
    """A test, one stimulus after the other; moments in seconds since the line was called."""

    def __init__(self) -> None:
        self.situation: Situation = lt.begin(0, ring_for=20, accept_for=12)
        self.acts: tuple[lt.Act, ...] = ()

    def hear(self, after: float, stimulus: Stimulus) -> Told:
        self.situation, self.acts = lt.step(self.situation, stimulus, int(after * S))
        return self

    def wait(self) -> Told:
        """Until the situation has lasted too long."""
        assert not isinstance(self.situation, Over)
        self.situation, self.acts = lt.step(self.situation, TimePassed(), self.situation.due)
        return self

    def did(self) -> tuple[lt.Act, ...]:
        """What was done last."""
        return self.acts

    @property
    def verdict(self) -> Verdict:
        assert isinstance(self.situation, Over | Thanks)
        return self.situation.verdict


def listening() -> Told:
    """Picked up after 3 s, 1 pressed after 5 more; we have asked for a name and fallen silent."""
    told = Told().hear(3, lt.PickedUp())
    assert told.did() == (Say("test_ask", 2),)
    told.hear(8, lt.Pressed("1"))
    assert told.did() == (Say("test_speak"),)
    told.hear(11, lt.Spoken("test_speak")).wait()
    assert told.did() == (Listen(),)
    return told


def test_who_presses_1_and_speaks_is_verified() -> None:
    told = listening().hear(12, lt.SoundBegan()).hear(12.4, lt.SoundEnded(400))
    assert told.did() == (Say("test_done"),)
    assert told.verdict == Verdict(TestResult.VERIFIED, 3.0, 5.0, heard=True, sound=True)
    assert told.hear(15, lt.Spoken("test_done")).did() == (HangUp(),)
    assert isinstance(told.situation, Over)


def test_a_sound_that_does_not_end_is_one() -> None:
    assert listening().hear(12, lt.SoundBegan()).wait().verdict.result is TestResult.VERIFIED


def test_a_click_is_no_sound_and_it_is_listened_on() -> None:
    told = listening()
    due = told.situation.due if isinstance(told.situation, lt.Listens) else 0
    told.hear(11.6, lt.SoundBegan()).hear(11.9, lt.SoundEnded(20))
    assert told.situation == lt.Listens(Verdict(TestResult.NO_SOUND, 3.0, 5.0, heard=True), due)
    told.wait()
    assert told.did() == (Say("test_unheard"),)
    assert (told.verdict.result, told.verdict.heard, told.verdict.sound) == (TestResult.NO_SOUND, True, False)


def test_what_is_heard_while_we_speak_may_be_our_echo() -> None:
    told = Told().hear(3, lt.PickedUp()).hear(4, lt.SoundBegan()).hear(8, lt.Pressed("1"))
    told.hear(9, lt.SoundBegan()).hear(10, lt.SoundEnded(900)).hear(11, lt.Spoken("test_speak")).wait()
    assert told.wait().verdict.result is TestResult.NO_SOUND


@pytest.mark.parametrize(
    ("stimulus", "result"),
    [
        (lt.Gone(17, 486), TestResult.BUSY),
        (lt.Gone(21, 603), TestResult.DECLINED),
        (lt.Gone(19, 480), TestResult.NO_ANSWER),
        (lt.Gone(1, 404), TestResult.MISCONFIGURED),
        (lt.Gone(26, None), TestResult.FAILED),
        (lt.Gone(None, None), TestResult.FAILED),
        (lt.Refused(unavailable=True, detail="unreachable"), TestResult.UNAVAILABLE),
        (lt.Refused(unavailable=False, detail="x"), TestResult.FAILED),
        (lt.Needed(), TestResult.INTERRUPTED),
        (lt.Withdrawn("stopped"), TestResult.INTERRUPTED),
    ],
)
def test_what_ends_the_ringing(stimulus: Stimulus, result: TestResult) -> None:
    assert Told().hear(2, stimulus).verdict.result is result


def test_nobody_picks_up_and_nobody_presses() -> None:
    assert Told().wait().verdict.result is TestResult.NO_ANSWER
    told = Told().hear(3, lt.PickedUp()).hear(5, lt.Pressed("2")).wait()
    assert told.did() == (HangUp(),)
    assert (told.verdict.result, told.verdict.answered_after) == (TestResult.ANSWERED_NOT_ACCEPTED, 3.0)


def test_a_real_call_ends_it_at_once_whatever_it_does_and_leaves_what_was_found() -> None:
    told = listening().hear(12, lt.Needed())
    assert told.did() == (HangUp(),)
    assert (told.verdict.result, told.verdict.heard, told.verdict.detail) == (
        TestResult.INTERRUPTED,
        True,
        "call",
    )
    done = listening().hear(12, lt.SoundBegan()).wait().hear(13, lt.Needed())
    assert (done.did(), done.verdict.result) == ((HangUp(),), TestResult.VERIFIED)


STIMULI: st.SearchStrategy[Stimulus] = st.one_of(
    st.builds(lt.PickedUp),
    st.builds(lt.Pressed, st.sampled_from("12#")),
    st.builds(lt.Spoken, st.sampled_from(["test_ask", "test_speak", "test_done", "test_unheard"])),
    st.builds(lt.SoundBegan),
    st.builds(lt.SoundEnded, st.integers(0, 5000)),
    st.builds(lt.Gone, st.sampled_from([None, 16, 17, 127]), st.sampled_from([None, 200, 486])),
    st.builds(lt.Refused, st.booleans(), st.just("x")),
    st.builds(lt.Needed),
    st.builds(lt.Withdrawn, st.just("stopped")),
    st.builds(TimePassed),
)


@given(st.lists(st.tuples(st.floats(0, 30), STIMULI), max_size=25))
def test_every_test_ends_in_time_and_verified_needs_both_ways(story: list[tuple[float, Stimulus]]) -> None:
    told, clock = Told(), 0.0
    for after, stimulus in story:
        if isinstance(told.situation, Over):
            break
        clock = min(clock + after, told.situation.due / S)
        told.hear(clock, stimulus)
    while not isinstance(told.situation, Over):
        clock = told.situation.due / S
        told.wait()
    assert clock <= lt.longest(20, 12) + 0.01
    verdict = told.verdict
    assert (verdict.result is TestResult.VERIFIED) == (verdict.heard and verdict.sound)
    before = told.situation
    assert lt.step(before, lt.PickedUp(), 10**12) == (before, ())
