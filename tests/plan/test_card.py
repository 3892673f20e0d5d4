"""The operator's card: one A4 page with all that the plan's codes and keys are, and nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pbx112.model.codes import code_of, rows
from pbx112.plan.card import FOOT, HEAD, LOWEST, PAGE, TITLE, TooMuch, render_card, row_height
from pbx112.plan.load import load_plan
from tests.plan.plans import agency, extension, plan

PROJECT = Path(__file__).parent.parent.parent
SAMPLE = PROJECT / "docs" / "operator-card.id.html"


class Page(HTMLParser):
    """Counts rows and columns, and listens for anything that a page would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.columns: list[int] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div" and ("class", "row") in attrs:
            self.columns[-1] += 1
        elif tag == "div" and not attrs:
            self.columns.append(0)
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def height_of(html: str) -> float:
    """Millimetres that the page takes: its columns stand beside each other, two and two."""
    row = float(re.findall(r"\.row \{ height: ([0-9.]+)mm", html)[0])
    rows = [count for count in Page(html).columns if count]
    telephone, lists = rows[:2], rows[2:]
    assert len(lists) == 2
    return HEAD + 2 * TITLE + FOOT + row * (max(telephone) + max(lists))


def test_the_sample_is_the_card_of_the_example_plan() -> None:
    example = load_plan(PROJECT / "agencies.yaml").plan
    assert SAMPLE.read_text() == render_card(example, rows(example)), (
        "run `pbx112 card > docs/operator-card.id.html` again"
    )


def test_it_fits_one_page_and_fetches_nothing() -> None:
    html = SAMPLE.read_text()
    assert height_of(html) <= PAGE
    assert Page(html).fetched == []
    assert "url(" not in html and "@import" not in html and "http" not in html


def test_each_code_and_key_stands_on_it() -> None:
    example = load_plan(PROJECT / "agencies.yaml").plan
    text = Page(render_card(example, rows(example))).text
    for each in example.agencies.values():
        assert f"{each.code}{each.name}" in text
    for incident in example.incidents.values():
        first = example.agencies[incident.primary].code
        support = " ".join(example.agencies[key].code for key in incident.support)
        assert f"{code_of(incident)}{incident.name}{first} {support}" in text
    for row in rows(example):
        assert "".join(row) in text


@pytest.mark.parametrize("rows", [1, 20, 30, 50])
def test_rows_are_as_high_as_the_page_lets_them(rows: int) -> None:
    assert LOWEST <= row_height(rows) <= (PAGE - HEAD - 2 * TITLE - FOOT) / rows


def test_more_than_can_be_read_is_refused() -> None:
    crowd = [agency(f"opd_{number}", extension(str(2000 + number))) for number in range(60)]
    with pytest.raises(TooMuch, match="do not fit on one page"):
        render_card(plan(*crowd))


def test_a_hostile_name_is_text() -> None:
    made = plan(agency("damkar", extension("2101")))
    html = render_card(made, [("<script>", "</div>&")])
    assert "<script>" not in html and "&lt;script&gt;" in html
