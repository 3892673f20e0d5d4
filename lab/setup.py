"""`python3 -m lab.setup`: everything that demo, tests and benchmark need. Standard library only.

It may be repeated: what is there is not done again. It needs root, python3 (3.11 or newer) and make.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lab import kamailio, promtool, versions
from lab.bootstrap import bootstrap
from lab.root import SUITE, NoAsterisk, find_root

REPOSITORY = Path(__file__).parent.parent
VENV = REPOSITORY / ".venv"
CONSTRAINTS = REPOSITORY / "constraints.txt"
STAMP = "pbx112-setup"
LOG = REPOSITORY / ".lab" / "setup.log"

PROGRAMS = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "buildah": "buildah",
    "chromium": "chromium",
    "debootstrap": "debootstrap",
    "espeak-ng": "espeak-ng",
    "faketime": "faketime",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "sqlite3": "sqlite3",
    "systemd-analyze": "systemd",
}
"""What the lab runs, and the Debian package that has it."""


def main() -> None:
    """Set up, and show how far it is."""
    if sys.version_info < (3, 11):  # noqa: UP036 (run by whatever python3 the machine has)
        sys.exit("the lab needs Python 3.11 or newer")
    if os.geteuid() != 0:
        sys.exit("the lab needs root (it gives Asterisk a root folder of its own): try again with sudo")
    LOG.parent.mkdir(mode=0o700, exist_ok=True)
    os.chdir(REPOSITORY)
    try:
        if missing := _missing_packages():
            _step(f"Debian packages: {' '.join(missing)}", lambda log: _install_packages(missing, log))
        if promtool.find() is None:
            _step("promtool, from Debian's package of Prometheus", promtool.fetch)
        if not kamailio.is_here():
            _step("Kamailio, from Debian's package", kamailio.fetch)
        if versions.postgres(versions.OLDER_POSTGRES) is None:
            _step(
                f"Postgres {versions.OLDER_POSTGRES}, from Debian's package",
                lambda log: versions.fetch_postgres(versions.OLDER_POSTGRES, log),
            )
        if not has_packages(VENV):
            _step("Python packages, as pinned in constraints.txt", lambda log: make_venv(VENV, log))
        try:
            root = find_root()
        except NoAsterisk:
            if os.environ.get("ASTERISK_ROOT"):
                raise
            _step(f"Asterisk, from Debian {SUITE}, once for this machine (about a minute)", bootstrap)
            root = find_root()
    except (NoAsterisk, versions.NotHere) as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError:
        last = LOG.read_text(errors="replace").splitlines()[-25:]
        sys.exit("\n".join([*last, "", f"set-up failed; all that was said is in {LOG}"]))
    print(f"ready: Python in {VENV.name}, Asterisk in {root}")


# --- the steps --------------------------------------------------------------------------------------------------


def _missing_packages() -> list[str]:
    """Debian packages that are still needed."""
    missing = {package for program, package in PROGRAMS.items() if not _has(program)}
    if subprocess.run(
        [sys.executable, "-c", "import venv, ensurepip"], capture_output=True, check=False
    ).returncode:
        missing.add("python3-venv")
    if not Path("/usr/share/zoneinfo/Asia/Jakarta").exists():
        missing.add("tzdata")
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.add("debian-archive-keyring")
    return sorted(missing)


def _has(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _install_packages(packages: list[str], log: TextIO) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "--quiet", "update"], log, environment)
    _run(["apt-get", "--quiet", "install", "--yes", "--no-install-recommends", *packages], log, environment)


def has_packages(venv: Path, python: str = sys.executable) -> bool:
    """Whether :func:`make_venv` has made it, of what is pinned today."""
    stamp = venv / STAMP
    return stamp.exists() and stamp.read_text() == _fingerprint(python)


def make_venv(venv: Path, log: TextIO, python: str = sys.executable) -> None:
    """A fresh virtual environment of `python` with exactly what is pinned, checked by hash, and the project itself.

    Raises :class:`subprocess.CalledProcessError`.
    """
    shutil.rmtree(venv, ignore_errors=True)
    _run([python, "-m", "venv", str(venv)], log)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    pip += ["--progress-bar=off"]
    _run([*pip, "--require-hashes", "-r", str(CONSTRAINTS)], log)
    _run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(REPOSITORY)], log)
    (venv / STAMP).write_text(_fingerprint(python))


def _fingerprint(python: str) -> str:
    """Changes when a virtual environment must be made anew."""
    told = subprocess.run([python, "-VV"], capture_output=True, check=True).stdout
    known = hashlib.sha256(told)
    for file in (CONSTRAINTS, REPOSITORY / "pyproject.toml"):
        known.update(file.read_bytes())
    known.update(str(REPOSITORY).encode())
    return known.hexdigest()


# --- showing it -------------------------------------------------------------------------------------------------


def _step(what: str, work: Callable[[TextIO], object]) -> None:
    start = time.monotonic()
    with LOG.open("a") as log, _ticking(what, start):
        log.write(f"\n=== {what}\n")
        log.flush()
        work(log)
    print(f"  {what}: {time.monotonic() - start:.0f} s", flush=True)


@contextmanager
def _ticking(what: str, start: float) -> Iterator[None]:
    """On a terminal the seconds run, elsewhere a line says what begins."""
    if not sys.stdout.isatty():
        print(f"  {what} …", flush=True)
        yield
        return
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.5):
            print(f"\r  {what} … {time.monotonic() - start:.0f} s ", end="", flush=True)
        print("\r\x1b[K", end="", flush=True)

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()


def _run(command: list[str], log: TextIO, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, check=True)


if __name__ == "__main__":
    main()
