"""The alarms, so brisk that a story need not wait for minutes, and a real webhook that they are told over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from lab.hook import Hook, webhook
from pbx112.alarms.conditions import LASTS
from pbx112.alarms.heart import PACE
from pbx112.alarms.run import watch
from pbx112.settings import Settings

BRISK = dict.fromkeys(LASTS, 0.3)
"""Seconds for which an alarm has to last in these stories."""
SOON = replace(PACE, calm=0.5, apart=0.2)


@asynccontextmanager
async def told_over(file: Path, settings: Settings, within: float = 5.0) -> AsyncIterator[Hook]:
    """They run, and `file`, which `settings` name, has the webhook alone; each source has `within` seconds."""
    async with webhook() as heard:
        file.write_text(f"{heard.url}\n")
        file.chmod(0o640)
        watching = asyncio.create_task(watch(settings, SOON, BRISK, every=0.2, within=within))
        try:
            yield heard
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
