"""A Debian package's files without installing it: nothing of it starts, on no machine. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TextIO


def unpack(package: str, into: Path, log: TextIO) -> None:
    """Fetch the package of this machine's release and have its files in the folder `into`, whole or not at all."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        quietly = ["--quiet", "-o", "APT::Sandbox::User=root"]
        fetch = ["apt-get", *quietly, "download", package]
        subprocess.run(fetch, cwd=folder, stdout=log, stderr=log, check=True)
        [file] = Path(folder).glob(f"{package}_*.deb")
        fresh = into.with_suffix(f".{os.getpid()}")
        subprocess.run(["dpkg-deb", "-x", file, fresh], stdout=log, stderr=log, check=True)
    try:
        fresh.replace(into)
    except OSError:  # somebody else was first
        shutil.rmtree(fresh)
