"""Phones that do what the story says. All answer to OPTIONS, and all remember what they saw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lab.processes import eventually
from lab.sipp import Key, Message, Sipp, milliseconds, piece, talk


@dataclass(frozen=True)
class Answers:
    """Rings, and is picked up `after` seconds (None: never). Presses `keys`; hangs up after `talk` seconds
    (None: stays until the other side does). With `sound`, a tone comes from it (else what it hears comes back).
    `early`: instead of 180 it sends 183 with SDP, as networks do that speak before somebody answers."""

    after: float | None = 1.0
    talk: float | None = None
    keys: tuple[Key, ...] = ()
    sound: bool = False
    early: bool = False


def codes(*pressed: str, after: float = 0.6, between: float = 2.0) -> tuple[Key, ...]:
    """The codes pressed one after the other, the first `after` seconds from the answer."""
    keys: list[Key] = []
    for code in pressed:
        keys += [Key(code[0], after), *(Key(key, 0.3) for key in code[1:])]
        after = between
    return tuple(keys)


@dataclass(frozen=True)
class Rejects:
    """Says no with a SIP status, `after` seconds."""

    status: int = 486
    after: float = 0.0
    phrases: ClassVar[Mapping[int, str]] = {
        404: "Not Found",
        480: "Temporarily Unavailable",
        486: "Busy Here",
        503: "Service Unavailable",
        603: "Decline",
    }


Behaviour = Answers | Rejects

BUSY = Rejects(486)
DECLINES = Rejects(603)
SILENT = Answers(after=None)
"""Rings until it is told to stop."""
VOICEMAIL = Answers(after=0.3)
"""Picks up and presses no key: a mobile's voicemail."""
HUMAN = Answers(after=0.5, keys=(Key("1", 1.0),))
"""Somebody on a mobile, who presses 1 after hearing who calls."""


def scenario(lines: Mapping[str, Behaviour], folder: Path) -> str:
    """What SIPp shall do for each number that is called; those that do the same share it (SIPp reads 64 KiB)."""
    names: dict[Behaviour, str] = {}
    dispatch = []
    for number, behaviour in lines.items():
        name = names.setdefault(behaviour, f"line_{len(names)}")
        dispatch.append(piece("dispatch", id=name, number=number))
    blocks = [block(name, behaviour, folder) for behaviour, name in names.items()]
    return piece("phone", dispatch="".join(dispatch), lines="".join(blocks))


def block(name: str, behaviour: Behaviour, folder: Path) -> str:
    """The part of a scenario that begins at the label `name` and does this."""
    match behaviour:
        case Answers():
            sound = write_tone(folder) if behaviour.sound else None
            talking = talk(name, behaviour.keys, behaviour.talk, f"{name}_hangs_up", folder, sound)
            rings = piece("early" if behaviour.early else "rings")
            return piece("answers", id=name, after=milliseconds(behaviour.after), talk=talking, rings=rings)
        case Rejects():
            phrase = behaviour.phrases.get(behaviour.status, "No")
            after = milliseconds(behaviour.after)
            return piece("rejects", id=name, status=behaviour.status, phrase=phrase, after=after)


def write_tone(folder: Path) -> Path:
    """A file with a second of a quiet square tone (500 Hz, A-law, 8000 samples a second)."""
    file = folder / "tone.raw"
    if not file.exists():  # another phone may be reading it
        file.write_bytes((b"\xa5" * 8 + b"\x25" * 8) * 500)
    return file


@dataclass(frozen=True)
class Phone:
    """One phone, or one mobile behind a gateway (where `sipp` serves others as well)."""

    number: str
    user: str
    sipp: Sipp

    @property
    def messages(self) -> list[Message]:
        """All that it saw and said, over all its calls."""
        uri = re.compile(rf"INVITE sips?:{re.escape(self.user)}[@;> ]")
        messages = self.sipp.messages
        calls = {m.header("Call-ID") for m in messages if not m.sent and uri.match(m.first)}
        return [m for m in messages if m.header("Call-ID") in calls]

    def received(self, what: str | int) -> list[Message]:
        """The requests (by method) or responses (by status) that reached it."""
        return [m for m in self.messages if not m.sent and what in (m.method, m.status)]

    @property
    def rang(self) -> int:
        """How many calls reached it."""
        return len({m.header("Call-ID") for m in self.received("INVITE")})

    @property
    def told_answered_elsewhere(self) -> bool:
        """Whether it was told, so that it shows no missed call (RFC 3326; 200 in SIP, 26 in Q.850)."""
        reasons = [m.header("Reason") for m in self.received("CANCEL")]
        return any(re.search(r"SIP\s*;\s*cause=200|Q\.850\s*;\s*cause=26", reason) for reason in reasons)

    async def until_rung(self, within: float = 10) -> Message:
        """Wait until a call reaches it; its INVITE. Raises :class:`TimeoutError`."""
        await eventually(lambda: self.rang > 0, within)
        return self.received("INVITE")[0]


async def start_phones(
    folder: Path, address: str, lines: Mapping[str, tuple[str, Behaviour]], *, remember: bool = True
) -> dict[str, Phone]:
    """Put a phone, or a gateway with several mobiles, on `address`.

    `lines` has for each number the user that is called (the number as the trunk wants it) and what it does.
    Under load phones need not `remember` what they saw.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"phone-{address}"
    behaviours = dict(lines.values())
    # Sound is sent back to who sent it: the call is not without sound. Not beside a code: the keys and the sound
    # would be two streams (RFC 3550, SSRC), and Asterisk begins anew with each packet of the other one.
    codes = any(isinstance(b, Answers) and len(b.keys) > 1 for b in behaviours.values())
    options = () if codes else ("-rtp_echo",)
    sipp = await Sipp.start(
        name, folder, scenario(behaviours, folder), address, options=options, trace=remember
    )
    return {number: Phone(number, user, sipp) for number, (user, _) in lines.items()}
