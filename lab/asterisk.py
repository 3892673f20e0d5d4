"""One real Asterisk in a folder of its own; startable with any configuration."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import config
from lab.processes import DIES_WITH_OWNER, Process, Startable, say
from lab.root import find_root

_ENTER = f"""
root=$1 folder=$2
[ "$root" = / ] || {{ mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev"; }} || exit
[ -e "$root/etc/hosts" ] && mount --bind "$folder/hosts" "$root/etc/hosts"
[ -e "$root/etc/resolv.conf" ] && mount --bind "$folder/resolv.conf" "$root/etc/resolv.conf"
[ -e "$root/var/log/asterisk" ] && {{ mount --bind "$folder/log" "$root/var/log/asterisk" || exit; }}
mount --bind "$folder" "$root{config.INSIDE}" || exit
cd "$root" && exec chroot . /usr/sbin/asterisk -f -C {config.INSIDE}/etc/asterisk.conf
"""
"""All mounts are in a namespace of its own: they are gone with Asterisk, however that ends."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Leftovers:
    """What of calls is in Asterisk."""

    channels: tuple[str, ...]
    bridges: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.channels or self.bridges)


class Asterisk(Startable):
    """Asterisk with the configuration `files` (by name, beside what it needs anyway) below `folder`.

    `root` is the folder where it is installed (default: see :func:`lab.root.find_root`); it is only read, and what is
    written below its `/var/log/asterisk` stands in `folder / "log"`. `name` is its `systemname`, with which the ids of
    its calls begin.
    """

    def __init__(
        self, folder: Path, files: Mapping[str, str], root: Path | None = None, *, name: str = "lab"
    ) -> None:
        self.folder = folder.absolute()
        self.root = root or find_root()
        self._process: Process | None = None
        for part in ("lib/keys", "spool/recording", "spool/tmp", "run", "log/cdr-custom", "data/sounds"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        # Without its own name Asterisk asks DNS for it, for seconds, in every call.
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
        (self.folder / "resolv.conf").write_text("# The lab asks nobody.\n")
        self._link_data()
        whole = config.general(self.root, name) | dict(files)
        config.write(self.folder / "etc", config.fitting(self.root, whole))

    @property
    def sounds(self) -> Path:
        """Where prompts are put."""
        return self.folder / "data" / "sounds"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def console(self) -> tuple[str, ...]:
        """A command that takes `-rx "…"`."""
        inside = ("/usr/sbin/asterisk", "-C", f"{config.INSIDE}/etc/asterisk.conf")
        return ("nsenter", "--target", str(self.pid), "--mount", "--root", "--wd", "--", *inside)

    async def start(self) -> None:
        """Start it and wait until it takes calls. Raises :class:`LabError`."""
        command = ["unshare", "--mount", "--propagation", "private", "--", *DIES_WITH_OWNER]
        self._process = await Process.start(
            "Asterisk",
            [*command, "sh", "-c", _ENTER, "asterisk", self.root, self.folder],
            self.folder / "output.log",
            wrapped=True,
        )
        await self._process.ready((self.folder / "run" / "asterisk.ctl").exists)
        await self._process.ready(self._booted)

    async def stop(self) -> None:
        """Stop it at once; its calls are gone."""
        if self._process is not None:
            await self._process.stop(signal.SIGTERM)
            self._process = None
            (self.folder / "run" / "asterisk.ctl").unlink(missing_ok=True)

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._running().stop(signal.SIGKILL)
        self._process = None
        (self.folder / "run" / "asterisk.ctl").unlink(missing_ok=True)

    async def ask(self, command: str) -> str:
        """What its console says to `command`, without colours."""
        return _COLOURS.sub("", await say(*self.console, "-rx", command))

    async def configure(self, files: Mapping[str, str]) -> None:
        """Put other configuration files in place and load those of calls; live calls go on."""
        config.write(self.folder / "etc", config.fitting(self.root, files))
        if "pjsip.conf" in files:
            await self.ask("module reload res_pjsip.so")
        await self.ask("dialplan reload")

    async def leftovers(self) -> Leftovers:
        """Channels and bridges that it has."""
        channels = await self.ask("core show channels concise")
        bridges = await self.ask("bridge show all")
        return Leftovers(
            tuple(line.partition("!")[0] for line in channels.splitlines() if "!" in line),
            tuple(
                line.split()[0]
                for line in bridges.splitlines()
                if line.split()[0:1] not in ([], ["Bridge-ID"])
            ),
        )

    async def _booted(self) -> bool:
        return "fully booted" in await self.ask("core waitfullybooted")

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("this Asterisk has not been started")
        return self._process

    def _link_data(self) -> None:
        """The installed sounds, music and documentation, with room for prompts of our own beside them."""
        installed = Path("usr/share/asterisk")
        for part in (installed, installed / "sounds"):
            here = self.folder / "data" / part.relative_to(installed)
            for each in (self.root / part).iterdir():
                link = here / each.name
                if not link.exists() and not link.is_symlink():
                    link.symlink_to(Path("/") / part / each.name)
