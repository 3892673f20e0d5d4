"""The prompts that a caller and a mobile's human hear: texts, and speaking them into sound files."""

from __future__ import annotations

from pbx112.sounds.speak import SoundError, Spoken, speak
from pbx112.sounds.texts import texts

__all__ = ["SoundError", "Spoken", "speak", "texts"]
