"""What a spreadsheet might run is marked, and can be unmarked again."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbx112.export.safe import marked, unmarked


@pytest.mark.parametrize(
    "text", ["=1+1", "+6281300000001", "-2", "@SUM(A1)", "\t=1", "\r1", "\n1", "\uff1d1"]
)
def test_what_may_be_a_formula_is_marked(text: str) -> None:
    assert marked(text) == "'" + text


@pytest.mark.parametrize("text", ["", "…222", "answered", "1793450000.1", "'tis"])
def test_what_is_none_stays(text: str) -> None:
    assert marked(text) == text


@pytest.mark.parametrize("written", [",", ";"])
@pytest.mark.parametrize("cut", [",", ";"])
@given(st.text(alphabet="'\"=+-@\t\r\n;, a1|!", max_size=12))
@example('x;"=1+1;')
@example("x\n=1+1;")
def test_no_cell_is_a_formula_wherever_the_machine_cuts(written: str, cut: str, text: str) -> None:
    """The separator is the reader's: `;` where the machine is Indonesian, `,` where it is English."""
    out = io.StringIO()
    csv.writer(out, delimiter=written).writerow(["1793450000.1", marked(text), "answered"])
    rows = csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=cut)
    assert not any(cell.strip('"').startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@given(st.text(alphabet="'\"=+-@\t\r\n;, a1"))
def test_nothing_is_lost(text: str) -> None:
    assert unmarked(marked(text)) == text
    assert marked(text)[:1] not in tuple("=+-@\t\r")
