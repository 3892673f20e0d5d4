"""Speaks the prompts with espeak-ng into files that Asterisk plays (8 kHz, mono, 16 bit WAV).

What the office has recorded itself is never overwritten: files of our making are remembered by their content in
`made-by-pbx112.json` beside them, and only those are made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from array import array
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pbx112.plan.types import Plan
from pbx112.sounds.texts import texts

MANIFEST = "made-by-pbx112.json"
RATE = 8000
"""Samples a second, as telephones have it."""

LONGEST = 60.0
"""Seconds that speaking one prompt may take."""

_WORDS_A_MINUTE = "145"


class SoundError(Exception):
    """The prompts cannot be made; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What became of one prompt: `made`, `unchanged` (spoken before), or the office's own, which was `kept`."""

    key: str
    text: str
    result: Literal["made", "unchanged", "kept"]


def speak(
    plan: Plan, directory: Path, progress: Callable[[Spoken], None] = lambda _: None
) -> tuple[Spoken, ...]:
    """Speak every prompt of `plan` into `directory` (`<Asterisk's sounds>/pbx112`), which is made if need be.

    Raises :class:`SoundError` where espeak-ng is missing or fails, or the directory cannot be written.
    """
    try:
        if not directory.exists():
            directory.mkdir(parents=True)
            directory.chmod(0o755)  # whatever root's umask is: Asterisk is another user
        made = _read_manifest(directory)
        results = []
        for key, text in texts(plan).items():
            result = _speak_one(directory, key, text, plan.service.language, made)
            results.append(result)
            progress(result)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SoundError(
            f"{error.filename or directory}: {reason}; run as root, or name another folder"
        ) from None
    return tuple(results)


def _speak_one(
    directory: Path, key: str, text: str, language: str, made: dict[str, dict[str, str]]
) -> Spoken:
    file, known = directory / f"{key}.wav", made.get(key, {})
    if _recorded_by_others(directory, key, (known.get("sha256"), known.get("before"))):
        return Spoken(key, text, "kept")
    said, stands = f"{language}: {text}", _hash(file) if file.exists() else ""
    if stands and stands == known.get("sha256") and known.get("said") == said:
        return Spoken(key, text, "unchanged")
    content = _voice(text, language)
    # First the memory, of both, then the file: a stop in between (a full disk) must not leave a file of ours that
    # counts as theirs.
    made[key] = {"said": said, "sha256": hashlib.sha256(content).hexdigest(), "before": stands}
    _write(directory / MANIFEST, json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True).encode())
    _write(file, content)
    return Spoken(key, text, "made")


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _recorded_by_others(directory: Path, key: str, ours: Container[str | None]) -> bool:
    """Whether a file in any format stands under this key that is none that we made.

    Asterisk chooses among formats by itself: a `menu.gsm` of the office's must not be outshone by our WAV.
    """
    return any(file.suffix != ".wav" or _hash(file) not in ours for file in directory.glob(f"{key}.*"))


def _voice(text: str, language: str) -> bytes:
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise SoundError(
            "espeak-ng is not installed: run `apt-get install espeak-ng`, or record the prompts yourself"
        )
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        command = [espeak, "-v", language, "-s", _WORDS_A_MINUTE, "-w", str(spoken), "--stdin"]
        try:
            subprocess.run(command, input=text.encode(), capture_output=True, timeout=LONGEST, check=True)  # noqa: S603
        except subprocess.CalledProcessError as error:
            raise SoundError(f"espeak-ng failed: {error.stderr.decode(errors='replace').strip()}") from None
        except subprocess.TimeoutExpired:
            raise SoundError(f"espeak-ng did not finish within {LONGEST:.0f} s") from None
        with wave.open(str(spoken), "rb") as source:
            samples = array("h", source.readframes(source.getnframes()))
            rate = source.getframerate()
        if sys.byteorder == "big":
            samples.byteswap()
        result = Path(folder) / "telephone.wav"
        with wave.open(str(result), "wb") as target:
            target.setparams((1, 2, RATE, 0, "NONE", ""))
            target.writeframes(_resampled(samples, rate).tobytes())
        return result.read_bytes()


def _resampled(samples: array[int], rate: int) -> array[int]:
    """The samples at `RATE`: each the mean of those it stands for, which keeps hissing out of the telephone band."""
    length = len(samples) * RATE // rate
    edges = [index * rate // RATE for index in range(length + 1)]
    return array("h", (sum(samples[a:b]) // (b - a) for a, b in pairwise(edges)))


def _read_manifest(directory: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads((directory / MANIFEST).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, dict)}


def _write(file: Path, content: bytes) -> None:
    """Write all or nothing: Asterisk may be playing the file."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
