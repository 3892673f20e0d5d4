"""Requests without events: what an administrator's check needs, and what a connection begins with."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from .operations import Operations
from .settings import AriSettings
from .transport import Answer, HttpTransport, Request, new_session


class AriHttp(Operations):
    """All operations over plain HTTP: `async with AriHttp(settings) as ari: await ari.asterisk_info()`."""

    def __init__(self, settings: AriSettings) -> None:
        self.settings = settings

    async def __aenter__(self) -> Self:
        self.session = new_session(self.settings)
        self.transport = HttpTransport(self.session, self.settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def _send(self, request: Request, *, apart: bool = False) -> Answer:
        return await self.transport.send(request)
