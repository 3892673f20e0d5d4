"""A caller of whom nothing is heard: asked once, by itself, to press a key."""

from __future__ import annotations

from pbx112.model import asks, react, stimuli
from pbx112.model.events import CallerSpoke, KeyAsked, KeyGiven
from pbx112.model.legs import NORMAL_CLEARING

from .desk import Desk, agency, extension, mobile, plan

DAMKAR = agency("damkar", extension("2101"), mobile("+6281200000001"))


def a_talk(silence: float = 6.0) -> Desk:
    desk = Desk(plan(DAMKAR, silence=silence))
    desk.arrives()
    desk.picks_up("2101")
    return desk


def asked(desk: Desk) -> list[KeyAsked]:
    return [event for _, event in desk.history if isinstance(event, KeyAsked)]


def words(desk: Desk) -> list[tuple[str, str]]:
    said = [request for request in desk.requests if isinstance(request, asks.Word)]
    return [(word.channel, word.media[0].removeprefix("sound:pbx112/")) for word in said]


def test_nothing_is_heard_and_the_caller_is_asked_and_presses_5() -> None:
    desk = a_talk()
    desk.waits(5.9)
    assert not asked(desk)
    desk.waits(0.2)
    assert asked(desk) == [KeyAsked(0)]
    desk.caller_presses("5")
    assert KeyGiven("5") in [event for _, event in desk.history]
    officer = "c1-leg1"
    assert asks.Play("c1", "c1-press5", react.PRESS_5, None) in desk.requests
    assert words(desk) == [(officer, "word_silence"), (officer, "word_caller_pressed")]


def test_who_speaks_is_not_asked() -> None:
    desk = a_talk()
    desk.waits(3)
    assert desk.hears(stimuli.CallerHeard()) == [CallerSpoke()]
    assert desk.hears(stimuli.CallerHeard()) == [], "once is enough"
    desk.waits(60)
    assert not asked(desk)


def test_asked_once_and_what_is_heard_later_is_noted_all_the_same() -> None:
    desk = a_talk()
    desk.waits(120)
    assert asked(desk) == [KeyAsked(0)]
    assert desk.hears(stimuli.CallerHeard()) == [CallerSpoke()]


def test_a_plan_may_leave_it_out() -> None:
    desk = a_talk(silence=0.0)
    desk.waits(60)
    assert not asked(desk)
    assert desk.hears(stimuli.CallerHeard()) == []


def test_a_caller_on_hold_is_not_asked() -> None:
    on = plan(DAMKAR, agency("bpbd", extension("2201")), silence=6.0)
    desk = Desk(on)
    desk.arrives()
    desk.picks_up("2101")
    desk.hears(stimuli.CodeDialled("**" + on.agencies["bpbd"].code, 1))
    desk.picks_up("2201")
    desk.hears(stimuli.Briefed(desk.leg("2201")))
    desk.waits(60)
    assert not asked(desk)


def test_a_talk_that_broke_is_listened_to_anew() -> None:
    desk = a_talk()
    desk.waits(4)
    desk.refuses("2101", cause=NORMAL_CLEARING + 28)
    desk.waits(4)
    desk.picks_up("2101")
    desk.waits(5)
    assert not asked(desk)
    desk.waits(2)
    assert asked(desk) == [KeyAsked(0)]


def test_a_restarted_daemon_asks_nobody_whom_it_may_have_missed() -> None:
    desk = a_talk()
    desk.waits(2)
    desk.hears(stimuli.Resumed())
    desk.waits(60)
    assert not asked(desk)


def test_who_was_heard_before_the_talk_is_not_asked() -> None:
    desk = Desk(plan(DAMKAR, silence=6.0, answer="on_arrival"))
    desk.arrives()
    assert desk.hears(stimuli.CallerHeard()) == [CallerSpoke()]
    desk.picks_up("2101")
    desk.waits(60)
    assert not asked(desk)
