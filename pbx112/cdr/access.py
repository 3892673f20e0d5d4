"""Who reads records writes it down first: `pbx112.access_log` (UU PDP 27/2022, Ps. 31).

A command calls :func:`note_access` in the connection in which it is going to read, before it does. Where that fails
nothing is read: what cannot be written down is not shown.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from pbx112.cdr.store import Connection
from pbx112.log import mask

_NOBODY = 2**32 - 1
"""The kernel's login id of what nobody logged in for: a service, a timer."""


async def note_access(
    connection: Connection,
    program: str,
    what: str,
    *,
    call_id: str | None = None,
    why: str = "",
    unmasked: bool = False,
) -> None:
    """Write down that this machine's user reads `what` by the command `program`.

    `what` holds no whole number: :func:`masked` makes one fit to be written. Raises asyncpg's errors.
    """
    await connection.execute(
        "SELECT pbx112.note_access($1, $2, $3, $4, $5, $6)",
        os_user(),
        program,
        what,
        call_id,
        why,
        unmasked,
    )


def os_user() -> str:
    """Whose process this is, and as whom that person logged in where that is another (`root (sari)` after sudo)."""
    name = _name(os.getuid())
    try:
        login = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return name
    if login in (_NOBODY, os.getuid()):
        return name
    return f"{name} ({_name(login)})"


def masked(number: str) -> str:
    """A citizen's number as it may stand in `what`."""
    return mask(number)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
