"""Other versions of what pbx112 stands on: Asterisk, Postgres and Python. Standard library only.

What is not on this machine comes from Debian's packages, unpacked into a folder of its own; nothing is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TextIO

from lab.root import cached_root

OLDER_POSTGRES = 15
"""That of Debian 12, beside the newest one in the wheel."""


class NotHere(Exception):
    """A version that this machine neither has nor can fetch; the message says where it was looked for."""


def postgres(major: int) -> Path | None:
    """The folder of the programs of Debian's Postgres, installed or fetched; None: :func:`fetch_postgres`."""
    inside = f"usr/lib/postgresql/{major}/bin"
    places = (Path("/") / inside, _postgres_tree(major) / inside)
    return next((place for place in places if (place / "postgres").exists()), None)


def fetch_postgres(major: int, log: TextIO) -> Path:
    """Unpack Debian's package, and what of its libraries this machine lacks, for all checkouts of this user.

    Raises :class:`NotHere` where the machine's Debian has no such package.
    """
    tree = _postgres_tree(major)
    unfinished = tree.with_suffix(f".{os.getpid()}")
    packages = unfinished / "packages"
    (packages / "partial").mkdir(parents=True)
    command = ["apt-get", "--quiet", "--yes", "--download-only", "--no-install-recommends"]
    command += ["-o", "APT::Sandbox::User=root", "-o", f"Dir::Cache::Archives={packages}"]
    try:
        subprocess.run([*command, "install", f"postgresql-{major}"], stdout=log, stderr=log, check=True)
        for package in packages.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, unfinished], stdout=log, stderr=log, check=True)
    except subprocess.CalledProcessError as error:
        raise NotHere(
            f"Postgres {major}: apt-get install postgresql-{major} said {error.returncode}"
        ) from None
    else:
        shutil.rmtree(packages)
        shutil.rmtree(tree, ignore_errors=True)
        unfinished.rename(tree)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return tree / f"usr/lib/postgresql/{major}/bin"


def python(minor: int) -> str:
    """The interpreter of Python 3.`minor`, on the path or of pyenv. Raises :class:`NotHere`."""
    name = f"python3.{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(pyenv.glob(f"3.{minor}.*/bin/{name}"))
    for each in [*([shutil.which(name)] if shutil.which(name) else []), *found]:
        if each and _says(str(each), "-V").startswith(f"Python 3.{minor}."):
            return str(each)
    raise NotHere(f"no {name} on the path nor below {pyenv}")


def said(*command: str | Path) -> str:
    """The first version number in what a program says of itself; empty where it says none."""
    match = re.search(r"\d+\.\d+[\w.+~-]*", _says(*map(str, command)))
    return match[0] if match else ""


def _says(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _postgres_tree(major: int) -> Path:
    return cached_root().with_name(f"postgresql-{major}")
