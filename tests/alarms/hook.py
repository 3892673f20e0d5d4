"""The alarms, so brisk that a story need not wait for minutes, and a real webhook that they are told over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from lab.processes import eventually
from pbx112.alarms.conditions import LASTS
from pbx112.alarms.heart import PACE
from pbx112.alarms.run import watch
from pbx112.settings import Settings

BRISK = dict.fromkeys(LASTS, 0.3)
"""Seconds for which an alarm has to last in these stories."""
SOON = replace(PACE, calm=0.5, apart=0.2)


class Hook:
    """Where the webhook goes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        said = json.loads(await request.read())
        self.told += [line for line in said["message"].splitlines() if line and not line.startswith("->")]
        return web.Response()

    async def hears(self, begin: str, also: str = "", within: float = 25) -> None:
        """Wait until a line begins so, and has `also` in it."""

        def heard() -> bool:
            return any(line.startswith(begin) and also in line for line in self.told)

        try:
            await eventually(heard, within, pause=0.1)
        except TimeoutError:
            raise AssertionError(f"no {begin!r} … {also!r} in {self.told}") from None


@asynccontextmanager
async def told_over(file: Path, settings: Settings, within: float = 5.0) -> AsyncIterator[Hook]:
    """They run, and `file`, which `settings` name, has the webhook alone; each source has `within` seconds."""
    heard = Hook()
    server = await asyncio.get_running_loop().create_server(web.Server(heard.answer), "127.0.0.1", 0)
    file.write_text(f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/112\n")
    file.chmod(0o640)
    watching = asyncio.create_task(watch(settings, SOON, BRISK, every=0.2, within=within))
    try:
        yield heard
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        server.close()
