"""Each mistake that an office can make in agencies.yaml is named with its line and its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from pbx112.plan import document
from pbx112.plan.load import MAX_FINDINGS
from pbx112.plan.shape import _EXAMPLES
from tests.plan.example import GOOD, changed, errors

LINE = '{extension: "2101"}'
DUTY_FORM = 'write it like "Mon-Fri 07:00-19:00" or "Sab,Min 19:00-07:00"'
DIAL_FORM = (
    'write it like "PJSIP/{number}@gsm"; only letters, digits and . _ @ : / + - may stand around {number}'
)
NAME_FORM = 'use 1 to 80 characters, without " ` ; \\ $ { } < > | and without blanks around it'

MISTAKES = [
    # the whole file
    ("version: 1", "version: 2", "1: 'version': '2' is none of the choices; write 1"),
    ("version: 1\n", "", "1: 'version' is missing; add `version: 1`"),
    ("default_agency: polres\n", "", "1: 'default_agency' is missing; add `default_agency: satpol_pp`"),
    (
        "default_agency: polres",
        "default_agency: polres\ndefault_agency: damkar",
        "26: key 'default_agency' is given twice (first on line 25); keep one of them",
    ),
    # the service
    ("{name: Layanan 112}", "", "2: key 'service' has no value; give it one, or remove the key"),
    (
        "{name: Layanan 112}",
        "Layanan",
        "2: 'service' has no keys of its own; write `key: value` lines below it, or {key: value}",
    ),
    (
        "Layanan 112",
        "x, numbr: y",
        "2: service: unknown key 'numbr'; did you mean 'number'?",
    ),
    ("Layanan 112", '"a;b"', f"2: service: 'name' 'a;b' is no name; {NAME_FORM}"),
    ("Layanan 112", '" x"', f"2: service: 'name' ' x' is no name; {NAME_FORM}"),
    ("Layanan 112", "112", "2: service: 'name' '112' stands without quotes; write it in quotes: \"112\""),
    ("Layanan 112", "x, max_calls: 0", "2: service: 'max_calls' is 0; write at least 1"),
    ("Layanan 112", "x, max_wait: 3600", "2: service: 'max_wait' is 3600; write at most 600"),
    (
        "version: 1",
        "version: 1\nnuisance: {marks: 0}",
        "2: nuisance: 'marks' is 0; write at least 1",
    ),
    (
        "version: 1",
        "version: 1\nnuisance: {within_hour: 24}",
        "2: nuisance: unknown key 'within_hour'; known keys: marks, within_hours, question",
    ),
    ("Layanan 112", "x, max_hold: 4", "2: service: 'max_hold' is 4; write at least 5"),
    (
        "Layanan 112",
        "x, timezone: Asia/Jakrta",
        "2: service: 'timezone' 'Asia/Jakrta' is no time zone; did you mean 'Asia/Jakarta'?",
    ),
    (
        "Layanan 112",
        "x, timezone: ../etc/passwd",
        "2: service: 'timezone' '../etc/passwd' is no time zone; write it like \"Asia/Jakarta\"",
    ),
    (
        "Layanan 112",
        "x, country: Indonesia",
        "2: service: 'country' 'Indonesia' is no ISO 3166 country code; write two capitals, like \"ID\"",
    ),
    ("Layanan 112", "x, menu_wait: 0", "2: service: 'menu_wait' is 0; write at least 1"),
    (
        "Layanan 112",
        "x, answer: maybe",
        "2: service: 'answer': 'maybe' is none of the choices; write on_pickup or on_arrival",
    ),
    # trunks
    (
        "@gsm",
        "@gsm&PJSIP/x",
        f"5: trunk 'gsm': 'dial' 'PJSIP/{{number}}@gsm&PJSIP/x' is no dial string with {{number}}; {DIAL_FORM}",
    ),
    (
        "{number}",
        "",
        f"5: trunk 'gsm': 'dial' 'PJSIP/@gsm' is no dial string with {{number}}; {DIAL_FORM}",
    ),
    (
        "{number}",
        "{number}{number}",
        "5: trunk 'gsm': 'dial' 'PJSIP/{number}{number}@gsm' is no dial string with {number}; " + DIAL_FORM,
    ),
    (
        '["+628"]',
        '["08"]',
        "6: trunk 'gsm': item 1 of 'allow' '08' is no E.164 prefix; write + and the first digits, like \"+628\"",
    ),
    ('["+628"]', "[]", "6: trunk 'gsm': 'allow' is an empty list; put at least one into it"),
    ('["+628"]', '"+628"', "6: trunk 'gsm': 'allow' is no list; write [one, two], or `- one` lines below it"),
    (
        '"+628"',
        '"+62739"',
        "16: agency 'damkar', line 2: trunk 'gsm' does not allow '+6281200000001'; extend the trunk's 'allow' "
        "(+62739), or correct the number",
    ),
    (
        "    allow",
        "    max_per_hour: 0\n    allow",
        "6: trunk 'gsm': 'max_per_hour' is 0; write at least 1",
    ),
    (
        "    allow",
        "    max_calls: 1.5\n    allow",
        "6: trunk 'gsm': 'max_calls' is no whole number; write digits only, like 15",
    ),
    (
        "    allow",
        "    max_minutes: 015\n    allow",
        "6: trunk 'gsm': 'max_minutes' is no number; write digits only, like 15",
    ),
    (
        "    allow",
        '    max_calls: "4"\n    allow',
        "6: trunk 'gsm': 'max_calls' '4' is a text; write the number without quotes: 4",
    ),
    (
        "    allow",
        '    caller_id: "+62"\n    allow',
        "6: trunk 'gsm': 'caller_id' '+62' is no number of digits only; use 1 to 15 digits",
    ),
    # telephones
    (
        "    then: polres",
        '    standby: [{extension: "2102"}]\n    then: polres',
        "17: agency 'damkar', standby 1: an extension is no mobile; put it into 'lines'",
    ),
    (
        "    then: polres",
        '    standby: [{mobile: "+4930123456", trunk: gsm}]\n    then: polres',
        "17: agency 'damkar', standby 1: trunk 'gsm' does not allow '+4930123456'; extend the trunk's 'allow' (+628), "
        "or correct the number",
    ),
    ("  then: menu", "  then: menu\n  max_wait: -1", "10: call_takers: 'max_wait' is -1; write at least 0"),
    ("  then: menu", "  then: menu\n  wrap_up: 601", "10: call_takers: 'wrap_up' is 601; write at most 600"),
    ("trunk: gsm", "trunk: gsm2", "16: trunk 'gsm2' is not defined; known trunks: gsm"),
    (
        ", trunk: gsm",
        "",
        "16: agency 'damkar', line 2: a mobile needs a trunk; add `trunk:`; known trunks: gsm",
    ),
    (
        "+6281200000001",
        "081200000001",
        "16: agency 'damkar', line 2: 'mobile' '081200000001' is no E.164 number; write + and the country code, "
        'like "+6281200000001"',
    ),
    (
        "+6281200000001",
        "+62812",
        "16: agency 'damkar', line 2: 'mobile' '+62812' is no E.164 number; write + and the country code, like "
        '"+6281200000001"',
    ),
    (
        "+6281200000001",
        "+120255501",
        "16: agency 'damkar', line 2: 'mobile' '+120255501' is no E.164 number; write + and the country code, like "
        '"+6281200000001"',
    ),
    (
        '"+6281200000001"',
        "+6281200000001",
        "16: agency 'damkar', line 2: 'mobile' '+6281200000001' stands without quotes; write it in quotes: "
        '"+6281200000001"',
    ),
    (
        '"+6281200000001"',
        "081200000001",
        "16: agency 'damkar', line 2: 'mobile' '081200000001' stands without quotes; write + and the country "
        'code, in quotes: "+6281200000001"',
    ),
    *(
        (
            LINE,
            f"{{extension: {bare}}}",
            f"15: agency 'damkar', line 1: 'extension' '{bare}' stands without quotes; write it in quotes: "
            f'"{bare}"',
        )
        for bare in ("2101", "0712", "0812", "0x1f", "1_0", "12:30", "yes", "off", "true", "2024-01-01")
    ),
    *(
        (
            LINE,
            f'{{extension: "{wrong}"}}',
            f"15: agency 'damkar', line 1: 'extension' {wrong!r} is no extension; use letters, digits, dot, _ and - "
            "only, at most 32 characters",
        )
        for wrong in ("21&01", "21,30", "${X}", "21 01", "", "2101@x", "2101/n", "٢١٠١", "2" * 33)
    ),
    (
        LINE,
        "{extension: [2101]}",
        "15: agency 'damkar', line 1: 'extension' must be a single text; write one value in quotes",
    ),
    (
        LINE,
        "{extension: 1.5}",
        "15: agency 'damkar', line 1: 'extension' is a number, not a text; write it in quotes",
    ),
    (
        LINE,
        '{extension: "2101", mobile: "+6281200000003", trunk: gsm}',
        "15: agency 'damkar', line 1 has both an extension and a mobile; make two lines of it",
    ),
    (
        LINE,
        '{extension: "2101", trunk: gsm}',
        "15: agency 'damkar', line 1: an extension needs no trunk; remove 'trunk'",
    ),
    (
        "trunk: gsm}",
        "trunk: gsm, technology: SIP}",
        "16: agency 'damkar', line 2: 'technology' is for extensions only; remove it",
    ),
    (
        LINE,
        "{name: Pos}",
        '15: agency \'damkar\', line 1 has no telephone; give it `extension: "2101"`, or `mobile: "+62…"` with its '
        "trunk",
    ),
    (
        LINE,
        '"2101"',
        "15: agency 'damkar': item 1 of 'lines' has no keys of its own; write `key: value` lines below it, or "
        "{key: value}",
    ),
    (LINE, "", "15: an item of this list is empty; fill it in, or remove it"),
    (
        LINE,
        '{extension: "2101", rng_for: 15}',
        "15: agency 'damkar', line 1: unknown key 'rng_for'; did you mean 'ring_for'?",
    ),
    (
        LINE,
        '{extension: "2101", ring_for: 500}',
        "15: agency 'damkar', line 1: 'ring_for' is 500; write at most 120",
    ),
    (
        LINE,
        '{extension: "2101", accept: press1}',
        "15: agency 'damkar', line 1: 'accept': 'press1' is none of the choices; write pickup or press_1",
    ),
    (
        LINE,
        '{extension: "2101", technology: SIP/x}',
        "15: agency 'damkar', line 1: 'technology' 'SIP/x' is no channel technology; write it as Asterisk does: "
        "PJSIP, IAX2",
    ),
    (
        LINE,
        '{extension: "2101", duty: 07-19}',
        "15: agency 'damkar', line 1: 'duty' '07-19' stands without quotes; write it in quotes: \"07-19\"",
    ),
    (
        LINE,
        '{extension: "2101", duty: Mon-Fry 07:00-19:00}',
        f"15: agency 'damkar', line 1: 'duty' 'Mon-Fry 07:00-19:00' has no such day as 'fry'; {DUTY_FORM}",
    ),
    (
        '{extension: "2221"}',
        '{extension: "2221"}\n      - {extension: "2221"}',
        "23: agency 'polres': '2221' is given twice (first on line 22); remove one of them",
    ),
    # agencies
    (
        "    then: polres",
        "    then: polers",
        "17: agency 'damkar': agency 'polers' is not defined; known agencies: damkar, polres",
    ),
    (
        "    then: polres",
        "    then: damkar",
        "17: 'then' goes in a circle: damkar → damkar; remove or change one of these 'then'",
    ),
    (
        'code: "22"',
        'code: "22"\n    then: damkar',
        "17: 'then' goes in a circle: damkar → polres → damkar; remove or change one of these 'then'",
    ),
    (
        'code: "22"',
        'code: "13"',
        "20: agency 'polres': code '13' is already that of 'damkar'; choose another",
    ),
    (
        'code: "22"',
        'code: "1"',
        "20: agency 'polres': code '1' and '13' of 'damkar' begin alike; choose another; codes of one length never "
        "do",
    ),
    ('code: "22"', 'code: "112"', "20: agency 'polres': code '112' is the service number; choose another"),
    ('code: "22"', 'code: "2101"', "20: agency 'polres': code '2101' is also an extension; choose another"),
    (
        'code: "22"',
        "code: 22",
        "20: agency 'polres': 'code' '22' stands without quotes; write it in quotes: \"22\"",
    ),
    (
        'code: "22"',
        'code: "12345"',
        "20: agency 'polres': 'code' '12345' is no code; use 1 to 4 digits in quotes, like \"13\"",
    ),
    # the call takers
    (
        "then: menu",
        "then: nobody",
        "9: call_takers: agency 'nobody' is not defined; known agencies: damkar, polres, menu",
    ),
    ("  then: menu\n", "", "7: call_takers: 'then' is missing; add `then: menu`"),
    (
        ', menu: "1"',
        "",
        "9: call_takers: 'then' is menu, but no incident has a menu key; give incidents one (menu: \"1\"), or "
        "name an agency here",
    ),
    # incidents
    (
        "primary: damkar",
        "primary: damkr",
        "24: incident 'kebakaran', primary: agency 'damkr' is not defined; known agencies: damkar, polres",
    ),
    (
        "[polres]",
        "[polres, polre]",
        "24: incident 'kebakaran', support: agency 'polre' is not defined; known agencies: damkar, polres",
    ),
    (
        "[polres]",
        "[polres, polres]",
        "24: incident 'kebakaran': 'polres' is twice in 'support'; remove one of them",
    ),
    (
        "[polres]",
        "[damkar]",
        "24: incident 'kebakaran': 'damkar' is the primary agency and in 'support' too; remove it from 'support'",
    ),
    (
        "incidents:",
        'incidents:\n  banjir: {name: Banjir, menu: "1", primary: polres}',
        "25: incident 'kebakaran': menu key '1' is already that of 'banjir'; choose another; free: "
        "2 3 4 5 6 7 8 9 0",
    ),
    (
        'menu: "1"',
        'menu: "12"',
        "24: incident 'kebakaran': 'menu' '12' is no key of a telephone; use one digit in quotes, like \"4\"",
    ),
    (
        "default_agency: polres",
        "default_agency: x",
        "25: default_agency: agency 'x' is not defined; known agencies: damkar, polres",
    ),
    (
        "default_agency: polres",
        "default_agency: polres\nrecording: {enabled: yes}",
        "26: recording: 'enabled' is neither true nor false; write true or false, without quotes",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_single_mistake_gives_exactly_one_message(old: str, new: str, message: str) -> None:
    assert errors(changed((old, new))) == [message]


def test_every_mistake_of_the_file_is_reported_at_once_in_the_order_of_its_lines() -> None:
    text = changed(
        ("version: 1", "version: 3"),
        ("Layanan 112", '"a$b"'),
        ("gsm}", "gsm2}"),
        ('code: "13"', "code: 13"),
        ("[polres]", "[polre]"),
        ("default_agency: polres", "default_agency: x\ndefalt: 1\nversion: 1"),
    )
    assert [int(message.split(":")[0]) for message in errors(text)] == [1, 2, 13, 16, 24, 25, 26, 27]


def test_a_wrong_value_hides_no_reference_and_invents_none() -> None:
    """Nobody who mends the first mistake should then meet a second one that was there all the time."""
    text = changed(("  polres:\n    name: Polres", "  polres:\n    name: 7"), ("gsm}", "gsm2}"))
    assert [message.split(":")[0] for message in errors(text)] == ["16", "19"]


ONE_MISTAKE = [
    (
        2,  # a country that is none: whose numbers are national?
        ("Layanan 112", "X, country: Id"),
        ('["+628"]', '["+65"]\n    format: national'),
        ("+6281200000001", "+6591234567"),
    ),
    (23, ('{extension: "2221"}', '{extension: "1"}\n      - {extension: "1", technology: "?"}')),
    (24, ("primary: damkar, support: [polres]", "primary: 1")),
    (
        23,
        (
            'incidents:\n  kebakaran: {name: Kebakaran, menu: "1", primary: damkar, support: [polres]}',
            "incidents: 7",
        ),
    ),
    (13, ('code: "13"', "code: 13"), ('code: "22"', 'code: "01"')),
    (22, ('{extension: "2221"}', "!x y")),
    (6, ('"+628"', "!x y")),
]


@pytest.mark.parametrize("mistake", ONE_MISTAKE)
def test_nothing_is_concluded_from_a_value_that_is_wrong_already(mistake: tuple[Any, ...]) -> None:
    line, *changes = mistake
    assert [message.split(":")[0] for message in errors(changed(*changes))] == [str(line)]


def test_two_wrong_items_of_one_list_hide_nothing_in_the_third() -> None:
    lines = '{extension: "2221"}'
    text = changed((lines, '7\n      - 8\n      - {extension: "1", trunk: gsm}\n      - 9'))
    assert [message.split(":")[0] for message in errors(text)] == ["22", "23", "24", "25"]


@pytest.mark.parametrize("key", ["menu", "call_takers"])
def test_words_with_a_meaning_are_no_keys_of_agencies(key: str) -> None:
    text = GOOD.replace("polres", key).replace("then: menu", "then: damkar")
    assert f"18: agency '{key}': this key is reserved; choose another key" in errors(text)


@pytest.mark.parametrize("key", ["Polres", "pol-res", "1polres", "pol res", "p" * 33, "política"])
def test_keys_are_plain_words(key: str) -> None:
    [message] = errors(GOOD.replace("polres", key))
    assert message.startswith("18: ")
    assert "is no key; use a-z, 0-9 and _ only" in message


def test_an_item_of_a_long_list_is_named_with_its_own_line() -> None:
    text = changed((", support: [polres]}", "}")).replace(
        'kebakaran: {name: Kebakaran, menu: "1", primary: damkar}',
        'kebakaran:\n    name: X\n    menu: "1"\n    primary: damkar\n    support:\n      - polres\n      - nobody',
    )
    assert [message.split(":")[0] for message in errors(text)] == ["30"]


def test_no_agency_at_all_is_an_error() -> None:
    text = 'version: 1\nservice: {name: X}\nagencies: {}\ndefault_agency: "x"\n'
    assert "3: no agency is defined; define at least one" in errors(text)


def test_a_trunk_for_national_numbers_refuses_foreign_ones() -> None:
    text = changed(('["+628"]', '["+62", "+65"]\n    format: national'), ("+6281200000001", "+6591234567"))
    assert errors(text) == [
        "17: agency 'damkar', line 2: trunk 'gsm' dials national numbers; '+6591234567' is not one of ID; give that "
        "trunk `format: e164`, or use another"
    ]


def test_a_flood_of_mistakes_is_cut_and_says_so() -> None:
    found = errors(GOOD + "".join(f"k{number}: 1\n" for number in range(MAX_FINDINGS + 50)))
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].endswith("50 more errors follow; mend these first")


def test_every_required_key_has_an_example_for_whoever_forgets_it() -> None:
    parts = [
        part for part in vars(document).values() if isinstance(part, type) and issubclass(part, document.Part)
    ]
    required = {name for part in parts for name, field in part.model_fields.items() if field.is_required()}
    assert required <= set(_EXAMPLES)


def test_a_wrong_primary_is_not_compared_with_the_support() -> None:
    text = changed(("primary: damkar, support: [polres]", 'primary: 1, support: ["-"]'))
    assert len(errors(text)) == 2
