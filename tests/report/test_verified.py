"""The record of verification as a page: what stands on it, and that nothing from the records is more than text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from pbx112.cdr.tested import LineTested, Verification, read_verification, sha256_of
from pbx112.report.verified import render
from pbx112.words import Language

AT = datetime(2026, 11, 26, 3, 4, 5, tzinfo=UTC)
GOOD = LineTested("damkar", "Dinas Damkar", "2101", "Pos", 1, "verified", 2.5, 3.25, True, True, "", AT, 7)
MUTE = msgspec.structs.replace(GOOD, line="2102", result="no_sound", sound=False, seq=9)
MOBILE = LineTested(
    "pln", "PLN <b>", "+6281200000001", "A&B", 2, "interrupted", None, None, False, False, "call", AT, 12
)
RUN = Verification("20261126-030405-4f1a", "7e0e5c1e", "kaur", "98c0", (GOOD, MUTE, MOBILE))


def page(language: Language) -> str:
    html = render(RUN, "Layanan 112 Kabupaten Kaur", ZoneInfo("Asia/Jakarta"), language, "berita.json")
    return re.sub(
        r"\s+", " ", re.sub(r"<style>.*?</style>|<td[^>]*>|</td>|<b>|</b>", " ", html, flags=re.DOTALL)
    )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "id",
            (
                "1 dari 3 saluran",
                "0 dari 2 OPD",
                "2101 Pos terverifikasi 2,5",
                "saluran diperlukan panggilan darurat",
            ),
        ),
        ("en", ("1 of 3 lines", "0 of 2 agencies", "2101 Pos verified 2.5", "a real call needed the line")),
    ],
)
def test_it_says_who_was_called_and_what_came_of_it(language: Language, words: tuple[str, ...]) -> None:
    text = page(language)
    for word in (
        *words,
        "Layanan 112 Kabupaten Kaur",
        RUN.run,
        "Diskominfo",
        "entri 7" if language == "id" else "entries 7",
    ):
        assert word in text
    assert "10.04" in text or "10:04" in text  # of the office


def test_names_are_text() -> None:
    assert "PLN &lt;b&gt;" in page("id") and "A&amp;B" in page("id")


def test_its_hash_is_that_of_the_data_and_one_changed_word_changes_it() -> None:
    written = RUN.written()
    digest = sha256_of(written)
    assert " ".join(digest[at : at + 8] for at in range(0, 64, 8)) in page("en")
    assert read_verification(written) == RUN
    assert sha256_of(written.replace(b"no_sound", b"verified")) != digest
