"""The line watch's judgement, on a clock in our hands."""

from __future__ import annotations

from dataclasses import replace

from pbx112.desk.lines import AGAIN, SECOND, Found, Lines, LineState
from pbx112.model.events import LineSeen, LinesSeen, TrunkSeen

from ..model.desk import agency, extension, mobile, plan

PLAN = plan(agency("damkar", extension("2101"), mobile("+6281")))
GSM, DESK = ("pjsip", "gsm"), ("pjsip", "2101")


class Watch:
    def __init__(self) -> None:
        self.lines = Lines()
        self.second = 0

    def look(
        self,
        desk: str = "NOT_INUSE",
        gsm: str = "NOT_INUSE",
        *,
        registered: bool | None = None,
        after: int = 10,
    ) -> LinesSeen | None:
        self.second += after
        held = {} if registered is None else {"gsm": registered}
        return self.lines.look(PLAN, Found({DESK: desk, GSM: gsm}, held), self.second * SECOND)

    def away(self, after: int = 10) -> LinesSeen | None:
        self.second += after
        return self.lines.look(PLAN, None, self.second * SECOND)


def line(state: LineState, number: str = "2101") -> LineSeen:
    return LineSeen("damkar", number, state)


def test_all_is_said_once_and_then_nothing() -> None:
    watch = Watch()
    told = watch.look()
    assert told == LinesSeen((line("ready"), line("ready", "+6281")), (TrunkSeen("gsm", "ready"),), True)
    assert [watch.look() for _ in range(300)] == [None] * 300


def test_all_is_said_again_every_hour() -> None:
    watch = Watch()
    watch.look()
    told = watch.look(after=AGAIN // SECOND)
    assert told is not None and told.whole and len(told.lines) == 2 and len(told.trunks) == 1


def test_a_line_that_is_lost_for_one_look_is_not_worth_a_word() -> None:
    watch = Watch()
    watch.look()
    assert watch.look("UNAVAILABLE") is None
    assert watch.look() is None
    assert watch.look("UNAVAILABLE") is None
    assert watch.look("UNAVAILABLE") == LinesSeen((line("unreachable"),))
    assert watch.look("UNAVAILABLE") is None
    assert watch.look() == LinesSeen((line("ready"),))


def test_a_talk_is_the_calls_own_record_but_a_receiver_off_the_hook_is_told() -> None:
    watch = Watch()
    watch.look()
    for _ in range(6):
        assert watch.look("INUSE") is None
    assert watch.look("INUSE") == LinesSeen((line("busy"),))


def test_mobiles_are_as_their_trunk_and_a_trunk_must_be_registered() -> None:
    watch = Watch()
    watch.look(registered=True)
    assert watch.look(gsm="INUSE", registered=True, after=600) is None  # it carries many calls
    watch.look(registered=False)
    told = watch.look(registered=False)
    assert told == LinesSeen((line("unreachable", "+6281"),), (TrunkSeen("gsm", "unregistered"),))


def test_nobody_tells_and_nobody_claims() -> None:
    watch = Watch()
    watch.look()
    assert [watch.away() for _ in range(6)] == [None] * 6
    told = watch.away()
    assert told is not None and {each.state for each in told.lines} == {"unknown"}
    told = watch.look()
    assert told is not None and {each.state for each in told.lines} == {"ready"}


def test_another_plan_forgets_what_is_gone() -> None:
    watch = Watch()
    watch.look()
    bigger = replace(PLAN, agencies={**PLAN.agencies, "bpbd": agency("bpbd", extension("2201"))})
    told = watch.lines.look(
        bigger, Found({DESK: "NOT_INUSE", GSM: "NOT_INUSE", ("pjsip", "2201"): "UNAVAILABLE"}), 11 * SECOND
    )
    assert told == LinesSeen((LineSeen("bpbd", "2201", "unreachable"),))
    watch.look()
    assert ("bpbd", "2201") not in watch.lines.lines
    assert len(watch.lines._since) == 3


def test_a_storm_of_changes_is_one_event_a_look() -> None:
    watch = Watch()
    watch.look()
    told = [watch.look("UNAVAILABLE" if number % 2 else "NOT_INUSE", after=1) for number in range(1000)]
    assert told == [None] * 1000
