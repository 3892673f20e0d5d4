"""SIPp as our phones and callers: scenarios put together from `lab/scenarios/`, and what SIPp saw read back."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from lab.keys import write_key
from lab.network import SIP
from lab.processes import Process, bound, eventually

SCENARIOS = Path(__file__).parent / "scenarios"
FOREVER = 0
"""SIPp's timeout that never comes."""
REFUSALS = (
    *(401, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 480, 481, 482, 483, 484, 485),
    *(486, 487, 488, 491, 500, 501, 502, 503, 504, 513, 580, 600, 603, 604, 606),
)


@dataclass(frozen=True)
class Key:
    """A key that is pressed (RFC 4733), `after` seconds from the one before or from the answer."""

    key: str
    after: float = 0.5


@cache
def _piece(name: str) -> str:
    return (SCENARIOS / f"{name}.xml").read_text()


def piece(name: str, **values: object) -> str:
    """The file `name` of `lab/scenarios/` with its `@WORDS@` filled in."""
    text = _piece(name)
    for word, value in values.items():
        text = text.replace(f"@{word.upper()}@", str(value))
    return text


def milliseconds(seconds: float | None) -> int:
    """For SIPp; None is for ever."""
    return FOREVER if seconds is None else max(1, round(seconds * 1000))


def talk(
    prefix: str, keys: Sequence[Key], length: float | None, over: str, folder: Path, sound: Path | None = None
) -> str:
    """The talk: each key in its time, then `sound` (a file of A-law) without end, until the other side, or we after
    `length` seconds, hang up.

    What SIPp needs for it is written into `folder`.
    """
    text, name = [], f"{prefix}_talks"
    for number, key in enumerate(keys):
        pressed = f"{prefix}_presses_{number}"
        text.append(piece("talks", id=name, wait=milliseconds(key.after), next=pressed, over=over))
        text.append(piece("key", id=pressed, file=write_key(folder, key.key, number)))
        name = f"{prefix}_talks_on_{number}"
    if sound is not None:
        text.append(piece("sound", file=sound))
    text.append(piece("talks", id=name, wait=milliseconds(length), next=over, over=over))
    return "".join(text)


@dataclass(frozen=True)
class Message:
    """A SIP message that one side of SIPp sent or received."""

    at: datetime
    sent: bool
    text: str

    @property
    def first(self) -> str:
        """`INVITE sip:… SIP/2.0`, or `SIP/2.0 180 Ringing`."""
        return self.text.partition("\n")[0].strip()

    @property
    def method(self) -> str:
        """Of a request; empty for a response."""
        return "" if self.status else self.first.partition(" ")[0]

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        match = re.match(r"SIP/2\.0 (\d{3})", self.first)
        return int(match[1]) if match else 0

    def header(self, name: str) -> str:
        """The first header of this name; empty where it has none."""
        match = re.search(rf"^{re.escape(name)}\s*:\s*(.*?)\s*$", self.text, re.MULTILINE | re.IGNORECASE)
        return match[1] if match else ""


_ENTRY = re.compile(
    r"^-{20,} (?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+).*\n"
    r"UDP message (?P<way>sent|received) .*\n\n(?P<text>(?:.*\n)*?)(?=^-{20,} \d{4}|\Z)",
    re.MULTILINE,
)


def read_messages(file: Path) -> list[Message]:
    """What SIPp wrote into its message file so far."""
    text = file.read_text(errors="replace").replace("\r", "") if file.exists() else ""
    return [
        Message(datetime.fromisoformat(entry["at"]), entry["way"] == "sent", entry["text"])
        for entry in _ENTRY.finditer(text)
    ]


@dataclass
class Sipp:
    """A running SIPp, bound to `address`:`port`."""

    process: Process
    address: str
    port: int
    trace: Path
    _seen: list[Message] = field(default_factory=list)
    _size: int = -1

    @classmethod
    async def start(
        cls,
        name: str,
        folder: Path,
        scenario: str,
        address: str,
        port: int = SIP,
        *,
        to: str = "",
        options: Iterable[str] = (),
        life: float | None = None,
        trace: bool = True,
    ) -> Sipp:
        """Run `scenario` from `address`:`port`, for `life` seconds at most (None: until it is stopped), and wait
        until its socket is open.

        Calls go to the host `to` where it is given. Its files go to `folder`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file, messages = folder / f"{name}.xml", folder / f"{name}.messages"
        file.write_text(scenario, encoding="utf-8")
        messages.unlink(missing_ok=True)
        command = [
            *("sipp", *([to] if to else []), "-sf", file, "-i", address, "-mi", address, "-p", str(port)),
            *("-bind_local", "-nostdin", "-nd", "-watchdog_interval", "0"),
            *(("-timeout", f"{life:.0f}s") if life is not None else ()),
            *(("-trace_msg", "-message_file", messages) if trace else ()),
            *("-trace_err", "-error_file", folder / f"{name}.errors"),
            *options,
        ]
        process = await Process.start(name, command, folder / f"{name}.output", folder=folder)
        await process.ready(lambda: bound(address, port), within=10)
        return cls(process, address, port, messages)

    @property
    def messages(self) -> list[Message]:
        """All that it sent and received so far."""
        size = self.trace.stat().st_size if self.trace.exists() else 0
        if size != self._size:
            self._seen, self._size = read_messages(self.trace), size
        return self._seen

    def received(self, what: str | int) -> list[Message]:
        """The requests (by method) or responses (by status) that reached it."""
        return [m for m in self.messages if not m.sent and what in (m.method, m.status)]

    def sent(self, what: str | int) -> list[Message]:
        """The requests or responses that it sent."""
        return [m for m in self.messages if m.sent and what in (m.method, m.status)]

    async def until_received(self, what: str | int, within: float = 10, times: int = 1) -> Message:
        """Wait for a request or response; the `times`-th one. Raises :class:`TimeoutError`."""
        await eventually(lambda: len(self.received(what)) >= times, within)
        return self.received(what)[times - 1]

    async def until_sent(self, what: str | int, within: float = 10, times: int = 1) -> Message:
        """Wait until it sends a request or response. Raises :class:`TimeoutError`."""
        await eventually(lambda: len(self.sent(what)) >= times, within)
        return self.sent(what)[times - 1]

    async def stop(self) -> None:
        """Gone, without a word to anybody."""
        await self.process.stop(signal.SIGKILL)
