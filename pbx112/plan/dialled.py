"""What a desk phone's own transfer key may name: the plan's extensions, and its agencies by their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pbx112.plan.types import Line, Plan

TRANSFERS = "pbx112-transfer"
"""The dialplan's context in which Asterisk looks for what a transfer names, and finds nothing else."""

FORWARDS = "pbx112-nowhere"
"""A context that does not exist: in it Asterisk looks for whom a phone's own call forwarding (SIP 302) names. The line
counts as one that did not answer, instead of a stranger, or a voicemail, that the plan does not name."""

DESK = "pbx112-desk-lines"
"""The context in which desk phones reach the same by dialling."""


class Whom(NamedTuple):
    """An agency's or group's key, and the number of one of its lines where that was named."""

    owner: str
    line: str = ""


def dialled(plan: Plan) -> Mapping[str, Whom]:
    """Whom each number or code names. A code can be given as it is pressed during a call (`*13`) or bare (`13`); where
    an extension has the same number, the bare one is the extension."""
    found: dict[str, Whom] = {}
    for owner, line in plan.lines():
        if line.kind == "extension" and not line.number.startswith("_"):  # which Asterisk takes for a pattern
            found.setdefault(line.number, Whom(owner, line.number))
    for agency in plan.agencies.values():
        for code in (agency.code, f"*{agency.code}"):
            found.setdefault(code, Whom(agency.key))
    return found


def line_of(plan: Plan, whom: Whom) -> Line | None:
    """The one line that was named."""
    return next(
        (line for owner, line in plan.lines() if owner == whom.owner and line.number == whom.line), None
    )


def number_of(plan: Plan, device: str) -> str:
    """The extension of this endpoint (`PJSIP/2101`); empty where the plan has none."""
    known = (line for _, line in plan.lines() if line.kind == "extension" and line.dial == device)
    return next((line.number for line in known), "")
