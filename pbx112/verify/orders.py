"""Where the command orders a verification: a Unix socket beside the journal, for root and the daemon's own user.

The connection is the order's life: who hangs up, or is killed, ends all its test calls.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from pbx112.model.events import (
    Event,
    Instant,
    LineTestEnded,
    LineTestPlaced,
    TestResult,
    VerificationEnded,
    VerificationStarted,
)
from pbx112.switch.switch import Switch

from .rounds import Round
from .wire import LONGEST_ORDER, Accepted, Order, Refusal, encode, read_order

log = structlog.get_logger()

ORDER_WITHIN = 5.0
"""Seconds that a client has for its order."""

CLIENTS = 8
"""Connections at once."""


class OrderServer:
    """Takes orders at `path` and carries out one at a time."""

    def __init__(self, switch: Switch, path: Path) -> None:
        self._switch = switch
        self._path = path
        self._clients = 0
        self._busy = ""
        self._followers: dict[str, asyncio.StreamWriter] = {}
        self._running: asyncio.Task[None] | None = None
        switch.heeds.append(self._heed)

    async def run(self) -> None:
        """Serve until cancelled. What a daemon before us left open is closed first."""
        await self._switch.calls.desk_known.wait()
        self._close_unfinished()
        self._path.unlink(missing_ok=True)
        try:
            server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_ORDER)
        except OSError as error:
            log.error(
                f"{self._path}: cannot be listened on; `pbx112 verify` has no way to this daemon. A shorter path of "
                "PBX112_JOURNAL helps where it is too long",
                action="verify_socket",
                error=str(error),
            )
            await asyncio.Event().wait()
            return
        self._path.chmod(0o600)
        try:
            with closing(server):  # `serve_forever` waits, from Python 3.12 on, for the last client
                await asyncio.Event().wait()
        finally:
            self._path.unlink(missing_ok=True)
            if self._running is not None:  # its connection's task is none of ours
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)

    async def carry_out(self, order: Order, by: Literal["command", "schedule"]) -> None:
        """Go through the order. Raises :class:`ValueError`, in an administrator's words, where it cannot be."""
        with self._begun(order, by) as round_:
            await round_.run()

    @contextmanager
    def _begun(self, order: Order, by: Literal["command", "schedule"]) -> Iterator[Round]:
        if self._busy:
            raise ValueError(f"verification {self._busy} goes on; wait until it is over")
        round_ = Round(self._switch, order, by)
        self._busy = round_.run_id
        try:
            yield round_
        finally:
            self._busy = ""

    def _close_unfinished(self) -> None:
        """Their channels are ended by the reconciliation, which knows none of them."""
        verified = self._switch.ledger.verified
        for placed in verified.unfinished():
            ended = LineTestEnded(
                placed.run,
                placed.owner,
                placed.number,
                placed.attempt,
                TestResult.INTERRUPTED,
                detail="daemon_restarted",
            )
            self._switch.note("", ended)
        for run in verified.unfinished_runs():
            self._switch.note("", VerificationEnded(run, complete=False))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients > CLIENTS or not _may(writer):
                return
            try:
                async with asyncio.timeout(ORDER_WITHIN):
                    order = read_order(await reader.readline())
            except (TimeoutError, ValueError, msgspec.MsgspecError, RecursionError) as error:
                log.warning("no order", action="verify_order", error=str(error) or type(error).__name__)
                writer.write(encode(Refusal("this is no order of this version of pbx112")))
                return
            await self._obey(order, reader, writer)
        except ConnectionError:
            pass
        finally:
            self._clients -= 1
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _obey(self, order: Order, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with self._begun(order, "command") as round_:
                lines = tuple((owner, line.number) for owner, line in round_.lines)
                writer.write(encode(Accepted(round_.run_id, lines)))
                self._followers[round_.run_id] = writer
                running = asyncio.create_task(round_.run(), name=f"verification {round_.run_id}")
                self._running = running
                hung_up = asyncio.create_task(_until_closed(reader))
                try:
                    await asyncio.wait([running, hung_up], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    hung_up.cancel()
                    running.cancel()
                    await asyncio.gather(running, hung_up, return_exceptions=True)
                    self._followers.pop(round_.run_id, None)
                    self._running = None
        except ValueError as error:
            writer.write(encode(Refusal(str(error))))

    def _heed(self, subject: str, event: Event, at: Instant) -> None:
        """Whoever ordered a run hears of it."""
        if isinstance(event, VerificationStarted | LineTestPlaced | LineTestEnded | VerificationEnded):
            writer = self._followers.get(event.run)
            if writer is not None and not writer.is_closing():
                writer.write(encode(event))


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """Until the client is gone; it has nothing more to say."""
    with suppress(ConnectionError):
        while await reader.read(1024):
            pass


def _may(writer: asyncio.StreamWriter) -> bool:
    """Whether the client is root's or our own (SO_PEERCRED), whatever the socket's file allows."""
    peer: socket.socket = writer.get_extra_info("socket")
    _, user, _ = struct.unpack(
        "3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return user in (0, os.geteuid())
