"""Who is told: a file with one address on each line, written as Apprise does (https://appriseit.com/services/).

Only what stands in :data:`LONG` and :data:`SMS` is taken, of the many that Apprise knows: nothing that runs a program,
writes to this machine, or goes to a public forum. An address holds secrets: it is named by its line and its scheme.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

LONG = ("mailto", "mailtos", "tgram", "json", "jsons", "form", "forms", "ntfy", "ntfys")
"""E-mail, Telegram, webhooks, ntfy."""
SMS = (
    "bulksms", "clicksend", "d7sms", "infobip", "msgbird", "smseagle", "smseagles", "twilio", "vonage",
)  # fmt: skip
"""Gateways of SMS: they get the short text."""
MOST = 10
"""Addresses that a file may have: each takes a process of some 60 MB while it is told. One may name many people."""
SHORT = "short"
"""The word before an address that shall get the short text: a GSM gateway's own web page."""

REMEDY = "see docs/admin, Alarms, and deploy/alarms.conf"


class DestinationsError(Exception):
    """The file cannot be used at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go. `line` is its line in the file."""

    line: int
    url: str = field(repr=False)
    short: bool = False

    @property
    def scheme(self) -> str:
        """What comes before `://`."""
        return self.url.partition("://")[0].lower()

    def __str__(self) -> str:
        return f"line {self.line} ({self.scheme})"


@dataclass(frozen=True, slots=True)
class Destinations:
    """What stands in the file, and what is wrong there."""

    all: tuple[Destination, ...]
    mistakes: tuple[str, ...]
    open: bool
    """Whether everybody on this machine can read its secrets."""


def read(file: Path) -> Destinations:
    """The file as it is now. Raises :class:`DestinationsError`."""
    try:
        mode = file.stat().st_mode
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DestinationsError(f"{file}: does not exist; {REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise DestinationsError(f"{file}: cannot be read ({why})") from None
    found: list[Destination] = []
    mistakes: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        first, _, rest = text.partition(" ")
        asked_short = first == SHORT
        url = rest.strip() if asked_short else text
        scheme, separator, _ = url.partition("://")
        if not separator or not scheme.isalnum() or " " in url:
            mistakes.append(f"{file}:{number}: is no address, write SCHEME://...; {REMEDY}")
        elif scheme.lower() not in LONG + SMS:
            allowed = ", ".join(LONG + SMS)
            mistakes.append(f"{file}:{number}: {scheme}:// is not among those allowed: {allowed}")
        elif len(found) == MOST:
            mistakes.append(
                f"{file}:{number}: is one address too many, {MOST} are allowed; name several people in one"
            )
        else:
            found.append(Destination(number, url, asked_short or scheme.lower() in SMS))
    return Destinations(tuple(found), tuple(mistakes), bool(mode & stat.S_IROTH))
