"""AMI by panoramisk, with bounds, for looking alone.

panoramisk 1.4 reconnects for ever by timers that nobody owns, sends unanswered actions again after a reconnect, passes
line breaks in a value on as further headers, and keeps whatever arrives without a limit. Here a connection is made once
and is over when it is lost; of all actions only those that tell states can be sent; an answer has a size and a time.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, Self

from panoramisk import Manager  # type: ignore[import-untyped]
from panoramisk.ami_protocol import AMIProtocol  # type: ignore[import-untyped]

LISTINGS = frozenset({"DeviceStateList", "PJSIPShowRegistrationsOutbound"})
"""What may be asked: both need no more than `write=reporting`."""

_DEVICE = re.compile(r"[A-Za-z0-9]{1,20}/[A-Za-z0-9_.+-]{1,80}")

ANSWER_WITHIN = 5.0
"""Seconds to connect, to log in, for a listing."""
LARGEST = 4_000_000
"""Bytes of an answer: some ten thousand devices."""

_silent = logging.getLogger("pbx112.ami")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class AmiError(Exception):
    """AMI does not tell; the message says why."""


class Protocol(AMIProtocol):  # type: ignore[misc]
    """Closes where more comes than was asked for."""

    heard = 0

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        self.heard += len(data)
        if self.heard > LARGEST:
            self.transport.abort()
        else:
            super().data_received(data)


class _Manager(Manager):  # type: ignore[misc]
    """Once lost, it stays lost."""

    lost: asyncio.Event
    pinger: asyncio.TimerHandle | None

    def connection_lost(self, exc: Exception | None) -> None:
        self._connected = False
        if self.pinger:
            self.pinger.cancel()
            self.pinger = None
        self.lost.set()


class Ami:
    """One connection, logged in, without events."""

    def __init__(self, manager: _Manager) -> None:
        self._manager = manager

    @classmethod
    async def connect(cls, host: str, port: int, user: str, secret: str) -> Self:
        """Connect and log in. Raises :class:`AmiError`."""
        if not (user + secret).isprintable():
            raise AmiError("PBX112_AMI_USER or _PASSWORD contains a control character")
        loop = asyncio.get_running_loop()
        manager = _Manager(
            loop=loop, host=host, port=port, username=user, secret=secret, events="off", log=_silent
        )
        manager.lost = asyncio.Event()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                made = await loop.create_connection(Protocol, host, port)
        except (OSError, TimeoutError) as error:
            raise AmiError(f"AMI cannot be reached at {host}:{port} ({error or 'no answer'})") from None
        done: asyncio.Future[Any] = loop.create_future()
        done.set_result(made)
        manager.connection_made(done)
        ami = cls(manager)
        try:
            answer = await ami._answer(manager.authenticated_future)
        except AmiError:
            ami.close()
            raise
        if not answer.success:
            ami.close()
            raise AmiError(f"AMI refuses user {user!r} or its password; see manager.conf")
        return ami

    async def listing(self, action: str) -> list[Any]:
        """The events that list states, as panoramisk's messages; none where Asterisk knows no such list.

        Raises :class:`AmiError`, :class:`ValueError` for any other action.
        """
        if action not in LISTINGS:
            raise ValueError(f"{action!r} is not asked over AMI")
        if self._manager.lost.is_set():
            raise AmiError("the connection to AMI is lost")
        self._manager.protocol.heard = 0
        answer = await self._answer(self._manager.send_action({"Action": action}))
        return list(answer)[1:-1] if isinstance(answer, list) else []

    async def device(self, name: str) -> str:
        """The state of one device, worked out now: Asterisk lists none whose state has never changed.

        Raises :class:`AmiError`, :class:`ValueError` for what is no device's name.
        """
        if not _DEVICE.fullmatch(name):
            raise ValueError(f"{name!r} is no device")
        self._manager.protocol.heard = 0
        answer = await self._answer(
            self._manager.send_action({"Action": "Getvar", "Variable": f"DEVICE_STATE({name})"})
        )
        return str(answer.value) if answer.success else ""

    def close(self) -> None:
        """End the connection."""
        self._manager.close()

    async def _answer(self, future: asyncio.Future[Any]) -> Any:
        lost = asyncio.ensure_future(self._manager.lost.wait())
        try:
            await asyncio.wait([future, lost], timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if not future.done():
            raise AmiError("AMI is lost" if self._manager.lost.is_set() else "AMI does not answer in time")
        return future.result()
