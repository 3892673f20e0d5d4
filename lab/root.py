"""Where Asterisk is: a folder with its files, `/` for the system's own. Standard library only."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

OLDEST = 18
"""The oldest Asterisk of the system's own that the lab takes."""


class NoAsterisk(Exception):
    """There is no Asterisk to run; the message says what to do."""


SUITE = "forky"
"""The Debian whose Asterisk the lab uses where nothing else is said. Debian 12 and 13 have none."""


def cached_root(suite: str = SUITE) -> Path:
    """Where the set-up puts the Asterisk that it bootstraps from this Debian, once for all checkouts of this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "pbx112" / ("asterisk" if suite == SUITE else f"asterisk-{suite}")


def find_root() -> Path:
    """The root folder of the Asterisk to run.

    `ASTERISK_ROOT` decides where it is set; then the system's own from version 18 on; then the bootstrapped one.
    Raises :class:`NoAsterisk`.
    """
    if given := os.environ.get("ASTERISK_ROOT"):
        root = Path(given).absolute()
        if not has_asterisk(root):
            raise NoAsterisk(f"ASTERISK_ROOT={given}: there is no usr/sbin/asterisk below it")
        return root
    if has_asterisk(Path("/")) and _system_version() >= OLDEST:
        return Path("/")
    if has_asterisk(cached_root()):
        return cached_root()
    raise NoAsterisk("no Asterisk here yet: run `make setup`")


def has_asterisk(root: Path) -> bool:
    """Whether `root` holds an installed Asterisk."""
    return (root / "usr/sbin/asterisk").exists()


def _system_version() -> int:
    told = subprocess.run(["/usr/sbin/asterisk", "-V"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"Asterisk (?:certified/)?(\d+)", told)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    try:
        print(find_root())
    except NoAsterisk as error:
        raise SystemExit(str(error)) from None
