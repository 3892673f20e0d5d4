"""The images of `docker/`, built by buildah from bases that were bootstrapped here, and started as an engine would.

There is no Docker engine in the lab. An image's own entry point runs in its root folder, as its user, with its
environment, the root read-only, without a capability, with what `compose.yaml` mounts; all of them share one network of
their own that has nothing but a loopback.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from lab.bootstrap import base, bootstrap
from lab.processes import Process
from lab.root import SUITE, cached_root

REPOSITORY = Path(__file__).parent.parent
BASES = {"pbx112": "trixie", "pbx112-asterisk": SUITE}
"""Each image, and the Debian that it is made from."""
DOCKERFILES = {"pbx112": "docker/pbx112.Dockerfile", "pbx112-asterisk": "docker/asterisk.Dockerfile"}
MADE_OF = {
    "pbx112": ("pbx112", "sql", "deploy", "constraints.txt", "pyproject.toml"),
    "pbx112-asterisk": ("docker/asterisk", "dialplan"),
}

_ENTER = """
set -e
root=$1; shift
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" overlay "$root"
umount /mnt
while [ "$1" != -- ]; do
    mkdir -p "$(dirname "$root$2")"
    if [ "$1" = tmpfs ] || [ -d "$3" ]; then mkdir -p "$root$2"; else touch "$root$2"; fi
    case $1 in
        tmpfs) mount -t tmpfs -o "$3" tmpfs "$root$2" ;;
        ro) mount --bind "$3" "$root$2"; mount -o remount,bind,ro "$root$2" ;;
        rw) mount --bind "$3" "$root$2" ;;
    esac
    shift 3
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"
"""
"""Arguments: the root; mounts (kind, where, what); `--`; the command. What is written, mount points above all, goes to
memory: the image stays as it was built."""


@dataclass(frozen=True)
class Mount:
    """`what` (a path here, or tmpfs options) at `where` in the container."""

    kind: str
    where: str
    what: str


@dataclass(frozen=True)
class Image:
    """A built image: its root folder here, and what its Dockerfile says of how it is run."""

    name: str
    root: Path
    size: int
    user: str
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    health: tuple[str, ...]

    def starting(self, mounts: Sequence[Mount], *arguments: str, alone: bool = True) -> list[str]:
        """The command that runs it in place of its owner, who waits for it; `arguments` stand for its CMD. Not `alone`:
        it sees the processes of the whole machine (`pid: host`)."""
        uid, _, gid = self.user.partition(":")
        who = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
        who += ["--bounding-set=-all", "--inh-caps=-all", "--"]
        who += ["setpriv", "--pdeathsig", "KILL", "--"]  # a change of user had made it forget this
        told = ["env", "-i", *(f"{name}={value}" for name, value in self.environment.items())]
        flat = [part for mount in mounts for part in (mount.kind, mount.where, mount.what)]
        run = [*told, *self.entrypoint, *(arguments or self.command)]
        apart = ["unshare", "--mount", "--propagation", "private", *(["--pid"] if alone else [])]
        enter = [*apart, "--fork", "--kill-child", "--"]
        return [*enter, "sh", "-c", _ENTER, "enter", str(self.root), *flat, "--", *who, *run]

    async def start(
        self, mounts: Sequence[Mount], output: Path, *arguments: str, alone: bool = True
    ) -> Process:
        """Start it; what it says goes to `output`."""
        return await Process.start(self.name, self.starting(mounts, *arguments, alone=alone), output)

    def healthy(self, process: Process) -> bool:
        """Whether the image's own health check, run inside, is content with it."""
        first = first_process(process)
        if first is None:
            return False
        uid, _, gid = self.user.partition(":")
        enter = ["nsenter", "--target", str(first), "--mount", "--pid", "--root", "--wd=/"]
        who = [f"--setuid={uid}", f"--setgid={gid}", "--", "env", "-i"]
        told = [f"{name}={value}" for name, value in self.environment.items()]
        asked = [*enter, *who, *told, *self.health]
        return subprocess.run(asked, capture_output=True, check=False, timeout=10).returncode == 0


def first_process(process: Process) -> int | None:
    """The container's own first process, which an engine signals; None where there is none (any more)."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    found = children.read_text().split() if children.exists() else []
    return int(found[0]) if found else None


def build(folder: Path, output: TextIO) -> dict[str, Image]:
    """Build all images below `folder`, unless what they are made of is unchanged since; all output goes to `output`.

    Raises :class:`subprocess.CalledProcessError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "lock"):
        bootstrap(output)
        return {name: _build(folder, name, output) for name in BASES}


def _build(folder: Path, name: str, output: TextIO) -> Image:
    buildah = _Buildah(folder, output)
    made_of, container = folder / f"{name}.made-of", f"{name}-root"
    fingerprint = _fingerprint(name)
    if not (made_of.exists() and made_of.read_text() == fingerprint):
        made_of.unlink(missing_ok=True)
        suite = BASES[name]
        buildah.forget(container, name)
        buildah.import_base(f"debian:{suite}", cached_root() if suite == SUITE else base(suite, output))
        certificates = "/etc/ssl/certs"
        buildah(
            *("bud", "--format=docker", "--isolation=chroot", "--layers=false", "--pull-never", "--quiet"),
            f"--volume={certificates}:/host-certificates:ro",
            "--build-arg=PIP_CERT=/host-certificates/ca-certificates.crt",
            *(f"--tag={name}", f"--file={REPOSITORY / DOCKERFILES[name]}", str(REPOSITORY)),
        )
        buildah("from", "--pull-never", f"--name={container}", name)
        made_of.write_text(fingerprint)
    root = Path(buildah("mount", container).strip())
    told: dict[str, Any] = json.loads(buildah("inspect", "--type=image", name))
    said = told["Docker"]["config"]
    return Image(
        name,
        root,
        size=sum(
            file.lstat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink()
        ),
        user=said["User"],
        environment=dict(each.split("=", 1) for each in said["Env"]),
        entrypoint=tuple(said["Entrypoint"]),
        command=tuple(said["Cmd"] or ()),
        health=tuple(said["Healthcheck"]["Test"][1:]),
    )


class _Buildah:
    """buildah with its images below `folder`, without privileges that a container could use, without a daemon."""

    def __init__(self, folder: Path, output: TextIO) -> None:
        self._command = ["buildah", "--storage-driver=vfs"]
        self._command += [f"--root={folder / 'images'}", f"--runroot={folder / 'run'}"]
        self._output = output

    def __call__(self, *arguments: str) -> str:
        return subprocess.run(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._output,
            text=True,
            check=True,
        ).stdout

    def import_base(self, name: str, root: Path) -> None:
        """The tree below `root` as an image of this name, as a registry would give it."""
        container = self("from", "scratch").strip()
        self("add", "--quiet", container, str(root), "/")
        self("commit", "--quiet", container, name)
        self("rm", container)

    def forget(self, container: str, image: str) -> None:
        """What was there before."""
        for arguments in (("rm", container), ("rmi", "--force", image)):
            subprocess.run([*self._command, *arguments], capture_output=True, check=False)


def _fingerprint(name: str) -> str:
    """Of everything that goes into the image."""
    digest = hashlib.sha256()
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--")
    paths = (DOCKERFILES[name], "lab/containers.py", *MADE_OF[name])
    found = subprocess.run([*listed, *paths], cwd=REPOSITORY, capture_output=True, check=True).stdout
    for each in sorted(filter(None, found.split(b"\0"))):
        file = REPOSITORY / each.decode()
        if file.is_file():
            digest.update(each + b"\0" + file.read_bytes())
    return digest.hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
