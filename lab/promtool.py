"""Prometheus' own checker, out of Debian's package, without installing a server. Standard library only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TextIO

from lab.debian import unpack
from lab.root import cached_root


def find() -> Path | None:
    """Where it is: the system's own, or the one that the set-up fetched; None where it is not there yet."""
    if own := shutil.which("promtool"):
        return Path(own)
    kept = cached_root().with_name("promtool")
    return kept if kept.exists() else None


def fetch(log: TextIO) -> None:
    """Fetch Debian's package and keep the one program of it, for all checkouts of this user."""
    kept = cached_root().with_name("promtool")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        unpack("prometheus", Path(folder) / "prometheus", log)
        (Path(folder) / "prometheus" / "usr" / "bin" / "promtool").replace(kept)
