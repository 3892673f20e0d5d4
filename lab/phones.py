"""Phones that do what the story says. All answer to OPTIONS, and all remember what they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lab.sipp import Key, Sipp, milliseconds, piece, talk


@dataclass(frozen=True)
class Answers:
    """Rings, and is picked up `after` seconds (None: never). Presses `keys`; hangs up after `talk` seconds
    (None: stays until the other side does)."""

    after: float | None = 1.0
    talk: float | None = None
    keys: tuple[Key, ...] = ()


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
    """What SIPp shall do for each number that is called."""
    dispatch, blocks = [], []
    for position, (number, behaviour) in enumerate(lines.items()):
        name = f"line_{position}"
        dispatch.append(piece("dispatch", id=name, number=number))
        blocks.append(_block(name, behaviour, folder))
    return piece("phone", dispatch="".join(dispatch), lines="".join(blocks))


def _block(name: str, behaviour: Behaviour, folder: Path) -> str:
    match behaviour:
        case Answers():
            talking = talk(name, behaviour.keys, behaviour.talk, f"{name}_hangs_up", folder)
            return piece("answers", id=name, after=milliseconds(behaviour.after), talk=talking)
        case Rejects():
            phrase = behaviour.phrases.get(behaviour.status, "No")
            after = milliseconds(behaviour.after)
            return piece("rejects", id=name, status=behaviour.status, phrase=phrase, after=after)


async def start_phone(name: str, folder: Path, address: str, lines: Mapping[str, Behaviour]) -> Sipp:
    """Put a phone, or a gateway with several numbers, on `address`."""
    folder.mkdir(parents=True, exist_ok=True)
    return await Sipp.start(name, folder, scenario(lines, folder), address, options=("-rtp_echo",))
