"""A good file becomes the plan that it says, and the office's own file is good."""

from __future__ import annotations

import json
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.schema import json_schema, schema_text
from pbx112.plan.types import Duty, Line
from tests.plan.example import GOOD, changed, load

TOP = Path(__file__).parents[2]


def test_the_offices_file_is_without_error_and_warning() -> None:
    loaded = load_plan(TOP / "agencies.yaml")
    assert loaded.warnings == ()
    plan = loaded.plan
    assert plan.service.timezone == ZoneInfo("Asia/Jakarta")
    assert {"damkar", "satpol_pp", "dinsos", "dishub", "dinkes", "pupr", "kesbangpol"} <= set(plan.agencies)
    assert {i.menu for i in plan.incidents.values() if i.menu} == set("123456780")
    landslide = plan.incident_on_key("4")
    assert landslide is not None
    assert (landslide.primary, set(landslide.support)) == ("bpbd", {"pupr", "dinsos", "dishub"})


def test_every_mobile_of_the_offices_file_is_clearly_fictitious() -> None:
    mobiles = [
        line.number for _, line in load_plan(TOP / "agencies.yaml").plan.lines() if line.kind == "mobile"
    ]
    assert mobiles
    assert all(number.startswith("+62812000000") for number in mobiles)
    assert len(set(mobiles)) == len(mobiles)


def test_what_is_left_out_takes_its_default() -> None:
    plan = load(GOOD).plan
    assert plan.call_takers is not None
    assert plan.call_takers.ring == "all"
    assert plan.agencies["damkar"].ring == "in_order"
    assert plan.service.number == "112"
    assert not plan.recording.enabled
    desk, mobile = plan.agencies["damkar"].lines
    assert desk == Line(
        number="2101",
        kind="extension",
        dial="PJSIP/2101",
        name="2101",
        ring_for=15.0,
        accept="pickup",
        accept_for=12.0,
        trunk=None,
        caller_id=None,
        max_talk=None,
        duty=None,
    )
    assert mobile == Line(
        number="+6281200000001",
        kind="mobile",
        dial="PJSIP/+6281200000001@gsm",
        name="+6281200000001",
        ring_for=25.0,
        accept="press_1",
        accept_for=12.0,
        trunk="gsm",
        caller_id=None,
        max_talk=3600.0,
        duty=None,
    )


def test_what_is_written_is_taken() -> None:
    plan = load(
        changed(
            ('allow: ["+628"]', 'allow: ["+628"]\n    caller_id: "0739112"\n    max_minutes: 5'),
            (
                '{extension: "2101"}',
                '{extension: pos-1, technology: IAX2, name: "Pos, A & B", ring_for: 7.5, accept: press_1, '
                "accept_for: 9, duty: Sen-Jum 19:00-07:00}",
            ),
        )
    ).plan
    desk, mobile = plan.agencies["damkar"].lines
    assert (desk.dial, desk.name, desk.ring_for, desk.accept, desk.accept_for) == (
        "IAX2/pos-1",
        "Pos, A & B",
        7.5,
        "press_1",
        9.0,
    )
    assert desk.duty == Duty(frozenset({1, 2, 3, 4, 5}), time(19), time(7))
    assert (mobile.caller_id, mobile.max_talk) == ("0739112", 300.0)


def test_durations_are_floats_whatever_the_file_writes() -> None:
    """The journal's hash covers them as JSON, where 15 and 15.0 differ."""
    plan = load(changed(('{extension: "2101"}', '{extension: "2101", ring_for: 15, accept_for: 5}'))).plan
    for _, line in plan.lines():
        assert type(line.ring_for) is float
        assert type(line.accept_for) is float
    assert type(plan.service.menu_wait) is float


def test_the_call_takers_time_to_ring_holds_for_lines_without_their_own() -> None:
    lines = 'ring_for: 20\n  lines: [{extension: "1101"}, {extension: "1102", ring_for: 5}]'
    plan = load(changed(('lines: [{extension: "1101"}]', lines))).plan
    assert plan.call_takers is not None
    assert [line.ring_for for line in plan.call_takers.lines] == [20.0, 5.0]


@pytest.mark.parametrize(
    ("form", "dial"),
    [
        ("e164", "PJSIP/+6281200000001@gsm"),
        ("plain", "PJSIP/6281200000001@gsm"),
        ("national", "PJSIP/081200000001@gsm"),
    ],
)
def test_a_trunk_gets_numbers_in_the_form_that_it_wants(form: str, dial: str) -> None:
    plan = load(changed(("    allow", f"    format: {form}\n    allow"))).plan
    line = plan.agencies["damkar"].lines[1]
    assert (line.dial, line.number) == (dial, "+6281200000001")


def test_a_fixed_line_of_the_kabupaten_is_dialled_with_its_area_code() -> None:
    text = changed(('["+628"]', '["+62739"]\n    format: national'), ("+6281200000001", "+6273961234"))
    assert load(text).plan.agencies["damkar"].lines[1].dial == "PJSIP/073961234@gsm"


def test_a_service_without_call_takers_trunks_and_incidents_is_possible() -> None:
    text = (
        "version: 1\nservice: {name: X}\nagencies:\n"
        '  pol: {name: Pol, code: "1", lines: [{extension: "1"}]}\ndefault_agency: pol\n'
    )
    plan = load(text.replace('extension: "1"', 'extension: "21"')).plan
    assert plan.call_takers is None
    assert (dict(plan.trunks), dict(plan.incidents)) == ({}, {})


def test_the_hash_names_the_bytes_of_the_file() -> None:
    assert load(GOOD).plan.hash == load(GOOD.encode()).plan.hash
    assert load(GOOD).plan.hash != load(GOOD + "# note\n").plan.hash
    assert len(load(GOOD).plan.hash) == 16


def test_the_plan_cannot_be_changed() -> None:
    plan = load(GOOD).plan
    with pytest.raises(TypeError):
        plan.agencies["x"] = plan.agencies["polres"]  # type: ignore[index]


def test_a_file_from_another_systems_editor_is_read() -> None:
    """Windows begins a UTF-8 file with a byte-order mark and ends lines with CR LF."""
    assert load(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).plan.agencies.keys() == {
        "damkar",
        "polres",
    }


def test_the_schema_beside_the_file_is_current() -> None:
    """Otherwise: `python -m pbx112.plan.schema > agencies.schema.json`."""
    assert (TOP / "agencies.schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_schema_explains_every_key_and_refuses_unknown_ones() -> None:
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    assert len(parts) == 12
    for part in parts:
        assert part["additionalProperties"] is False
        for name, field in part["properties"].items():
            assert "description" in field or "$ref" in field or name == "trunks", name
    assert "null" not in json.dumps(schema)


def test_the_office_is_pointed_to_the_schema() -> None:
    first = (TOP / "agencies.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=agencies.schema.json"


def test_what_is_no_readable_file_is_said_so(tmp_path: Path) -> None:
    assert (
        _refusal(tmp_path)
        == f"{tmp_path}: the plan is not a file; name another with --agencies or PBX112_AGENCIES"
    )
    missing = tmp_path / "agencies.yaml"
    assert "does not exist" in _refusal(missing)
    assert "does not exist" in _refusal(Path("a\0b"))
    assert "is not a file" in _refusal(Path("/dev/zero"))
    assert "cannot be read: file name too long" in _refusal(tmp_path / ("x" * 5000))
    missing.write_bytes(b"#" * 50_000_000)
    assert _refusal(missing).endswith(
        "the file is larger than 256 KiB; a plan never is; is this the right file?"
    )


def _refusal(path: Path) -> str:
    with pytest.raises(PlanError) as refused:
        load_plan(path)
    return str(refused.value)
