"""A whole machine on which nothing of 112 has been set up yet: Debian with its Asterisk, and pbx112 in `/opt`.

Its `/` is the Asterisk that the set-up bootstrapped, laid over the built image of pbx112 (`docker/`), which has Python
and pbx112 as the guide installs it. What is written goes to memory. Mounts, processes and network are its own, and all
of it is gone with whoever started it. No systemd: a service is started as its unit says.
"""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lab.compose import IMAGES
from lab.containers import build, first_process
from lab.processes import DIES_WITH_OWNER, LabError, Process, say
from lab.root import cached_root

_BOOT = """
mount -t tmpfs tmpfs "$3"
mkdir "$3/upper" "$3/work" "$3/root"
mount -t overlay -o "lowerdir=$1:$2,upperdir=$3/upper,workdir=$3/work" overlay "$3/root"
mount -t proc proc "$3/root/proc"
mount --rbind /dev "$3/root/dev"
mount -t tmpfs -o mode=0755 tmpfs "$3/root/run"
ip link set lo up
exec chroot "$3/root" sh -c 'echo up; exec sleep infinity'
"""
"""Arguments: Asterisk's root; pbx112's; a folder."""

_PATHS = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_STANDING = """
import hashlib, json, os, stat
found = {}
for top in ("etc", "usr/local", "var"):
    for folder, folders, files in os.walk("/" + top):
        for path in (os.path.join(folder, name) for name in folders + files):
            is_ = os.lstat(path)
            if stat.S_ISLNK(is_.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(is_.st_mode) and top == "etc":
                what = hashlib.sha256(open(path, "rb").read()).hexdigest()
            else:
                what = ""
            found[path] = [oct(is_.st_mode), is_.st_uid, is_.st_gid, what]
print(json.dumps(found))
"""


class WholeMachine:
    """One that runs: :func:`whole_machine`."""

    def __init__(self, holder: Process, folder: Path) -> None:
        self._holder, self._folder = holder, folder

    def _inside(self, *command: str) -> list[str]:
        first = first_process(self._holder)
        if Path(f"/proc/{first}/root").samefile("/"):
            raise LabError("the machine has no root of its own: nothing is done on this one")
        enter = [
            "nsenter",
            "--target",
            str(first),
            "--mount",
            "--pid",
            "--net",
            "--root",
            "--wdns=/root",
            "--",
        ]
        return [*enter, "env", "-i", _PATHS, "LC_ALL=C.UTF-8", "HOME=/root", *command]

    async def run(self, *command: str, within: float = 60) -> str:
        """Run a command as root; what it says. Raises :class:`lab.processes.LabError` where it fails."""
        return await say(*self._inside(*command), within=within)

    async def put(self, file: str, text: str) -> None:
        """Add `text` at the end of a file there, as a hand would."""
        await self.run("sh", "-c", 'printf %s "$2" >> "$1"', "put", file, text)

    async def standing(self) -> dict[str, list[object]]:
        """Everything in /etc, /usr/local and /var: mode, owner, group; of links and files in /etc also the content."""
        found: dict[str, list[object]] = json.loads(await self.run("/opt/pbx112/bin/python", "-c", _STANDING))
        return found

    @asynccontextmanager
    async def service(self, unit: str) -> AsyncIterator[Process]:
        """Run what the unit file of this name says: ExecStart, as User with all groups, EnvironmentFile,
        StateDirectory, UMask and WorkingDirectory."""
        places = " ".join(f"{folder}/systemd/system/{unit}.service" for folder in ("/etc", "/usr/lib"))
        text = await self.run("sh", "-c", f"for f in {places}; do [ ! -f $f ] || exec cat $f; done; exit 1")
        said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
        user = said.get("User", "root")
        before = ["unset HOME; set -a", f"cd {said.get('WorkingDirectory', '/')}"]
        if file := said.get("EnvironmentFile"):
            before.append(f". {file}")
        if folder := said.get("StateDirectory"):
            before.append(f"install -d -o {user} -g {user} -m {said['StateDirectoryMode']} /var/lib/{folder}")
        before.append(f"umask {said.get('UMask', '022')}")
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs", "--"]
        run = [*who, *DIES_WITH_OWNER] if user != "root" else [*DIES_WITH_OWNER]
        command = f"{'; '.join(before)}; exec {shlex.join(run)} {said['ExecStart']}"
        log = self._folder / f"{unit}.log"
        process = await Process.start(unit, self._inside("sh", "-ec", command), log)
        try:
            yield process
        finally:
            await process.stop()


@asynccontextmanager
async def whole_machine(folder: Path) -> AsyncIterator[WholeMachine]:
    """A machine that nobody has touched, alone in its network; gone afterwards."""
    with (folder / "build.log").open("a") as log:
        image = build(IMAGES, log)["pbx112"]
    place = folder / "machine"
    place.mkdir()
    apart = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child"]
    boot = [*apart, "--", "sh", "-ec", _BOOT, "boot", str(cached_root()), str(image.root), str(place)]
    log_file = folder / "boot.log"
    holder = await Process.start("the machine", boot, log_file)
    try:
        await holder.ready(lambda: "up" in log_file.read_text().split())
        yield WholeMachine(holder, folder)
    finally:
        await holder.stop(signal.SIGKILL)
