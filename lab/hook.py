"""A webhook that hears the alarms."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from lab.processes import eventually


class Hook:
    """Where a webhook goes; `url` as Apprise writes it."""

    def __init__(self) -> None:
        self.url = ""
        self.told: list[str] = []
        """The lines of all messages, without those that say what to do."""
        self.first_at: float | None = None
        """When the first message came (monotonic seconds)."""

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Take a message."""
        said = json.loads(await request.read())
        self.told += [line for line in said["message"].splitlines() if line and not line.startswith("->")]
        self.first_at = self.first_at or time.monotonic()
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
async def webhook(path: str = "112") -> AsyncIterator[Hook]:
    """One on loopback."""
    hook = Hook()
    server = await asyncio.get_running_loop().create_server(web.Server(hook.answer), "127.0.0.1", 0)
    hook.url = f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/{path}"
    try:
        yield hook
    finally:
        server.close()
