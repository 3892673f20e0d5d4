"""Whatever stands in the file: a plan, or its errors in words, never anything else, and soon."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx112.plan.load import Finding, PlanError, parse_plan
from pbx112.plan.source import MAX_BYTES
from tests.plan.example import GOOD, errors

OFFICE = (Path(__file__).parents[2] / "agencies.yaml").read_text(encoding="utf-8")
DIALLED = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_.@:/+-]+")

SYNTAX = [
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "? ",
    "| ",
    "%",
    '"',
    "'",
    "#",
    ", ",
    "\n",
    "\n  ",
    "\t",
    "---\n",
    "...\n",
]
ODD = ["\\x00", "&a ", "*a", "!!int ", "<<: ", "\0", "\ufeff", "\ud800", "\u2028", "~", "${EXTEN}", "…"]
VALUES = ["0812", "yes", "1e9", "9" * 5000, "+62", "null"]
KEYS = ["version", "service", "lines", "extension", "agencies", "then", "menu", "damkar"]
PIECES = st.sampled_from([*SYNTAX, *ODD, *VALUES, *KEYS])

patient = settings(deadline=None)
"""The machine that runs the tests may be busy."""


def outcome(text: str | bytes) -> tuple[Finding, ...]:
    """The findings for `text`; checks what must hold of every one of them, and of every plan."""
    last = (text if isinstance(text, bytes) else text.encode("utf-8", "replace")).count(b"\n") + 1
    try:
        loaded = parse_plan(text, "agencies.yaml")
    except PlanError as error:
        assert error.findings
        assert list(error.findings) == sorted(error.findings, key=lambda finding: finding.line)
        for finding in error.findings:
            assert finding.severity == "error"
            assert 0 <= finding.line <= last
            assert str(finding).isprintable()
            assert len(str(finding)) < 700
        return error.findings
    for _, line in loaded.plan.lines():
        assert DIALLED.fullmatch(line.dial)
        assert line.name.isprintable()
        assert 1 <= line.ring_for <= 120
    return loaded.warnings


@patient
@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@patient
@given(st.binary())
def test_any_bytes(content: bytes) -> None:
    outcome(content)


@patient
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_heap_of_yaml(text: str) -> None:
    outcome(text)


@patient
@given(st.data())
def test_a_good_file_with_pieces_cut_out_and_put_in(data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(PIECES | st.text(max_size=4)) + text[end:]
    outcome(text)


@patient
@given(st.data())
def test_a_good_file_with_values_of_any_kind(data: st.DataObject) -> None:
    values = list(re.finditer(r'(?<=: )("[^"]*"|\[[^]]*\]|[a-z0-9]+)', GOOD))
    value = data.draw(st.sampled_from(values))
    kinds = [
        "1",
        "1.5",
        "true",
        "[]",
        "{}",
        "[x]",
        "{x: y}",
        "[[1]]",
        '""',
        '"\\0"',
        "-3",
        '"+1"',
        ".nan",
        "[{a: 1}]",
    ]
    outcome(GOOD[: value.start()] + data.draw(st.sampled_from(kinds)) + GOOD[value.end() :])


@settings(patient, max_examples=40)
@given(st.data())
def test_the_offices_file_without_any_of_its_lines(data: st.DataObject) -> None:
    lines = OFFICE.splitlines(keepends=True)
    gone = data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=3))
    outcome("".join(line for number, line in enumerate(lines) if number not in gone))


UNREADABLE = [
    ("", "the file is empty; begin with `version: 1`"),
    ("# nothing\n", "the file is empty; begin with `version: 1`"),
    ("- version: 1", "1: the file holds no keys; begin with `version: 1`"),
    (b"a: 1\nb: \xff", "2: the text is not UTF-8; save the file as UTF-8"),
    ("version: 1\n".encode("utf-16"), "1: the text is not UTF-8; save the file as UTF-8"),
    ("a:\n\tb: 1", "2: a tab indents this line; indent with spaces"),
    ("a: 1\n# note\u2028default_agency: polres", "2: a control character stands here; "),
    ("a: 1\rb: 2", "1: a control character stands here; "),
    ("a: 1\nb: \0", "2: a control character stands here; delete it, or type the line anew"),
    ("a: 1\n---\nb: 1", "2: a second document begins here; keep one; remove this `---`"),
    (
        "a: 1\nb: [1, 2",
        "2: not valid YAML: expected ',' or ']', but got '<stream end>'; check quotes, brackets, ",
    ),
    ("a: " + "[" * 100_000, "1: this is nested too deeply; check brackets and indentation"),
    ("- " * 100_000, "1: this is nested too deeply; check brackets and indentation"),
    ('a: "\\U99999999"', "an escape (\\U…) or a % directive is not valid YAML; "),
]


@pytest.mark.parametrize(("text", "message"), UNREADABLE)
def test_what_is_no_readable_yaml_is_one_error(text: str | bytes, message: str) -> None:
    [found] = errors(text)
    assert found.startswith(message)


CONSTRUCTS = [
    ("&x", "2: an anchor ('x') is not allowed; remove it"),
    (
        "!!python/object/new:os.system {name: x}",
        "2: a tag ('tag:yaml.org,2002:python/object/new:os.system') ",
    ),
    ("!local x", "2: a tag ('!local') is not allowed; remove it"),
    ("{? [x] : y}", "2: a key must be a single word; write `key: value`"),
    ('"a\\nb"', "2: 'a\\nb' holds a line break or an invisible character; "),
    ('"\\ud800"', "2: '\\ud800' holds a line break or an invisible character; "),
    ("a\u202eb", "2: 'a\\u202eb' holds a line break or an invisible character; "),
]


@pytest.mark.parametrize(("value", "message"), CONSTRUCTS)
def test_yaml_that_hides_what_it_means_is_refused(value: str, message: str) -> None:
    assert errors(GOOD.replace("{name: Layanan 112}", value))[0].startswith(message)


def test_an_alias_is_refused_before_it_can_multiply() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    found = errors("a0: &a0 [x, x]\n" + levels + GOOD)
    assert "2: an alias ('a0') is not allowed; write the value out" in found


@pytest.mark.parametrize(
    "unit",
    ["a: b\n", "k%d: v\n", "[x,", "{a: ", "&a x\n", "'", "- {a: b}\n", "  x\n", "\\", "? a\n", "#\n", "*a\n"],
)
def test_the_largest_file_of_rubbish_is_refused_in_bounded_time(unit: str) -> None:
    text = "".join(unit % n if "%d" in unit else unit for n in range(MAX_BYTES // (len(unit) + 4)))
    begin = time.process_time()
    assert outcome(text)
    assert time.process_time() - begin < 20  # two seconds on an idle machine
