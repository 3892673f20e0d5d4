"""Where a live call is, in a few words."""

from __future__ import annotations

from pbx112.cli.story import owner_name, target_name
from pbx112.model.state import (
    Announcing,
    Call,
    Ended,
    InFallback,
    InMenu,
    Leg,
    Questioned,
    Reaching,
    Talking,
    Waiting,
)
from pbx112.words import WAITS, word


def where(call: Call) -> str:
    """Where a live call is."""
    left = "; the caller has left" if call.caller_left else ""
    return _where(call) + left


def _where(call: Call) -> str:
    match call.situation:
        case Talking():
            there = [leg for leg in call.live_legs() if leg.status == "accepted"]
            return f"talking with {_whom(there)}" if there else "talking"
        case Reaching(owner=owner):
            ringing = [leg for leg in call.live_legs() if leg.status in ("offered", "ringing", "answered")]
            if not ringing:
                return f"on its way to {owner_name(owner)}" if owner else "arriving"
            asked = [leg for leg in ringing if leg.status == "answered"]
            return f"asks {_whom(asked)} to accept" if asked else f"ringing {_whom(ringing)}"
        case Waiting(reason=reason):
            return f"waits for its turn ({word(WAITS, reason)})"
        case Questioned():
            return "is asked whether it is an emergency"
        case InMenu(attempt=attempt):
            return "in the menu" if attempt == 1 else f"in the menu, {attempt}th time"
        case Announcing():
            return "hears that nobody can be reached"
        case InFallback():
            return "with the fallback dialplan"
        case Ended(outcome=outcome):
            return f"ended: {outcome}"


def _whom(legs: list[Leg]) -> str:
    return ", ".join(target_name(leg.target) for leg in legs)
