"""Processes with an owner: each dies with whoever started it, however that ends; its output goes to a file."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

DIES_WITH_OWNER = ("setpriv", "--pdeathsig", "KILL", "--")


class LabError(Exception):
    """Something of the lab did not do what it should; the message says what, and shows what it said."""


class Startable(ABC):
    """What has a life: as an asynchronous context it is started, and stopped however that ends."""

    @abstractmethod
    async def start(self) -> None:
        """Start it and wait until it is of use."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop it."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class Process:
    """A running program. `name` is what people call it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, output: Path) -> None:
        self.name, self.output = name, output
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        output: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        wrapped: bool = False,
    ) -> Process:
        """Start `command`; what it says goes to the file `output`.

        `environment` is the whole environment (default: ours). `wrapped`: the command itself sees to it that it
        dies with us.
        """
        whole = [*(() if wrapped else DIES_WITH_OWNER), *map(str, command)]
        with output.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *whole,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        return cls(name, process, output)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing where it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        return await self._process.wait()

    async def stop(self, by: signal.Signals = signal.SIGTERM, within: float = 10) -> None:
        """End it, by force after `within` seconds, and wait until it is gone."""
        self.send(by)
        try:
            await asyncio.wait_for(self._process.wait(), within)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self._process.wait()

    async def ready(self, holds: Callable[[], Awaitable[bool] | bool], within: float = 20) -> None:
        """Wait until `holds`. Raises :class:`LabError` where it ends before, or takes too long."""

        async def holds_or_ended() -> bool:
            if not self.running:
                raise LabError(f"{self.name} ended with {self._process.returncode}:\n{self.last_words()}")
            return await _truth(holds)

        try:
            await eventually(holds_or_ended, within)
        except TimeoutError:
            raise LabError(f"{self.name} was not ready in {within:g} s:\n{self.last_words()}") from None

    def last_words(self, lines: int = 25) -> str:
        """The end of what it said."""
        return last_lines(self.output, lines)


async def eventually(
    holds: Callable[[], Awaitable[bool] | bool], within: float = 10, pause: float = 0.01
) -> None:
    """Wait until something outside of this program is so. Raises :class:`TimeoutError` after `within` seconds."""
    async with asyncio.timeout(within):
        while not await _truth(holds):
            await asyncio.sleep(pause)


async def _truth(holds: Callable[[], Awaitable[bool] | bool]) -> bool:
    result = holds()
    return result if isinstance(result, bool) else await result


async def say(*command: str | Path, within: float = 20) -> str:
    """Run a short command and return what it says. Raises :class:`LabError` where it fails."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), within)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise LabError(f"{command[0]}: no answer in {within:g} s") from None
    text = said.decode(errors="replace")
    if process.returncode:
        raise LabError(f"{' '.join(map(str, command))}: {text.strip() or f'exit {process.returncode}'}")
    return text


def last_lines(file: Path, lines: int = 25) -> str:
    """The end of a text file; empty where there is none."""
    text = file.read_text(errors="replace") if file.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def alive(pid: int) -> bool:
    """Whether a process with this id exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def bound(address: str, port: int, protocol: str = "udp") -> bool:
    """Whether some socket is bound to `address`:`port` (seen in /proc/net)."""
    packed = int.from_bytes(bytes(map(int, address.split("."))), "little" if _LITTLE else "big")
    wanted = f"{packed:08X}:{port:04X}"
    with Path(f"/proc/net/{protocol}").open() as table:
        return any(line.split()[1] == wanted for line in table)


_LITTLE = sys.byteorder == "little"
