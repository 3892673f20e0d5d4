"""Tones: made for one side to play, measured in what the other side heard."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

RATE = 8000


def write_tone(file: Path, hertz: float, seconds: float = 60.0) -> Path:
    """A sine of `hertz` as WAV (8 kHz, mono, 16 bit)."""
    one_second = [
        round(12000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(RATE)
    ]  # whole hertz: it repeats without a click
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(struct.pack(f"<{RATE}h", *one_second) * max(1, math.ceil(seconds)))
    return file


def loudness_of(file: Path, hertz: float) -> float:
    """The share (0 to 1) of the sound's energy in its last second that is the tone `hertz` (Goertzel)."""
    samples, rate = _last_second(file)
    total = sum(s * s for s in samples)
    if not total or len(samples) < rate / 4:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
    one, two = 0.0, 0.0
    for sample in samples:
        one, two = sample + coefficient * one - two, one
    power = one * one + two * two - coefficient * one * two
    return 2 * power / (len(samples) * total)


def tone_of(file: Path, among: tuple[float, ...] = (440.0, 880.0)) -> float | None:
    """Which of these tones the sound is at its end; None where it is none of them."""
    loudest = max(among, key=lambda hertz: loudness_of(file, hertz))
    return loudest if loudness_of(file, loudest) > 0.8 else None


def _last_second(file: Path) -> tuple[list[int], int]:
    """The last whole second that is no silence; shorter where there is not as much."""
    content = file.read_bytes() if file.exists() else b""
    data = content.find(b"data") + 8
    if not content.startswith(b"RIFF") or data < 44:
        return [], RATE
    rate: int = struct.unpack_from("<I", content, 24)[0]
    count = (len(content) - data) // 2  # not what the header says: the file may still be written to
    samples = list(struct.unpack_from(f"<{count}h", content, data))
    while samples and abs(samples[-1]) < 200:
        samples.pop()
    return samples[-rate:], rate
