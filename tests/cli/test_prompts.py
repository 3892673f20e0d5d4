"""The prompts are spoken by the command, and the office's own recordings stay."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from tests.cli.conftest import Pbx112
from tests.cli.exchange import PROMPTS


def test_every_prompt_is_spoken_once_and_a_recording_of_the_office_stays(
    pbx112: Pbx112, tmp_path: Path
) -> None:
    folder = tmp_path / "sounds" / "pbx112"
    folder.mkdir(parents=True)
    (folder / "greeting.gsm").write_bytes(b"our own voice")
    first = pbx112("prompts", str(folder))
    assert first.exit_code == 0
    assert f"{PROMPTS} prompts are in" in first.output
    assert (folder / "greeting.gsm").read_bytes() == b"our own voice"
    assert not (folder / "greeting.wav").exists()
    with wave.open(str(folder / "accept.wav")) as sound:
        assert sound.getframerate() == 8000
        assert sound.getnframes() > 8000
    assert [line.split()[:2] for line in first.output.splitlines()][:3] == [
        ["greeting", "the"],
        ["menu", "spoken"],
        ["accept", "spoken"],
    ]
    assert pbx112("prompts", str(folder)).output.count(" as before ") == PROMPTS - 1


@pytest.mark.parametrize(
    ("folder", "path", "says"),
    [
        ("/proc/pbx112", None, "/proc/pbx112"),
        ("sounds", "/nowhere", "espeak-ng is not installed: run `apt-get install espeak-ng`"),
    ],
)
def test_why_it_cannot(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str, path: str | None, says: str
) -> None:
    if path is not None:
        monkeypatch.setenv("PATH", path)
    result = pbx112("prompts", str(tmp_path / folder))
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
