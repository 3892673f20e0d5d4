"""What people read."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from pbx112.alarms.conditions import LASTS, Kind
from pbx112.alarms.heart import Known, Word
from pbx112.alarms.texts import HEADLINES, REMEDIES, SHORT, Voice, headline, message
from pbx112.words import Language
from tests.model.desk import NOON

VOICE = Voice("Layanan 112", "kaur1", "id", ZoneInfo("Asia/Jakarta"))
FIRE = Known("agency", "damkar", "Dinas Damkar", 0, "", NOON)
GONE = Known("daemon", "", "", 0, "absent", NOON)
MINUTE, DAY = 60_000_000, 86_400_000_000


def test_an_alarm_begins() -> None:
    told = message([Word("begins", FIRE, NOON)], VOICE, NOON + 3 * MINUTE)
    assert told.title == "Layanan 112 (kaur1): ALARM: Dinas Damkar: tidak ada saluran yang hidup"
    assert told.body.startswith(
        "ALARM: Dinas Damkar: tidak ada saluran yang hidup, sejak 12:00\n-> apakah teleponnya"
    )
    assert (told.short, told.kind) == (told.title, "failure")


def test_it_is_over_on_the_next_day() -> None:
    english = replace(VOICE, language="en")
    told = message([Word("over", GONE, NOON, NOON + DAY)], english, NOON + DAY + MINUTE)
    assert told.body == "OVER: pbx112 does not serve: the fallback dialplan rings (24/11 12:00 - 12:00)"
    assert told.kind == "success"


def test_several_in_one_message_the_new_ones_first() -> None:
    told = message(
        [Word("over", FIRE, NOON, NOON + MINUTE), Word("still", GONE, NOON), Word("begins", GONE, NOON)],
        VOICE,
        NOON,
    )
    assert told.title == "Layanan 112 (kaur1): 3 alarm"
    assert [line.split(":")[0] for line in told.body.split("\n\n")] == ["ALARM", "MASIH", "SELESAI"]
    assert "(tidak ada proses)" in told.body and told.kind == "failure"


def test_a_hundred_alarms_are_a_bounded_message() -> None:
    told = message([Word("begins", FIRE, NOON)] * 100, VOICE, NOON)
    assert "dan 85 lagi" in told.body and told.body.count("ALARM") == 15
    assert len(told.short) == SHORT and told.short.endswith("...")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("kind", list(LASTS))
def test_every_alarm_has_its_words(kind: Kind, language: Language) -> None:
    assert set(HEADLINES) == set(REMEDIES) == set(LASTS)
    shown = headline(Known(kind, "x", "Dinas X", 7, "", NOON), language)
    assert shown and "{" not in shown
    assert ("7" in shown) == ("{many}" in HEADLINES[kind][0]) and ("Dinas X" in shown) == (
        "{name}" in HEADLINES[kind][0]
    )


def test_call_takers_are_called_by_their_name() -> None:
    assert headline(replace_name("call_takers"), "id") == "penerima panggilan: tidak ada saluran yang hidup"


def replace_name(name: str) -> Known:
    return Known("agency", name, name, 0, "", NOON)
