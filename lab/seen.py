"""What the phones and the caller themselves saw of a call: an account that owes nothing to the records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.callers import Calling
from lab.phones import Phone
from lab.sipp import Message

NOTED_LATE = timedelta(seconds=0.1)
"""So much later than it was sent SIPp may note a message on a busy machine: its effect elsewhere is noted before it."""


@dataclass(frozen=True)
class Fact:
    """Something that somebody saw."""

    at: datetime
    who: str
    what: str


def facts(calling: Calling, phones: dict[str, Phone]) -> list[Fact]:
    """Everything worth telling so far, in order, and once: what is repeated within a call is not new."""
    told: dict[tuple[str, str, str], Fact] = {}
    for message in calling.sipp.messages:
        if what := _of_caller(message):
            told.setdefault(("caller", what, ""), Fact(message.at, "caller", what))
    for number, phone in phones.items():
        for message in phone.messages:
            if what := _of_phone(message):
                key = (number, what, message.header("Call-ID"))
                told.setdefault(key, Fact(message.at, number, what))
    return sorted(told.values(), key=lambda fact: fact.at)


def result_of(phone: Phone | None, calling: Calling) -> str:
    """What became of the attempt to reach this phone, in the words of the records; None: no phone is there."""
    if phone is None or not phone.rang:
        return "unavailable"
    final = [m for m in phone.messages if m.sent and m.status >= 200 and m.header("CSeq").endswith("INVITE")]
    status = final[-1].status if final else 0
    if status == 200:
        return "accepted" if _talked(phone, calling) else "answered_not_accepted"
    if status != 487:
        return {486: "busy", 603: "declined", 480: "no_answer"}.get(status, "failed")
    if phone.told_answered_elsewhere:
        return "answered_elsewhere"
    return "caller_gone" if _caller_left_first(phone, calling) else "no_answer"


def seconds_until_answered(calling: Calling) -> float | None:
    """From the caller's INVITE to the answer; None where there was none."""
    answers = _answers(calling)
    return (answers[0].at - calling.sipp.sent("INVITE")[0].at).total_seconds() if answers else None


def _answers(calling: Calling) -> list[Message]:
    return [m for m in calling.sipp.received(200) if m.header("CSeq").endswith("INVITE")]


def _talked(phone: Phone, calling: Calling) -> bool:
    """Whether the talk with this phone outlived the caller's answer (a voicemail that nobody accepted does not)."""
    answers = _answers(calling)
    ended = [m.at for m in phone.received("BYE")]
    return bool(answers) and (not ended or ended[0] > answers[0].at)


def _caller_left_first(phone: Phone, calling: Calling) -> bool:
    left = [m.at for m in calling.sipp.sent("CANCEL")]
    return bool(left) and left[0] - NOTED_LATE <= phone.received("CANCEL")[0].at


def _of_caller(message: Message) -> str:
    invite = message.header("CSeq").endswith("INVITE")
    match (message.sent, message.method, message.status):
        case (True, "INVITE", _):
            return f"dials {message.first.split()[1].partition(':')[2].partition('@')[0]}"
        case (False, _, 180 | 183):
            return "hears it ring"
        case (False, _, 200) if invite:
            return "is connected"
        case (True, "CANCEL" | "BYE", _):
            return "hangs up"
        case (False, "BYE", _):
            return "is hung up on"
        case (False, _, status) if status > 200 and invite:
            return f"is told {message.first.partition(' ')[2]}"
    return ""


def _of_phone(message: Message) -> str:
    invite = message.header("CSeq").endswith("INVITE")
    match (message.sent, message.method, message.status):
        case (True, _, 180):
            return "rings"
        case (True, _, 200) if invite:
            return "is picked up"
        case (True, _, 486):
            return "is busy"
        case (True, _, 603):
            return "declines"
        case (False, "CANCEL", _):
            elsewhere = "elsewhere" in message.header("Reason") or "cause=26" in message.header("Reason")
            return "stops ringing: answered elsewhere" if elsewhere else "stops ringing"
        case (True, "BYE", _):
            return "hangs up"
    return ""
