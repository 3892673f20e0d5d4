"""What a dialogue may look at: the phone that dials, and what stands at the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pbx112.model import events as ev
from pbx112.plan.types import Agency, Line, Plan
from pbx112.switch.ledger import Ledger

from .acts import Talk


@dataclass(frozen=True, slots=True)
class Desk:
    """One phone, at one moment. `device` is the phone's endpoint as Asterisk says (`PJSIP/1101`); `free` tells
    whether a trunk may be given a call now, `waiting` how many callers wait, `talks` whom a supervisor may listen to.
    `channel` is Asterisk's id of the phone's channel."""

    plan: Plan
    ledger: Ledger
    now: ev.Instant
    device: str
    waiting: int
    pins: Mapping[str, str]
    free: Callable[[str], bool]
    channel: str = ""
    talks: tuple[Talk, ...] = ()

    def line_of(self, *owners: str) -> Line | None:
        """This phone, where it is an extension of one of these."""
        known = self.plan.lines()
        return next((line for owner, line in known if owner in owners and self._is_ours(line)), None)

    def agency(self) -> tuple[Agency, Line] | None:
        """The agency whose own desk phone this is."""
        for agency in self.plan.agencies.values():
            for line in agency.lines:
                if self._is_ours(line):
                    return agency, line
        return None

    def _is_ours(self, line: Line) -> bool:
        return line.kind == "extension" and line.dial == self.device
