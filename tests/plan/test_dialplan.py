"""The rendered dialplan, as text: the same route as the daemon's, and nothing in it but the plan."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.model.decide import arrive, decide
from pbx112.model.events import Instant, LegOffered, MenuOffered, StageEntered
from pbx112.model.state import fold
from pbx112.model.stimuli import Arrived, HungUp, KeyPressed, World
from pbx112.plan.dialplan import made, path_from, render
from pbx112.plan.duty_times import timespecs
from pbx112.plan.load import load_plan
from pbx112.plan.types import Duty, Plan
from tests.plan.plans import ALWAYS, NEVER, agency, extension, mobile, plan

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def test_the_sample_is_what_the_example_plan_renders_to() -> None:
    example = load_plan(PROJECT / "agencies.yaml").plan
    assert (PROJECT / "dialplan/pbx112.conf").read_text() == render(example), "run `pbx112 dialplan` again"


def test_lamps_of_extensions_agencies_and_call_takers() -> None:
    made = plan(
        agency("damkar", extension("2101"), extension("2102"), mobile("+6281200000001")),
        agency("pln", mobile("+6281200000002")),
        takers=(extension("1101"), extension("2101")),
    )
    text = render(made).partition("[pbx112-hints]\n")[2].partition("\n\n")[0]
    damkar = made.agencies["damkar"].code
    assert dict(line.removeprefix("exten => ").split(",hint,") for line in text.splitlines()) == {
        "1101": "PJSIP/1101",
        "2101": "PJSIP/2101",
        "2102": "PJSIP/2102",
        damkar: "PJSIP/2101&PJSIP/2102",
        "112": "PJSIP/1101&PJSIP/2101",
    }, "an agency that has mobiles alone has no lamp"


def test_the_plan_can_be_told_from_a_newer_one() -> None:
    assert "PBX112_PLAN=0123456789abcdef\n" in render(plan(agency("damkar", extension("2101"))))


def test_the_text_of_another_version_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of another place: what one machine calls /var/log may be elsewhere for Asterisk in its container."""
    office = plan(agency("damkar", extension("2101")))
    mark = made(office)
    assert f"\nPBX112_MADE={mark}\n" in render(office)
    assert f"\nPBX112_MADE={mark}\n" in render(office, app="pbx112b", records="/log/records.csv")
    monkeypatch.setattr("pbx112.plan.dialplan.WITHOUT_PLAN", "; nothing\n")
    assert mark != made(office)


@given(st.data())
def test_the_fallback_takes_the_same_way_as_the_daemon(data: st.DataObject) -> None:
    keys = [f"opd_{number}" for number in range(data.draw(st.integers(1, 5)))]
    thens = {key: data.draw(st.sampled_from([None, *keys[index + 1 :]])) for index, key in enumerate(keys)}
    agencies = [agency(key, extension(str(2101 + n)), then=thens[key]) for n, key in enumerate(keys)]
    takers = (extension("1101"),) if data.draw(st.booleans()) else ()
    chosen = data.draw(st.sampled_from(keys))
    made = plan(*agencies, takers=takers, menu={"5": chosen}, default=data.draw(st.sampled_from(keys)))
    daemon = [stage for stage in _stages_when_nobody_answers(made, "5") if stage[0] != "call_takers"]
    fallback = [(owner, why or "menu:incident_5") for owner, why in path_from(made, chosen)]
    assert daemon == [*fallback, *((owner, "again") for owner, _ in fallback)]


def _stages_when_nobody_answers(made: Plan, key: str) -> list[tuple[str, str]]:
    moment = Instant(0, 0)
    world = World(now=moment)
    arrived = Arrived(channel="c", caller_raw="", caller=None, callable=False, dialled="112", source="")
    history = list(arrive("c", arrived, made, world))
    for event in history:
        call = fold("c", ((moment, known) for known in history))
        assert call is not None
        match event:
            case LegOffered(leg=leg):
                history += decide(call, HungUp(leg, 17, 486), made, world)
            case MenuOffered():
                history += decide(call, KeyPressed(key, None), made, world)
            case _:
                pass
    return [(event.owner, event.why) for event in history if isinstance(event, StageEntered)]


clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@given(st.frozensets(st.integers(1, 7)), clocks, clocks)
def test_asterisk_sees_the_same_duty_hours(days: frozenset[int], start: time, end: time) -> None:
    duty = Duty(days, start, end)
    specs = list(timespecs(duty, "Asia/Jakarta"))
    monday = datetime(2026, 11, 23, tzinfo=ZoneInfo("Asia/Jakarta"))
    edges = {start.hour * 60 + start.minute, end.hour * 60 + end.minute, 0}
    for day in range(7):
        for edge in edges:
            for minute in (edge - 1, edge, edge + 1):
                moment = monday + timedelta(days=day, minutes=minute)
                assert any(_within(spec, moment) for spec in specs) == duty.covers(moment), moment


def _within(spec: str, moment: datetime) -> bool:
    """Asterisk's reading: days in the list, minutes from the first to the last, both included."""
    clock, days, _, _, zone = spec.split(",")
    first, last = clock.split("-")
    assert zone == "Asia/Jakarta"
    return DAYS[moment.weekday()] in days.split("&") and first <= f"{moment:%H:%M}" <= last


@pytest.mark.parametrize(
    "word", ["a,b", "a\nexten", "a;b", "${SHELL(id)}", "a)", "a&b", 'a"', "", "a b", "a|b", "a]", "x" * 300]
)
def test_a_word_that_asterisk_could_read_never_gets_in(word: str) -> None:
    good = plan(agency("damkar", extension("2101"), mobile("+6281200000001")))
    line = extension("2101")
    for hostile in (
        dataclasses.replace(good, hash=word),
        dataclasses.replace(good, service=dataclasses.replace(good.service, number=word)),
        plan(agency("damkar", dataclasses.replace(line, dial=f"PJSIP/{word}"))),
        plan(agency("damkar", dataclasses.replace(line, number=word or "\n"))),
        plan(agency(word, line)),
        plan(agency("damkar", line), menu={word: "damkar"}),
    ):
        with pytest.raises(ValueError, match="dialplan"):
            render(hostile)
    with pytest.raises(ValueError, match="dialplan"):
        render(good, app=word)
    with pytest.raises(ValueError, match="dialplan"):
        render(good, records=f"/var/{word},")


def test_a_crowd_of_lines_still_fits_into_a_variable_of_asterisk() -> None:
    crowd = [extension(str(number)) for number in range(2000, 2100)]
    text = render(plan(agency("damkar", *crowd, ring="all")))
    wave = sum(len(line.split("}", 1)[1]) for line in text.splitlines() if "Set(PBX112_WAVE_1=${" in line)
    assert wave < 4096


def test_of_more_mobiles_than_their_trunk_has_circuits_some_ring_after_the_others() -> None:
    """Those on duty first, all of them; a desk phone needs no circuit."""
    mobiles = [mobile(f"+628120000000{number}", ALWAYS if number < 4 else NEVER) for number in range(1, 6)]
    text = render(plan(agency("damkar", *mobiles, extension("2101"), ring="all"), max_calls=2))
    put = re.findall(r"Set\((PBX112_WAVE_(?:\d_)?)(?:1|\$\{PBX112_DUTY_\d\})=\$.*&Local/(\d)@", text)
    assert put == [
        *(("PBX112_WAVE_", line) for line in "126"),
        *(("PBX112_WAVE_2_", line) for line in "34"),
        ("PBX112_WAVE_3_", "5"),
    ]
    rung = re.findall(r"fallback-wave,s,1\(\$\{PBX112_WAVE_(\w+):1\}", text)
    assert rung == ["1", "2_1", "3_1", "0", "2_0", "3_0"]
