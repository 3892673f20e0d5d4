"""The spoken prompts of a plan, where Asterisk finds them."""

from __future__ import annotations

from pathlib import Path

from lab.processes import LabError
from pbx112.plan.types import Plan
from pbx112.sounds import SoundError, speak


def put_prompts(plan: Plan, sounds: Path) -> None:
    """Speak the plan's prompts into Asterisk's folder of sounds. Raises :class:`LabError`."""
    try:
        speak(plan, sounds / "pbx112")
    except SoundError as error:
        raise LabError(str(error)) from None
