"""What is no mistake and yet is worth a second look: hours without duty, shifts that overlap, lines shared."""

from __future__ import annotations

from tests.plan.example import changed, warnings

ALL_DAY = "112 asks for a line standing by 24 hours, 7 days: extend a duty or add a line"
OVERLAP = "end one shift where the other begins, or write `ring: all` if both stand by together"


def polres(lines: str, ring: str = "in_order") -> str:
    return changed(('lines:\n      - {extension: "2221"}', f"ring: {ring}\n    lines: [{lines}]"))


def test_an_agency_without_a_line_around_the_clock_is_warned_of_with_the_hours() -> None:
    assert warnings(polres('{extension: "2221", duty: "Mon-Fri 08:00-16:00"}')) == [
        f"22: agency 'polres': no line on duty Mon-Thu 16:00-08:00, Fri 16:00-Mon 08:00; {ALL_DAY}"
    ]


def test_a_missing_shift_is_named() -> None:
    lines = '{extension: "1", duty: "Mon-Sat 07:00-19:00"}, {extension: "2", duty: "Mon-Sun 19:00-07:00"}'
    assert warnings(polres(lines)) == [f"22: agency 'polres': no line on duty Sun 07:00-19:00; {ALL_DAY}"]


def test_overlapping_shifts_are_named_where_lines_take_turns() -> None:
    lines = '{extension: "1", duty: "Mon-Sun 07:00-20:00"}, {extension: "2", duty: "Mon-Sun 19:00-07:00"}'
    assert warnings(polres(lines)) == [
        f"22: agency 'polres': two extensions are on duty Mon-Sun 19:00-20:00; {OVERLAP}"
    ]
    assert warnings(polres(lines, ring="all")) == []


def test_overlapping_shifts_of_mobiles_are_named_too() -> None:
    lines = ", ".join(
        f'{{mobile: "+628120000001{n}", trunk: gsm, duty: "{duty}"}}'
        for n, duty in enumerate(["Mon-Sun 07:00-20:00", "Mon-Sun 20:00-07:00", "Sun 06:00-07:00"])
    )
    assert warnings(polres(lines)) == [
        f"22: agency 'polres': two mobiles are on duty Sun 06:00-07:00; {OVERLAP}"
    ]


def test_an_office_phone_by_day_beside_the_standby_mobile_is_no_overlap() -> None:
    lines = (
        '{extension: "1", duty: "Mon-Fri 08:00-16:00"}, '
        '{mobile: "+6281200000009", trunk: gsm, duty: "Mon-Sun 00:00-24:00"}'
    )
    assert warnings(polres(lines)) == []


def test_a_telephone_of_two_agencies_is_warned_of() -> None:
    assert warnings(polres('{extension: "2101"}')) == [
        "22: agency 'polres': '2101' is also a line of agency 'damkar' (line 15); it can take one call at a time: "
        "give each its own"
    ]


def test_a_mobile_whose_voicemail_would_count_as_a_human_is_warned_of() -> None:
    assert warnings(changed(("gsm}", "gsm, accept: pickup}"))) == [
        "16: agency 'damkar', line 2: a mobile with `accept: pickup` counts its voicemail as a human; write "
        "`accept: press_1`, or remove 'accept'"
    ]
