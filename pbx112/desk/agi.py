"""FastAGI by panoramisk, with bounds.

panoramisk 1.4 reads a request without a limit of size or time and spins for ever on a client that closes early, takes
the end of a connection for an answer, and passes line breaks on. Each of these is replaced here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from panoramisk.fast_agi import Application, Request  # type: ignore[import-untyped]
from panoramisk.utils import parse_agi_result  # type: ignore[import-untyped]

log = structlog.get_logger()

LONGEST_REQUEST = 16_384
"""Bytes of a request, and of any line of an answer."""
REQUEST_WITHIN, ANSWER_WITHIN = 5.0, 60.0
"""Seconds for a request to be complete; for an ordinary command to be answered."""
MOST = 50
"""Connections served at once; further ones are closed at once, and the dialplan says that nobody is there."""
MOST_LINES = 100
"""Lines that may come before a command's answer."""


class Gone(Exception):
    """The other side has closed, hung up, kept silent for too long, or speaks no AGI."""


class DeskRequest(Request):  # type: ignore[misc]
    """One connection. `hung_up` once the phone has hung up."""

    hung_up = False

    async def send_command(self, command: str, within: float = ANSWER_WITHIN) -> dict[str, Any]:
        """The answer to one AGI command. Raises :class:`Gone`, :class:`ValueError` for a command of several lines."""
        if not command.isprintable():
            raise ValueError("an AGI command is one printable line")
        try:
            async with asyncio.timeout(within):
                self.writer.write(f"{command}\n".encode())
                await self.writer.drain()
                for _ in range(MOST_LINES):
                    answer = await self._read_result()
                    if answer.get("error") == "AGIResultHangup" and "status_code" not in answer:
                        self.hung_up = True
                    elif answer.get("status_code") != 100:
                        return answer
        except (OSError, ValueError) as error:
            raise Gone(str(error) or "no answer in time") from None
        raise Gone("no answer among many lines")

    async def _read_result(self) -> dict[str, Any]:
        """One line. Raises :class:`Gone` at the end of the connection, :class:`ValueError` where it is too long or
        no answer."""
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise Gone("the connection was closed")
        text = line.decode(self.encoding, "replace").strip()
        if text == "HANGUP":
            return {"error": "AGIResultHangup"}
        answer: dict[str, Any] = parse_agi_result(text)
        answer.setdefault("status_code", 200)
        return answer


class DeskApplication(Application):  # type: ignore[misc]
    """Serves one route; nothing that comes over a connection harms another one or takes for ever."""

    def __init__(self, path: str, serve: Callable[[DeskRequest], Awaitable[None]]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.add_route(path, serve)
        self._served = 0

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first byte to its end. Raises nothing but cancellation."""
        if self._served >= MOST:
            log.warning("too many desk codes at once", action="desk_full")
            writer.close()
            return
        self._served += 1
        try:
            headers = await self._headers(reader)
            route = self._route.get(headers.get("agi_network_script", ""))
            if route is not None:
                await route(DeskRequest(self, headers, reader, writer, self.default_encoding))
        except Gone as error:
            log.info("a desk code ended early", action="desk_gone", why=str(error))
        except Exception:
            log.exception("a desk code failed", action="desk_failed")
        finally:
            self._served -= 1
            writer.close()

    async def _headers(self, reader: asyncio.StreamReader) -> dict[str, str]:
        try:
            async with asyncio.timeout(REQUEST_WITHIN):
                request = await reader.readuntil(b"\n\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            raise Gone(f"no AGI request: {type(error).__name__}") from None
        lines = request.decode(self.default_encoding, "replace").split("\n")
        return dict(line.split(": ", 1) for line in lines if ": " in line)
