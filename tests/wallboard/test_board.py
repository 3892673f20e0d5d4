"""What stands on the board, and today's figures, told as calls."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pbx112.cdr.record import Fact
from pbx112.model import events as ev
from pbx112.model.events import Instant, LegResult, Outcome, Target
from pbx112.plan.types import CallTakers
from pbx112.wallboard.board import Board, LiveCall, agencies, takers
from pbx112.wallboard.figures import Figures
from pbx112.watch.takers import taker_states

from ..model.desk import NOON, agency, extension, mobile, plan

ZONE = ZoneInfo("Asia/Jakarta")
DESK = Target("call_takers", "1101", "extension", "PJSIP/1101", "Meja 1", 15.0, "pickup", 12.0)
FIRE = Target(
    "damkar", "2101", "extension", "PJSIP/2101", "Pos", 15.0, "pickup", 12.0, owner_name="Dinas Damkar"
)
MOBILE = Target("damkar", "+62812", "mobile", "PJSIP/+62812@gsm", "Piket", 25.0, "press_1", 12.0, trunk="gsm")


def desks(*numbers: str) -> CallTakers:
    return CallTakers("all", tuple(extension(number) for number in numbers), "menu")


def arrival(number: str | None = "+6281311112222", raw: str = "081311112222") -> ev.CallArrived:
    return ev.CallArrived("c", raw, number, True, "112")


class Wall:
    def __init__(self) -> None:
        self.board = Board(ZONE)

    def tell(self, call_id: str, *story: tuple[float, ev.Event]) -> None:
        for second, event in story:
            at = Instant(NOON + int(second * 1e6), int(second * 1e9))
            self.board.take(call_id, Fact(1, at, "p", event))

    def call(self) -> LiveCall:
        [call] = self.board.live()
        return call


def test_a_call_from_its_arrival_to_its_end() -> None:
    wall = Wall()
    wall.tell("c1", (0, arrival()))
    assert (wall.call().what, wall.call().caller, wall.call().since) == ("arriving", "…222", NOON)
    wall.tell("c1", (0, ev.LegOffered(1, "l1", DESK)), (1, ev.LegOffered(2, "l2", MOBILE)))
    assert (wall.call().what, wall.call().whom) == ("ringing", ["Meja 1", "damkar"])
    wall.tell("c1", (2, ev.LegAnswered(2)))
    assert (wall.call().what, wall.call().whom) == ("confirming", ["damkar"])
    wall.tell(
        "c1", (4, ev.LegAccepted(2)), (5, ev.CallMarked("1101", incident="kebakaran", name="Kebakaran"))
    )
    assert (wall.call().what, wall.call().accepted_at, wall.call().incident) == (
        "talking",
        NOON + 4_000_000,
        "Kebakaran",
    )
    wall.tell("c1", (9, ev.CallEnded(Outcome.ANSWERED, "caller")))
    assert wall.board.live() == []


def test_whoever_waits_for_a_human_stands_first() -> None:
    wall = Wall()
    wall.tell("c1", (0, arrival()), (0, ev.LegOffered(1, "l", DESK)), (1, ev.LegAccepted(1)))
    wall.tell("c2", (5, arrival()))
    wall.tell("c3", (7, arrival(None, "anonymous")))
    assert [call.id for call in wall.board.live()] == ["c2", "c3", "c1"]
    assert wall.board.live()[1].caller == ""


def test_nothing_of_a_number_but_three_digits() -> None:
    wall = Wall()
    wall.tell("c1", (0, arrival()))
    shown = agencies(wall.board, plan(agency("damkar", mobile("+6281200000001"))), {})
    assert "1111222" not in str(wall.board.live()) and "20000000" not in str(shown)


def test_what_call_takers_and_lines_do() -> None:
    the_plan = plan(
        agency("damkar", extension("2101"), extension("2102")), call_takers=desks("1101", "1102", "1103")
    )
    wall = Wall()
    wall.tell(
        "",
        (0, ev.LineStateChanged("1102", "paused", NOON + 60_000_000)),
        (0, ev.LineStateChanged("1103", "logged_out")),
    )
    wall.tell("c1", (0, arrival()), (0, ev.LegOffered(1, "l", DESK)))
    lines = {"2102": "unreachable"}
    shown = takers(wall.board, the_plan, {"1101": "ready"}, NOON)
    assert [(each.state, each.reachable) for each in shown] == [
        ("ringing", True),
        ("paused", None),
        ("logged_out", None),
    ]
    wall.tell("c1", (1, ev.LegAccepted(1)), (2, ev.LegOffered(2, "l2", FIRE, help=1)))
    wall.tell("c2", (3, arrival()), (3, ev.LegOffered(1, "l3", DESK)))
    for calls in (wall.board.calls(), wall.board.calls()[::-1]):
        assert taker_states(the_plan, calls, {})["1101"] == "talking"  # and rung for another call meanwhile
    assert takers(wall.board, the_plan, {}, NOON + 61_000_000)[1].state == "ready"
    [damkar] = agencies(wall.board, the_plan, {"2101": "ready", "2102": "unreachable"})
    assert [line.state for line in damkar.lines] == ["ringing", lines["2102"]]


def test_a_call_that_began_before_the_board_is_taken_up_once() -> None:
    wall = Wall()
    story = [
        Fact(1, Instant(NOON, 0), "p", arrival()),
        Fact(2, Instant(NOON, 0), "p", ev.LegOffered(1, "l", DESK)),
    ]
    wall.board.take_up("c1", story)
    wall.board.take_up("c1", story)
    assert wall.call().what == "ringing"
    assert wall.board.figures.today().calls == 1


def accepted_after(figures: Figures, call_id: str, seconds: float, day: int = 0) -> None:
    start = NOON + day * 86_400_000_000
    figures.heed(call_id, arrival(), Instant(start, 0))
    figures.heed(call_id, ev.LegAccepted(1), Instant(start + int(seconds * 1e6), int(seconds * 1e9)))
    figures.heed(call_id, ev.LegAccepted(2), Instant(start + 10**9, 10**12))
    figures.heed(call_id, ev.CallEnded(Outcome.ANSWERED, "caller"), Instant(start + 10**9, 10**12))


def test_todays_figures_against_the_yardsticks() -> None:
    figures = Figures(ZONE)
    for number, waited in enumerate((2, 4, 10, 12, 15, 16, 18, 20, 40, 60)):
        accepted_after(figures, f"c{number}", waited)
    for call_id, outcome in (("x1", Outcome.ABANDONED_MENU), ("x2", Outcome.UNANSWERED)):
        figures.heed(call_id, arrival(), Instant(NOON, 0))
        figures.heed(call_id, ev.LegEnded(1, LegResult.NO_ANSWER), Instant(NOON, 0))
        figures.heed(call_id, ev.CallEnded(outcome, "caller"), Instant(NOON, 0))
    figures.heed("x3", arrival(), Instant(NOON, 0))  # still waits
    figures.heed("c1", ev.CallMarked("1101", disposition="prank"), Instant(NOON, 0))
    figures.heed("c2", ev.CallMarked("1101", disposition="ghost"), Instant(NOON, 0))
    figures.heed("c2", ev.CallMarked("1101", disposition="normal"), Instant(NOON, 0))
    today = figures.today()
    assert (today.calls, today.accepted, today.abandoned, today.unserved, today.false) == (13, 10, 1, 1, 1)
    assert (today.within_10, today.within_15, today.within_20) == (0.25, 5 / 12, 8 / 12)
    assert (today.mean, today.longest_tenth) == (19.7, 60)


def test_a_day_ends_at_midnight_in_the_services_time_zone() -> None:
    figures = Figures(ZONE)
    accepted_after(figures, "c1", 5)
    figures.turn(int(datetime(2026, 11, 24, 16, 59, tzinfo=UTC).timestamp() * 1e6))
    assert figures.today().calls == 1
    figures.turn(int(datetime(2026, 11, 24, 17, 0, tzinfo=UTC).timestamp() * 1e6))
    assert figures.today().calls == 0
    assert figures.today().within_10 is None
    accepted_after(figures, "c2", 5, day=1)
    assert figures.today().calls == 1


def test_a_clock_that_was_set_and_one_that_began_anew() -> None:
    figures = Figures(ZONE)
    figures.heed("c1", arrival(), Instant(NOON, 5_000_000_000_000))
    figures.heed(
        "c1", ev.LegAccepted(1), Instant(NOON + 8_000_000, 3_000_000_000)
    )  # after a restart of the machine
    assert figures.today().mean == 8
