"""Asterisk's own call detail records, from the files that `dialplan/cdr_custom.conf` makes Asterisk write.

One line is one record, nine quoted fields (a quote within is doubled):

    start,answer,end,uniqueid,linkedid,sequence,dcontext,disposition,dstchannel

Times are seconds since the epoch with six decimals, 0.000000 for none. A channel has one record or more: a new one for
each party that it was joined to or that was rung for it.

Nothing in a line is trusted. A line that is not exactly of this shape is named by file and number, and told as bad.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

LONGEST = 4096
"""Bytes of a line; Asterisk's own are a tenth of it."""

_QUOTED = re.compile(rb'"((?:[^"]|"")*)"')
_LINE = re.compile(rb'"(?:[^"]|"")*"(?:,"(?:[^"]|"")*"){8}')
_TIME = re.compile(r"(\d{1,11})\.(\d{6})", re.ASCII)
_ID = re.compile(r"[!-~]{1,200}", re.ASCII)
_WORD = re.compile(r"[ -~]{0,200}", re.ASCII)
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
_DISPOSITIONS = {"ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", "CANCEL"}
_COMPRESSED = {".xz", ".bz2", ".zst"}


class Detail(NamedTuple):
    """One call detail record. Times are microseconds since the epoch, UTC."""

    start_us: int
    end_us: int
    uniqueid: str
    linkedid: str
    sequence: int
    """Asterisk counts its records from 0 each time it starts."""
    context: str
    joined: bool
    """The channel was joined to another party."""


class Bad(NamedTuple):
    """A line that is none."""

    file: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


class CdrFilesError(Exception):
    """There is nothing to read, or it cannot be read; the message names the file and the remedy."""


def read_line(line: bytes) -> Detail | str:
    """What one line (without its newline) says, or why it says nothing."""
    if not _LINE.fullmatch(line):
        return "not nine quoted fields"
    try:
        fields = [found.replace(b'""', b'"').decode("ascii") for found in _QUOTED.findall(line)]
    except UnicodeDecodeError:
        return "signs that Asterisk does not write here"
    start, answer, end = (_us(field) for field in fields[:3])
    uniqueid, linkedid, sequence, context, disposition, other = fields[3:]
    if start is None or answer is None or end is None or not 0 < start <= end:
        return "its times are none"
    if not _ID.fullmatch(uniqueid) or not _ID.fullmatch(linkedid):
        return "its uniqueid or linkedid is none"
    if not (_NUMBER.fullmatch(sequence) and _WORD.fullmatch(context) and _WORD.fullmatch(other)):
        return "its sequence, context or other channel is none"
    if disposition not in _DISPOSITIONS:
        return "its disposition is none"
    return Detail(
        start, end, uniqueid, linkedid, int(sequence), context, disposition == "ANSWERED" and other != ""
    )


def _us(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    return int(found[1]) * 1_000_000 + int(found[2]) if found else None


@dataclass(slots=True)
class AsteriskChannel:
    """One channel, from all of its records."""

    uniqueid: str
    linkedid: str
    sequence: int
    """Of its first record."""
    context: str
    start_us: int
    end_us: int
    joined: bool = False

    @property
    def is_call(self) -> bool:
        """A caller's, whom the intake let in. In the fallback the lines that are rung have contexts of that name too,
        and the caller's linkedid."""
        return self.context.startswith("pbx112-intake") or (
            self.context.startswith("pbx112-fallback") and self.linkedid == self.uniqueid
        )

    @property
    def is_desk_code(self) -> bool:
        """A desk phone's that dialled a code."""
        return self.context.startswith("pbx112-desk-code")

    def add(self, detail: Detail) -> None:
        """One more of its records."""
        if detail.start_us < self.start_us:
            self.start_us, self.sequence, self.context = detail.start_us, detail.sequence, detail.context
        self.end_us = max(self.end_us, detail.end_us)
        self.joined |= detail.joined


def channels(details: Iterable[Detail]) -> dict[str, AsteriskChannel]:
    """The records by their channel's uniqueid."""
    found: dict[str, AsteriskChannel] = {}
    for detail in details:
        channel = found.get(detail.uniqueid)
        if channel is None:
            found[detail.uniqueid] = channel = AsteriskChannel(
                detail.uniqueid,
                detail.linkedid,
                detail.sequence,
                detail.context,
                detail.start_us,
                detail.end_us,
            )
        channel.add(detail)
    return found


class Life(NamedTuple):
    """From a start of Asterisk to its end, as its channels tell: when the first came and the last went."""

    begins_us: int
    ends_us: int


def lives(channels: Iterable[AsteriskChannel], apart_us: int) -> list[Life]:
    """Where Asterisk's count of its records began anew. Channels that came within `apart_us` of each other may have
    their numbers in another order."""
    found: list[Life] = []
    last: AsteriskChannel | None = None
    for channel in sorted(channels, key=lambda channel: channel.start_us):
        if last is None or (
            channel.sequence <= last.sequence and channel.start_us - last.start_us > apart_us
        ):
            found.append(Life(channel.start_us, channel.end_us))
            last = channel
            continue
        found[-1] = Life(found[-1].begins_us, max(found[-1].ends_us, channel.end_us))
        if channel.sequence > last.sequence:
            last = channel
    return found


# --- the files ---------------------------------------------------------------------------------------------------


def files(path: Path) -> list[Path]:
    """The file, and what it was called before `logrotate` renamed it. Raises :class:`CdrFilesError`."""
    try:
        found = sorted(file for file in path.parent.glob(f"{path.name}*") if file.is_file())
    except OSError as error:
        raise CdrFilesError(f"{path.parent}: {error.strerror}; run as a user who may read it") from None
    if not found:
        remedy = "let Asterisk write it (dialplan/cdr_custom.conf), or name another with PBX112_ASTERISK_CDR"
        raise CdrFilesError(f"{path}: there is no such file; {remedy}")
    for file in found:
        if file.suffix in _COMPRESSED:
            raise CdrFilesError(f"{file}: only .gz can be read; decompress it (logrotate: compresscmd gzip)")
    return found


def read(
    paths: Iterable[Path], begins_us: int, ends_us: int, tell: Callable[[int], None] = lambda size: None
) -> tuple[list[Detail], list[Bad]]:
    """The records that overlap the time, and every bad line that may be of it. `tell` hears how many bytes more of a
    file are read. Raises :class:`CdrFilesError`.

    Asterisk writes a record when it ends: a bad line is of the time between the ends of those around it. After the last
    one of a file that is not written to any more (all but the first) it is of that one's time.
    """
    details, bad = [], []
    for index, path in enumerate(paths):
        before_us, doubtful = 0, list[Bad]()
        try:
            with path.open("rb") as stream:
                before = 0
                opened = gzip.GzipFile(fileobj=stream) if path.suffix == ".gz" else stream
                for number, line in enumerate(_lines(opened), 1):
                    said = read_line(line) if line is not None else f"longer than {LONGEST} bytes"
                    if isinstance(said, str):
                        doubtful.append(Bad(path, number, said))
                        continue
                    if before_us < ends_us and said.end_us >= begins_us:
                        bad += doubtful
                    before_us, doubtful = said.end_us, []
                    if said.end_us >= begins_us and said.start_us < ends_us:
                        details.append(said)
                    if number % 1000 == 0:
                        tell(stream.tell() - before)
                        before = stream.tell()
                tell(stream.tell() - before)
                if before_us < ends_us and (index == 0 or before_us == 0 or before_us >= begins_us):
                    bad += doubtful
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CdrFilesError(f"{path}: {why}; run as a user who may read it (group asterisk)") from None
    return details, bad


def _lines(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes | None]:
    """Each line without its newline; None for one that is too long. A last one without newline is a line cut off: it is
    yielded, and most likely bad."""
    while line := stream.readline(LONGEST + 1):
        if line.endswith(b"\n"):
            yield line[:-1]
        elif len(line) <= LONGEST:
            yield line
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST + 1)
            yield None
