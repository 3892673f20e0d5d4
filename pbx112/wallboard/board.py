"""What stands on the board, folded from the journal's entries. Pure: time and the lines' states come in.

Words are the page's; here stand short keys, names of the plan, and numbers of which three digits are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Literal

import msgspec

from pbx112.cdr.record import Fact
from pbx112.log import mask
from pbx112.model.events import CallEvent, CallMarked
from pbx112.model.seen import Seen
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
    begin,
    evolve,
)
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Plan
from pbx112.switch.ledger import Ledger
from pbx112.watch.takers import State as TakerState
from pbx112.watch.takers import taker_states

from .figures import Figures, Today

SHOWN = 40
"""Calls that are told; of further ones, how many."""

What = Literal[
    "arriving", "ringing", "confirming", "talking", "held", "waiting", "menu", "announcing", "fallback"
]
LineState = Literal["ready", "ringing", "busy", "unreachable", "unknown"]


class LiveCall(msgspec.Struct, frozen=True):
    """One citizen's call that goes on. `since` and `accepted_at` are UTC in microseconds."""

    id: str
    since: int
    accepted_at: int | None
    caller: str
    what: What
    whom: list[str]
    incident: str
    left: bool


class Taker(msgspec.Struct, frozen=True):
    """A call taker's line. `reachable` is None where nobody knows."""

    number: str
    name: str
    state: TakerState
    reachable: bool | None


class BoardLine(msgspec.Struct, frozen=True):
    """One line of an agency; a mobile's number is masked."""

    name: str
    number: str
    mobile: bool
    state: LineState


class BoardAgency(msgspec.Struct, frozen=True):
    """An agency with its lines; `key` is what it is called for short."""

    key: str
    name: str
    code: str
    lines: list[BoardLine]


class Picture(msgspec.Struct, frozen=True):
    """All that the page shows. `at` is UTC in microseconds; `daemon` whether it serves; `trouble` what is amiss with
    what the board itself reads."""

    at: int
    service: str
    number: str
    language: str
    zone: str
    daemon: Literal["serves", "hangs", "absent", "unknown"]
    trouble: list[Literal["journal", "asterisk", "plan"]]
    calls: list[LiveCall]
    more: int
    takers: list[Taker]
    agencies: list[BoardAgency]
    today: Today


class Board:
    """The fold."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.ledger = Ledger()
        self.seen = Seen()
        """What the line watch has said."""
        self.figures = Figures(zone)
        self._live: dict[str, Call] = {}
        self._accepted: dict[str, int] = {}

    def take(self, subject: str, fact: Fact) -> None:
        """One entry of the journal, in order."""
        event, at = fact.event, fact.at
        self.ledger.heed(subject, event, at)
        self.seen.heed(event, at)
        self.figures.heed(subject, event, at)
        if not isinstance(event, CallEvent) or (isinstance(event, CallMarked) and subject not in self._live):
            return
        known = self._live.get(subject)
        call = begin(subject, event, at) if known is None else evolve(known, event, at)
        if call is None:
            return
        if call.accepted and subject not in self._accepted:
            self._accepted[subject] = at.utc_us
        if isinstance(call.situation, Ended):
            self._live.pop(subject, None)
            self._accepted.pop(subject, None)
        else:
            self._live[subject] = call

    def take_up(self, subject: str, story: Iterable[Fact]) -> None:
        """A call that began before the first entry that was taken: all of it so far."""
        if subject not in self._live:
            for fact in story:
                self.take(subject, fact)

    def knows(self, subject: str) -> bool:
        """Whether this call goes on."""
        return subject in self._live

    def calls(self) -> list[Call]:
        """Those that go on, whoever still waits for a human first, and of those who has waited longest."""
        return sorted(self._live.values(), key=lambda call: (call.accepted, call.arrived.utc_us))

    def live(self) -> list[LiveCall]:
        """The same, as they are shown."""
        return [self._shown(call) for call in self.calls()]

    def _shown(self, call: Call) -> LiveCall:
        what, legs = _what(call)
        number = call.arrival.caller or call.arrival.caller_raw
        return LiveCall(
            id=call.call_id,
            since=call.arrived.utc_us,
            accepted_at=self._accepted.get(call.call_id),
            caller=mask(number) if number[-3:].isdigit() else "",
            what=what,
            whom=list(dict.fromkeys(_name(leg) for leg in legs)),
            incident=call.incident_name or call.incident,
            left=call.caller_left,
        )


def takers(board: Board, plan: Plan, lines: Mapping[str, LineState], utc_us: int) -> list[Taker]:
    """The call takers, in the plan's order. `lines` tells each line's state by its number."""
    if plan.call_takers is None:
        return []
    states = taker_states(plan, board.calls(), board.ledger.absent(utc_us))
    return [
        Taker(line.number, line.name, states[line.number], _reachable(lines.get(line.number, "unknown")))
        for line in plan.call_takers.lines
    ]


def agencies(board: Board, plan: Plan, lines: Mapping[str, LineState]) -> list[BoardAgency]:
    """The agencies with their lines. What a call of ours does on a line is known before Asterisk is asked."""
    on_calls: dict[str, LineState] = {}
    for call in board.calls():
        for leg in call.live_legs():
            state: LineState = "busy" if leg.status == "accepted" else "ringing"
            if on_calls.get(leg.target.number) != "busy":
                on_calls[leg.target.number] = state
    return [
        BoardAgency(
            agency.key,
            agency.name,
            agency.code,
            [
                BoardLine(
                    line.name if line.name != line.number else "",
                    mask(line.number) if line.kind == "mobile" else line.number,
                    line.kind == "mobile",
                    on_calls.get(line.number, lines.get(line.number, "unknown")),
                )
                for line in agency.lines
            ],
        )
        for agency in plan.agencies.values()
    ]


def _what(call: Call) -> tuple[What, tuple[Leg, ...]]:
    """What goes on, and with which lines."""
    match call.situation:
        case Talking():
            return ("held" if call.held else "talking"), call.talkers()
        case Reaching():
            legs = tuple(leg for leg in call.live_legs() if not leg.help)
            asked = tuple(leg for leg in legs if leg.status == "answered")
            return ("confirming", asked) if asked else ("ringing", legs) if legs else ("arriving", ())
        case Waiting():
            return "waiting", ()
        case InMenu() | Questioned():
            return "menu", ()
        case Announcing():
            return "announcing", ()
        case InFallback() | Ended():
            return "fallback", ()


def _name(leg: Leg) -> str:
    target = leg.target
    if target.owner in (CALL_TAKERS, SUPERVISORS):
        return target.name if target.name != target.number else target.number
    return target.owner_name or target.owner


def _reachable(state: LineState) -> bool | None:
    return None if state == "unknown" else state != "unreachable"
