"""Who is away is not rung; nobody's being away costs a call."""

from __future__ import annotations

from dataclasses import replace

from pbx112.model.events import Instant
from pbx112.model.route import waves_of
from pbx112.model.stimuli import World
from pbx112.plan.types import CALL_TAKERS, CallTakers

from .desk import NOON, agency, extension, mobile, plan

TAKERS = CallTakers("all", (extension("1101"), extension("1102"), extension("1103")), "damkar", wrap_up=30.0)
DAMKAR = replace(
    agency("damkar", extension("2101"), mobile("+6281200000001"), mobile("+6281200000002")),
    standby=(mobile("+6281200000003"),),
)
PLAN = plan(DAMKAR, call_takers=TAKERS)
NOW = Instant(NOON, 10**12)


def rung(world: World, owner: str = CALL_TAKERS, round_: int = 1) -> list[list[str]]:
    return [[target.number for target in wave] for wave in waves_of(PLAN, owner, world, round_)]


def test_who_is_away_is_not_rung_in_the_first_round_and_last_in_the_second() -> None:
    world = World(NOW, away=frozenset({"1102"}))
    assert rung(world) == [["1101", "1103"]]
    assert rung(world, round_=2) == [["1101", "1103"], ["1102"]]


def test_where_all_are_away_all_are_rung() -> None:
    assert rung(World(NOW, away=frozenset({"1101", "1102", "1103"}))) == [["1101", "1102", "1103"]]


def test_who_has_just_ended_a_call_is_rung_after_the_others() -> None:
    rests, rested = NOW.mono_ns - 29 * 10**9, NOW.mono_ns - 30 * 10**9
    assert rung(World(NOW, idle_since={"1101": rests, "1102": rested})) == [["1102", "1103"], ["1101"]]
    away = frozenset({"1102", "1103"})
    assert rung(World(NOW, idle_since={"1101": rests}, away=away)) == [["1101"]]


def test_the_chosen_mobile_comes_first_of_the_mobiles() -> None:
    assert rung(World(NOW, standby={"damkar": "+6281200000003"}), "damkar") == [
        ["2101"],
        ["+6281200000003"],
        ["+6281200000001"],
        ["+6281200000002"],
    ]
    assert rung(World(NOW, standby={"damkar": "+629"}), "damkar")[1] == ["+6281200000001"]
