"""The results of a verification, as the records have them: what a record of verification (berita acara) is made of."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from pbx112.cdr.store import connect

_RESULTS = """
SELECT DISTINCT ON (owner, line) owner, owner_name, line, officer, attempt, result, seconds_to_answer::float8,
       seconds_to_accept::float8, heard, sound, detail, tested_at, seq
FROM pbx112.verification WHERE run = $1 AND last_try
ORDER BY owner, line, seq DESC
"""
_RUN = """
SELECT journal_id::text AS journal, node, plan FROM pbx112.verification WHERE run = $1 ORDER BY seq LIMIT 1
"""


class LineTested(msgspec.Struct, frozen=True):
    """The last try of one line in a run; `seq` is its event's number in the journal, seconds as in the records."""

    owner: str
    owner_name: str
    line: str
    officer: str
    attempt: int
    result: str
    seconds_to_answer: float | None
    seconds_to_accept: float | None
    heard: bool
    sound: bool
    detail: str
    tested_at: datetime
    seq: int


class Verification(msgspec.Struct, frozen=True):
    """One run: in which journal it stands, on which machine, under which plan, and what came of each line."""

    run: str
    journal: str
    node: str
    plan: str
    lines: tuple[LineTested, ...]

    def written(self) -> bytes:
        """As JSON, always the same bytes for the same results: what its SHA-256 covers."""
        packed = msgspec.json.encode(self, order="deterministic")
        return msgspec.json.format(packed, indent=1) + b"\n"


def sha256_of(written: bytes) -> str:
    """In hex."""
    return hashlib.sha256(written).hexdigest()


def read_verification(written: bytes) -> Verification:
    """Raises :class:`msgspec.MsgspecError` where these bytes are none."""
    return msgspec.json.decode(written, type=Verification)


async def verification(dsn: str, run: str) -> Verification | None:
    """What stands of this run; None where nothing does. Raises asyncpg's errors and OSError."""
    connection = await connect(dsn, "verify")
    try:
        about = await connection.fetchrow(_RUN, run)
        if about is None:
            return None
        rows = await connection.fetch(_RESULTS, run)
    finally:
        await connection.close()
    return Verification(run, **about, lines=tuple(LineTested(**row) for row in rows))


async def last_run(dsn: str) -> str | None:
    """The run of which something was written down last; None where there is none."""
    connection = await connect(dsn, "verify")
    try:
        found: str | None = await connection.fetchval(
            "SELECT run FROM pbx112.verification ORDER BY tested_at DESC, seq DESC LIMIT 1"
        )
        return found
    finally:
        await connection.close()
