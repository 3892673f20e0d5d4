"""The prompts: what is said, and that an office's own recordings are safe."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import stat
import sys
import wave
from pathlib import Path

import pytest

from pbx112.plan.types import Plan
from pbx112.sounds import SoundError, Spoken, speak, texts
from tests.plan.plans import agency, extension, plan


@pytest.fixture
def kaur() -> Plan:
    return plan(agency("damkar", extension("2101")), menu={"4": "damkar"})


def results(spoken: tuple[Spoken, ...]) -> set[str]:
    return {prompt.result for prompt in spoken}


def test_the_menu_names_each_incident_and_its_key(kaur: Plan) -> None:
    said = texts(kaur)
    assert said["menu_incident_4"] == "Untuk incident 4, tekan empat."
    assert "satu satu dua" in said["accept"]
    assert "112" not in said["greeting"], "a voice would read it as one hundred and twelve"
    english = texts(dataclasses.replace(kaur, service=dataclasses.replace(kaur.service, language="en")))
    assert english["menu_incident_4"] == "For incident 4, press four."
    assert english.keys() == said.keys()


def test_every_prompt_is_spoken_for_a_telephone(kaur: Plan, tmp_path: Path) -> None:
    seen: list[Spoken] = []
    spoken = speak(kaur, tmp_path / "pbx112", seen.append)
    assert tuple(seen) == spoken
    assert results(spoken) == {"made"}
    assert {prompt.key for prompt in spoken} == texts(kaur).keys()
    for prompt in spoken:
        with wave.open(str(tmp_path / "pbx112" / f"{prompt.key}.wav")) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
            seconds = file.getnframes() / 8000
            loudest = max(memoryview(file.readframes(file.getnframes())).cast("h"))
        assert 0.3 < seconds < 20, prompt
        assert loudest > 3000, prompt


def test_asterisk_can_read_them_whatever_the_umask(kaur: Plan, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        speak(kaur, tmp_path / "pbx112")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "pbx112").stat().st_mode) == 0o755
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "pbx112").iterdir()} == {0o644}


def test_a_second_run_speaks_only_what_has_changed(kaur: Plan, tmp_path: Path) -> None:
    speak(kaur, tmp_path)
    assert results(speak(kaur, tmp_path)) == {"unchanged"}
    renamed = dataclasses.replace(kaur, service=dataclasses.replace(kaur.service, name="Layanan Darurat"))
    made = {prompt.key for prompt in speak(renamed, tmp_path) if prompt.result == "made"}
    assert made == {"greeting", "menu"}


@pytest.mark.parametrize("name", ["menu.wav", "menu.gsm"])
def test_a_recording_of_the_office_is_never_touched(kaur: Plan, tmp_path: Path, name: str) -> None:
    speak(kaur, tmp_path)
    own = tmp_path / name
    own.write_bytes(b"the voice of Ibu Sari")
    before = hashlib.sha256((tmp_path / "menu.wav").read_bytes()).digest()
    renamed = dataclasses.replace(kaur, service=dataclasses.replace(kaur.service, name="Layanan Darurat"))
    kept = [prompt.key for prompt in speak(renamed, tmp_path) if prompt.result == "kept"]
    assert kept == ["menu"]
    assert own.read_bytes() == b"the voice of Ibu Sari"
    assert hashlib.sha256((tmp_path / "menu.wav").read_bytes()).digest() == before


def test_a_disk_that_was_full_leaves_no_old_prompt_behind(
    kaur: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the old menu would count as the office's own, and be played for good."""
    speak(kaur, tmp_path)
    english = dataclasses.replace(kaur, service=dataclasses.replace(kaur.service, language="en"))
    module = sys.modules[speak.__module__]
    write = module._write

    def full(file: Path, content: bytes) -> None:
        if file.suffix == ".wav":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, content)

    with monkeypatch.context() as disk:
        disk.setattr(module, "_write", full)
        with pytest.raises(SoundError, match="no space left"):
            speak(english, tmp_path)
    assert results(speak(english, tmp_path)) == {"made"}
    assert results(speak(english, tmp_path)) == {"unchanged"}


def test_a_damaged_memory_protects_rather_than_overwrites(kaur: Plan, tmp_path: Path) -> None:
    speak(kaur, tmp_path)
    (tmp_path / "made-by-pbx112.json").write_text("{")
    assert results(speak(kaur, tmp_path)) == {"kept"}


def test_without_espeak_the_remedy_is_named(
    kaur: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SoundError, match="apt-get install espeak-ng"):
        speak(kaur, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(kaur: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SoundError, match="file"):
        speak(kaur, tmp_path / "file" / "pbx112")
