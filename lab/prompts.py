"""The spoken prompts of a plan, where Asterisk finds them."""

from __future__ import annotations

from pathlib import Path

from pbx112.plan.types import Plan


def put_prompts(plan: Plan, sounds: Path) -> None:
    """Speak the plan's prompts into Asterisk's folder of sounds."""
