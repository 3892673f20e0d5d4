"""Puts an Asterisk into a folder of its own, from Debian's packages. Standard library only.

Debian 12 and 13 have no Asterisk; the suite after them has. Its packages go to a folder, not into the machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lab.root import SUITE, cached_root, has_asterisk

PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm", "asterisk-moh-opsound-gsm", "tzdata")
WITH_SECURITY = ("bullseye",)
"""Released, and cared for in a suite of its own; the one in the making has its repairs in itself."""

_BUILD = """
set -e
root=$1 suite=$2 mirror=$3 security=$4
shift 4
# A debootstrap older than the suite has no script of this name; unstable's is the same.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase "$suite" "$root" "$mirror" "$script"
[ -z "$security" ] || echo "deb $security $suite-security main" >> "$root/etc/apt/sources.list"
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf" || :
touch "$root/etc/hosts" "$root/etc/resolv.conf"
# Nothing is started in there.
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
apt() {
    # The suite is in the making: its index may be past its date. For this folder only.
    chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get --quiet \
        -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 "$@"
}
apt update
apt install --yes --no-install-recommends "$@"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
chroot "$root" /usr/sbin/asterisk -V
"""


def bootstrap(output: TextIO, suite: str = SUITE) -> Path:
    """Build the folder where :func:`lab.root.cached_root` says, unless it is there; all output goes to `output`.

    It appears only when it is complete. Raises :class:`subprocess.CalledProcessError`.
    """
    final = cached_root(suite)
    final.parent.mkdir(parents=True, exist_ok=True)
    with _alone(final.with_suffix(".lock")):
        if has_asterisk(final):
            return final
        unfinished = final.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)
        security = _mirror("Debian-Security") if suite in WITH_SECURITY else ""
        # Mounts and processes are in namespaces of their own: nothing is left behind, however this ends.
        command = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation", "private"]
        command += ["--pid", "--mount-proc", "--fork", "--kill-child", "--"]
        subprocess.run(
            [*command, "sh", "-c", _BUILD, "bootstrap", unfinished, suite, _mirror(), security, *PACKAGES],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | _proxy(),
            check=True,
        )
        unfinished.rename(final)
    return final


def base(suite: str, output: TextIO) -> Path:
    """A minimal Debian of this suite, kept for the next time. Raises :class:`subprocess.CalledProcessError`."""
    final = cached_root().with_name(f"debian-{suite}")
    final.parent.mkdir(parents=True, exist_ok=True)
    with _alone(final.with_suffix(".lock")):
        if not final.exists():
            unfinished = final.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            command = ["debootstrap", "--variant=minbase", suite, str(unfinished), _mirror()]
            subprocess.run(
                [*command, "/usr/share/debootstrap/scripts/sid"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | _proxy(),
                check=True,
            )
            unfinished.rename(final)
    return final


def _mirror(label: str = "Debian") -> str:
    """Where this machine gets Debian from; empty for debootstrap's own choice."""
    told = _say(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Label: {label}"
    )
    return next((line for line in told.splitlines() if line.startswith("http")), "")


def _proxy() -> dict[str, str]:
    """The proxy that apt uses here, for debootstrap."""
    told = _say("apt-config", "shell", "http_proxy", "Acquire::http::Proxy")
    name, _, value = told.strip().partition("=")
    return {name: value.strip("'")} if value and "http_proxy" not in os.environ else {}


def _say(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for another set-up that builds the same folder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
