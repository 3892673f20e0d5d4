"""Settings: what is wrong is told in an administrator's words; the sample names every one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx112.settings import Settings, SettingsError, load_settings

SAMPLE = Path(__file__).parent.parent / "deploy" / "pbx112.env"


def test_the_sample_names_every_setting() -> None:
    text = SAMPLE.read_text()
    assert [name for name in Settings.model_fields if f"PBX112_{name.upper()}" not in text] == []


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("watch_host", "localhost", "write the IP address of this machine, such as 127.0.0.1"),
        ("agi_host", "10.0.0.1", "write an address of this machine alone: 127.0.0.1"),
        ("ari_url", "127.0.0.1:8088", "write http://127.0.0.1:8088"),
        ("ari_app", "a/b", "letters, digits"),
        ("node", "kaur 1", "letters, digits"),
        ("desk_pins", "damkar", "write agency=PIN with 4 to 8 digits"),
        ("watch_port", "99999", "input should be less than or equal to 65535"),
    ],
)
def test_a_wrong_setting_is_told_with_its_remedy_and_no_pattern(name: str, value: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(ari_password="x", **{name: value})
    assert str(refused.value).startswith(f"PBX112_{name.upper()}: ")
    assert remedy in str(refused.value)
    assert "pattern" not in str(refused.value) and "^" not in str(refused.value)


def test_every_pattern_has_its_words() -> None:
    from pbx112.settings import _WRITE

    patterned = {
        name
        for name, field in Settings.model_fields.items()
        if any(getattr(each, "pattern", None) for each in field.metadata)
    }
    assert patterned == set(_WRITE)
