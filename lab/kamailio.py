"""Kamailio in front of exchanges, with the files of `deploy/kamailio/`. Standard library only, for the set-up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from lab.debian import unpack
from lab.network import SIP
from lab.processes import Process, bound, say
from lab.root import cached_root

SHIPPED = Path(__file__).parent.parent / "deploy" / "kamailio"
SAMPLE_ADDRESS = "192.0.2.10"
_HERE = "/etc/kamailio/"
_ENDS_WITH_OWNER = ("setpriv", "--pdeathsig", "TERM", "--")
"""By TERM: it has children, who would survive its being killed."""


def _kept() -> Path:
    return cached_root().with_name("kamailio")


def is_here() -> bool:
    """Whether the set-up has fetched it."""
    return (_kept() / "usr/sbin/kamailio").exists()


def fetch(log: TextIO) -> None:
    """Fetch Debian's package, for all checkouts of this user. Nothing is installed, no service starts."""
    unpack("kamailio", _kept(), log)


def command(configuration: Path, *options: str) -> list[str]:
    """Debian's Kamailio with this configuration."""
    [modules] = _kept().glob("usr/lib/*/kamailio/modules")
    program = ["env", "-i", f"LD_LIBRARY_PATH={modules.parent}", str(_kept() / "usr/sbin/kamailio")]
    return [*program, "-L", str(modules), "-m", "64", "-M", "8", "-f", str(configuration), *options]


class Kamailio:
    """On `address`: calls from `trunk` go to one of `exchanges`. All of it is below `folder`."""

    def __init__(self, folder: Path, address: str, trunk: str, exchanges: Sequence[str]) -> None:
        self.folder, self.address = folder, address
        folder.mkdir(parents=True)
        text = (SHIPPED / "kamailio.cfg").read_text()
        text = text.replace(SAMPLE_ADDRESS, address).replace(_HERE, f"{folder}/")
        (folder / "kamailio.cfg").write_text(text.replace("log_stderror=no", "log_stderror=yes"))
        (folder / "address.list").write_text(f"1 {trunk} 32 0\n")
        (folder / "dispatcher.list").write_text("".join(f"1 sip:{each}:{SIP}\n" for each in exchanges))
        self._process: Process | None = None

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "output.log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it and wait until it takes calls. Raises :class:`LabError`."""
        options = ("-DD", "-Y", str(self.folder), "-P", str(self.folder / "pid"))
        self._process = await Process.start(
            "Kamailio",
            [*_ENDS_WITH_OWNER, *command(self.folder / "kamailio.cfg", *options)],
            self.folder / "output.log",
            wrapped=True,
        )
        await self._process.ready(lambda: bound(self.address, SIP))

    async def tell(self, *words: str) -> str:
        """A command of its console, and what it says."""
        return await say(_kept() / "usr/sbin/kamcmd", "-s", self.folder / "kamailio_ctl", *words)

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await self._process.stop()
            self._process = None
