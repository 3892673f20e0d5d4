"""A machine alone, two that a cable joins, or some around one: network namespaces, gone with whoever made them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.processes import DIES_WITH_OWNER, Process, say

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Machine:
    """A network namespace; `pid` is of the process that holds it."""

    pid: int

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands before a command that is to run there."""
        return ("nsenter", "--net", "--target", str(self.pid), "--")

    async def run(self, *command: str | Path) -> str:
        """Run a short command there; what it says. Raises :class:`lab.processes.LabError`."""
        return await say(*self.enter, *command)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that are opened within, and processes that are started, belong to that machine, and stay there.
        For the main thread, whose network `/proc/net` shows."""
        with _Net(f"/proc/{os.getpid()}/ns/net") as home, _Net(f"/proc/{self.pid}/ns/net") as there:
            _go(there)
            try:
                yield
            finally:
                _go(home)


@asynccontextmanager
async def one_machine(folder: Path, name: str = "alone") -> AsyncIterator[Machine]:
    """A machine that reaches itself (loopback), and nobody else."""
    command = ["unshare", "--net", "--", *DIES_WITH_OWNER, "sleep", "infinity"]
    holder = await Process.start(name, command, folder / f"{name}.log")
    try:
        await holder.ready(lambda: _apart(holder.pid))
        machine = Machine(holder.pid)
        await machine.run("ip", "link", "set", "lo", "up")
        yield machine
    finally:
        await holder.stop()


@asynccontextmanager
async def two_machines(
    folder: Path, here: Iterable[str], there: Iterable[str]
) -> AsyncIterator[tuple[Machine, Machine]]:
    """Two machines that reach each other at these addresses (IPv4), and nobody else."""
    async with contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(one_machine(folder, "here"))
        other = await stack.enter_async_context(one_machine(folder, "there"))
        await one.run(*f"ip link add cable type veth peer name cable netns {other.pid}".split())
        for machine, own, far in ((one, here, there), (other, there, here)):
            for address in own:
                await machine.run(*f"ip address add {address}/32 dev cable".split())
            await machine.run(*["ip", "link", "set", "cable", "up"])
            for address in far:
                await machine.run(*f"ip route add {address}/32 dev cable".split())
        yield one, other


@asynccontextmanager
async def star(folder: Path, net: str, around: Mapping[str, str]) -> AsyncIterator[tuple[Machine, ...]]:
    """A machine with the addresses `net`.0.0/16, and one for each of `around`, by name, with addresses of its own.

    A cable leads from the first to each other one, named as that one is, and `cable` at its other end; they do not
    reach each other. Nets are of loopback, as everywhere in the lab: only there they are routed.
    """
    async with contextlib.AsyncExitStack() as stack:
        centre = await stack.enter_async_context(one_machine(folder, "centre"))
        await _own(centre, net)
        others = []
        for name, far_net in around.items():
            other = await stack.enter_async_context(one_machine(folder, name))
            await _own(other, far_net)
            await centre.run(*f"ip link add {name} type veth peer name cable netns {other.pid}".split())
            for machine, cable, here, there in (
                (centre, name, net, far_net),
                (other, "cable", far_net, net),
            ):
                await machine.run("sysctl", "-qw", f"net.ipv4.conf.{cable}.route_localnet=1")
                await machine.run("ip", "link", "set", cable, "up")
                await machine.run(*f"ip route add {there}.0.0/16 dev {cable} src {here}.0.1".split())
            others.append(other)
        yield (centre, *others)


async def cut(*ends: tuple[Machine, str]) -> None:
    """Nothing comes out of a cable any more at these ends, and nobody is told."""
    for machine, cable in ends:
        chain = f"type filter hook prerouting priority -300; iifname {cable} drop;"
        await machine.run("nft", f"table inet {cable} {{ chain lost {{ {chain} }}; }}")


async def mend(*ends: tuple[Machine, str]) -> None:
    """The cable that was :func:`cut` carries again."""
    for machine, cable in ends:
        await machine.run("nft", f"delete table inet {cable}")


async def _own(machine: Machine, net: str) -> None:
    """Of all addresses of loopback these alone are the machine's."""
    for change in ("del local 127.0.0.0/8", f"add local {net}.0.0/16"):
        await machine.run(*f"ip route {change} dev lo table local".split())


class _Net(contextlib.AbstractContextManager[int]):
    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _go(file: int) -> None:
    if _libc.setns(file, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _apart(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
