"""A small exchange on loopback: Asterisk with no daemon behind it, and phones.

Asterisk's root folder stays untouched: what is written goes to a layer of the test's own, in a mount namespace
of its own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from lab.root import find_root
from pbx112.plan.dialplan import RECORDS, render
from pbx112.plan.types import Plan
from tests.sip import WITHIN, Talk, Telephone

NET = "127.113.0"
ASTERISK = f"{NET}.1"
TRUNK = f"{NET}.2"
SAMPLES = Path(__file__).parent.parent / "dialplan"

_START = """
set -e
mount -t overlay overlay -o lowerdir={root},upperdir={home}/up,workdir={home}/work {home}/root
mount -t proc proc {home}/root/proc
mount --bind /dev {home}/root/dev
exec chroot {home}/root /usr/sbin/asterisk -f -C /etc/asterisk/asterisk.conf
"""

_LINE = """
[{name}]
type=endpoint
context={context}
disallow=all
allow=alaw
direct_media=no
send_pai=yes
allow_overlap=no
{more}
"""
_BREAKS = "rtp_timeout=1\n"
"""What 2199 has beside the others: a second without sound, and its talk is over."""


class Exchange:
    """Asterisk with the dialplan of one plan."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process: asyncio.subprocess.Process | None = None
        self._phones: list[Telephone] = []

    async def start(self, extensions: Mapping[str, int], mobiles: int) -> None:
        """Start Asterisk with an endpoint for each extension (name → port) and a gateway on port `mobiles`."""
        for name in "up", "work", "root":
            (self.home / name).mkdir(parents=True)
        etc = self.home / "up/etc/asterisk"
        etc.mkdir(parents=True)
        (self.home / "up/etc/hosts").write_text(f"127.0.0.1 localhost {os.uname().nodename}\n")
        files = {file.name: _on_loopback(file.read_text()) for file in SAMPLES.glob("*.conf")}
        files["logger.conf"] = "[logfiles]\nfull => notice,warning,error,verbose(3)\n"
        files["cdr.conf"] = "[general]\nenable=no\n"
        endpoint = _LINE.format(name="trunk112", context="pbx112-intake", more="")
        files["pjsip.conf"] += f"{endpoint}[trunk112]\ntype=identify\nendpoint=trunk112\nmatch={TRUNK}\n"
        for name, port in {**extensions, "gsm": mobiles}.items():
            more = f"aors={name}\n{_BREAKS if name == '2199' else ''}"
            files["pjsip.conf"] += _LINE.format(name=name, context="pbx112-desk", more=more)
            files["pjsip.conf"] += f"[{name}]\ntype=aor\ncontact=sip:{NET}.10:{port}\n"
        for name, text in files.items():
            (etc / name).write_text(text)
        script = _START.format(root=find_root(), home=self.home)
        log = (self.home / "asterisk.out").open("wb")
        self._process = await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "--propagation", "private", "bash", "-c", script),
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
        )
        log.close()
        async with asyncio.timeout(30):
            while "fully booted" not in await self.cli("core waitfullybooted"):
                await asyncio.sleep(0.1)

    async def use(self, plan: Plan, sounds: Path | None = None) -> None:
        """Load the dialplan of `plan`; forget records and log of what was before."""
        root = self._inside()
        (root / "etc/asterisk/pbx112.conf").write_text(render(plan))
        spoken = root / "usr/share/asterisk/sounds/pbx112"
        shutil.rmtree(spoken, ignore_errors=True)
        if sounds is not None:
            shutil.copytree(sounds, spoken)
        for file in (root / RECORDS.lstrip("/"), root / "var/log/asterisk/full"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
        await self.cli("logger reload")
        await self.cli("dialplan reload")
        shown = await self.cli("dialplan show globals")
        assert f"PBX112_PLAN={plan.hash}" in shown, shown

    def read_records(self) -> str:
        """The records as they stand now."""
        return (self._inside() / RECORDS.lstrip("/")).read_text()

    def records_path(self) -> Path:
        """Where the records stand, for a reader outside."""
        return self._inside() / RECORDS.lstrip("/")

    def log(self) -> str:
        """What Asterisk had to say."""
        return (self._inside() / "var/log/asterisk/full").read_text(errors="replace")

    async def cli(self, command: str) -> str:
        """The answer of Asterisk's command line."""
        assert self._process is not None
        process = await asyncio.create_subprocess_exec(
            *(
                "nsenter",
                f"--mount=/proc/{self._process.pid}/ns/mnt",
                f"--root=/proc/{self._process.pid}/root",
            ),
            *("/usr/sbin/asterisk", "-rx", command),
            cwd="/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return out.decode(errors="replace")

    async def phone(self, port: int, behaves: str) -> Telephone:
        """A phone (or the gateway) on `port`."""
        phone = await Telephone(f"{NET}.10", port, behaves).open()
        self._phones.append(phone)
        return phone

    async def call(self, dialled: str = "112", caller: str = "081234567890") -> Talk:
        """A citizen dials 112."""
        trunk = await Telephone(TRUNK, 5060, "486").open()
        self._phones.append(trunk)
        return trunk.call(dialled, caller, (ASTERISK, 5060))

    async def quiet(self) -> None:
        """Wait until no channel is left, then take the phones away."""
        async with asyncio.timeout(WITHIN):
            while "0 active channels" not in await self.cli("core show channels count"):
                await asyncio.sleep(0.05)
        for phone in self._phones:
            phone.close()
        self._phones.clear()
        await asyncio.sleep(0)  # asyncio frees a closed socket in its next turn

    async def stop(self) -> None:
        """End Asterisk."""
        for phone in self._phones:
            phone.close()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    def _inside(self) -> Path:
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root")


def _on_loopback(sample: str) -> str:
    """A sample configuration for this exchange; its own phones and gateway get other names than the tests'."""
    for old, new in {
        "0.0.0.0:5060": f"{ASTERISK}:5060",
        "bindaddr=127.0.0.1": f"bindaddr={ASTERISK}",
        "1101": "sample-1101",
        "2101": "sample-2101",
        "[gsm]": "[sample-gsm]",
        "=gsm": "=sample-gsm",
    }.items():
        sample = sample.replace(old, new)
    return sample
