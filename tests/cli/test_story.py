"""Every event can be told in a sentence, in English and in Indonesian."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx112.cli.story import caller_of, sentence
from pbx112.model import events as ev
from pbx112.words import DISPOSITIONS, OUTCOMES, RESULTS, TESTS
from tests.cdr.calls import DESK, MOBILE
from tests.cli.conftest import Pbx112

KINDS: tuple[type[ev.Event], ...] = get_args(ev.Event)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=2, deadline=None)
def test_each_kind_has_its_sentence(kind: type[ev.Event], data: st.DataObject) -> None:
    event = data.draw(st.from_type(kind))
    english, indonesian = (sentence(event, unmask=False, language=language) for language in ("en", "id"))
    assert english != kind.__name__ and indonesian not in ("", english)


def test_the_words_are_those_of_the_records() -> None:
    assert list(OUTCOMES) == list(ev.Outcome)
    assert list(RESULTS) == list(ev.LegResult)
    assert list(DISPOSITIONS) == list(ev.Disposition)
    assert list(TESTS) == list(ev.TestResult)


@pytest.mark.parametrize(
    ("event", "english", "indonesian"),
    [
        (
            ev.StageEntered("call_takers", "menu:kebakaran", 1, ((DESK, MOBILE),)),
            "turns to call takers (chosen: kebakaran): 2 lines to try",
            "beralih ke penerima panggilan (dipilih: kebakaran): 2 saluran akan dicoba",
        ),
        (
            ev.LegEnded(2, ev.LegResult.UNAVAILABLE, detail="trunk_full"),
            "leg 2: over: unavailable (trunk full)",
            "upaya 2: selesai: tidak terhubung (jalur keluar penuh)",
        ),
        (
            ev.CallEnded(ev.Outcome.ABANDONED_MENU, "caller"),
            "ended by caller: abandoned_menu",
            "diakhiri penelepon: menutup saat menu",
        ),
        (
            ev.CallBackPlaced("1101", "+6281311112222", "gsm"),
            "1101 calls back …222 over gsm",
            "1101 menghubungi kembali …222 lewat gsm",
        ),
    ],
)
def test_what_is_told(event: ev.Event, english: str, indonesian: str) -> None:
    assert sentence(event, unmask=False) == english
    assert sentence(event, unmask=False, language="id") == indonesian


@pytest.mark.parametrize(
    ("raw", "number", "shown"),
    [
        ("081311112222", "+6281311112222", "…222"),
        ("110", None, "…"),
        ("anonymous", None, "withheld"),
        ("…ous", None, "withheld"),  # as the views give it
        ("", None, "withheld"),
    ],
)
def test_a_number_is_masked_and_what_is_none_is_no_number(raw: str, number: str | None, shown: str) -> None:
    assert caller_of(raw, number, unmask=False) == shown
    assert caller_of(raw, number, unmask=True) == (number or raw or "withheld")


def test_the_help_names_the_extra_to_install(pbx112: Pbx112) -> None:
    assert "pbx112[report]" in pbx112("report", "--help").output
