"""The desk's ledger: which call takers are away, which mobile an agency chose, who hung up unserved, and from which
numbers pranks come.

A fold over all events of the journal, fed as they happen; after a restart it is read back from the journal.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import msgspec
import structlog

from pbx112.journal import Entry, Journal, JournalError, Reader
from pbx112.model import events as ev
from pbx112.model.events import Event, Instant, Outcome
from pbx112.plan.types import Nuisance

from .pranks import Pranks
from .record import told
from .verified import Verified

log = structlog.get_logger()

DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
KEPT = 200
"""Abandoned callers that are kept, the newest."""
OPEN = 5_000
"""Calls followed at once."""
ATTEMPTS = 3
"""Calls back after which a caller who was not reached leaves the list."""
WRONG_PINS, LOCKED_US = 5, 900_000_000
"""So many wrong PINs within this time (microseconds) lock an agency's standby until it has passed."""
BLOCK = 2000

_UNSERVED = {
    Outcome.ABANDONED_RINGING,
    Outcome.ABANDONED_MENU,
    Outcome.ABANDONED_WAITING,
    Outcome.UNANSWERED,
    Outcome.FALLBACK_UNANSWERED,
    Outcome.SYSTEM_FAILURE,
}
_DESK = (
    ev.LineStateChanged,
    ev.StandbyChosen,
    ev.PinRefused,
    ev.NuisanceLifted,
    ev.DeskStated,
    ev.VerificationStarted,
    ev.LineTestPlaced,
    ev.LineTestEnded,
    ev.VerificationEnded,
)
_CALL = (
    ev.CallArrived,
    ev.LegOffered,
    ev.LegAccepted,
    ev.LegEnded,
    ev.CallEnded,
    ev.CallMarked,
    ev.CallBackPlaced,
    ev.CallBackEnded,
    ev.ListenStarted,
    ev.ListenEnded,
)
_DESK_KINDS = frozenset(kind.__name__ for kind in _DESK)
_CALL_KINDS = frozenset(kind.__name__ for kind in _CALL)
_PRANK_KINDS = frozenset(kind.__name__ for kind in (ev.CallArrived, ev.CallMarked))
Told = tuple[str, Instant, Event]


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A caller whom nobody served: its `number` in E.164, when the call ended, and how often it was called back."""

    call_id: str
    number: str
    source: str
    ended_us: int
    attempts: int = 0


@dataclass(slots=True)
class _Open:
    arrival: ev.CallArrived
    lines: dict[int, str] = field(default_factory=dict)
    talked: dict[int, str] = field(default_factory=dict)


class Ledger:
    """All of it. Moments are UTC in microseconds."""

    def __init__(self) -> None:
        self._lines: dict[str, ev.LineStateChanged] = {}
        self._chosen: dict[str, ev.StandbyChosen] = {}
        self._wrong: dict[str, list[int]] = {}
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._unserved: OrderedDict[str, Abandoned] = OrderedDict()
        self._called: OrderedDict[str, Abandoned] = OrderedDict()
        self._last: dict[str, str] = {}
        self._calling: dict[str, ev.CallBackPlaced] = {}
        self._listening: OrderedDict[str, tuple[str, ev.ListenStarted]] = OrderedDict()
        self._pranks = Pranks()
        self.verified = Verified()
        """Which lines are verified, and which tests of lines have not ended."""
        self.idle_since: dict[str, int] = {}
        """The monotonic nanosecond at which each line (by number) last ended a talk, before a restart as well."""

    # --- what it tells

    def away(self, utc_us: int) -> Set[str]:
        """The call takers' lines (by number) that are logged out or paused."""
        return frozenset(self.absent(utc_us))

    def absent(self, utc_us: int) -> Mapping[str, Literal["paused", "logged_out"]]:
        """The same, and how each is away."""
        return {
            line: said.state
            for line, said in self._lines.items()
            if said.state != "ready" and (said.until_us is None or utc_us < said.until_us)
        }

    def standby(self, utc_us: int) -> Mapping[str, str]:
        """The number of the mobile that each agency (by key) chose to be tried first."""
        return {
            agency: said.number
            for agency, said in self._chosen.items()
            if said.number and (said.until_us is None or utc_us < said.until_us)
        }

    def unserved(self, utc_us: int) -> list[Abandoned]:
        """Whom to call back, who waits longest first; those of the past day."""
        return [each for each in self._unserved.values() if each.ended_us > utc_us - DAY_US]

    def last_call(self, line: str) -> str | None:
        """The id of the call that this line talked in last, once it has ended."""
        return self._last.get(line)

    def locked(self, agency: str, utc_us: int) -> bool:
        """Whether too many wrong PINs were given for this agency."""
        return sum(at > utc_us - LOCKED_US for at in self._wrong.get(agency, ())) >= WRONG_PINS

    def nuisance(self, number: str | None, rule: Nuisance | None, utc_us: int) -> int:
        """How many of this number's calls (E.164; None: it is withheld) were marked as prank within the rule's time,
        where these are more than are borne; else 0."""
        return self._pranks.of(number, rule, utc_us) if number and rule else 0

    def nuisances(self, rule: Nuisance | None, utc_us: int) -> list[str]:
        """The numbers of which that is so, the one that was marked last first."""
        return self._pranks.all(rule, utc_us) if rule else []

    def stated(self) -> ev.DeskStated:
        """What stands, to be said again before old entries are pruned."""
        lines, standby = tuple(self._lines.values()), tuple(self._chosen.values())
        return ev.DeskStated(lines, standby, self.verified.stated(), self.verified.scheduled_us)

    def listening(self) -> list[tuple[str, ev.ListenStarted]]:
        """Who listens to which call, as far as its end was not told."""
        return list(self._listening.values())

    def unfinished(self) -> dict[str, ev.CallBackPlaced]:
        """Calls back of which the end was not told, by the call's id."""
        return dict(self._calling)

    # --- what it is told

    def heed(self, subject: str, event: Event, at: Instant) -> None:
        """Something happened."""
        self._pranks.heed(subject, event, at)
        self.verified.heed(event, at)
        match event:
            case ev.CallArrived():
                self._open[subject] = _Open(event)
                if len(self._open) > OPEN:
                    self._open.popitem(last=False)
            case ev.LegOffered(leg=leg, target=target) if subject in self._open:
                self._open[subject].lines[leg] = target.number
            case ev.LegAccepted(leg=leg) if subject in self._open:
                call = self._open[subject]
                call.talked[leg] = call.lines.get(leg, "")
            case ev.LegEnded(leg=leg) if subject in self._open and leg in self._open[subject].talked:
                self.idle_since[self._open[subject].talked[leg]] = at.mono_ns
            case ev.CallEnded(outcome=outcome):
                if (ended := self._open.pop(subject, None)) is not None:
                    self._ended(subject, ended, outcome, at)
            case ev.ListenStarted(channel=channel):
                self._listening[channel] = (subject, event)
                if len(self._listening) > KEPT:
                    self._listening.popitem(last=False)
            case ev.ListenEnded(channel=channel):
                self._listening.pop(channel, None)
            case ev.CallBackPlaced():
                self._calling[subject] = event
                if (caller := self._unserved.pop(subject, None)) is not None:
                    self._called[subject] = replace(caller, attempts=caller.attempts + 1)
            case ev.CallBackEnded(result=result):
                self._calling.pop(subject, None)
                caller = self._called.pop(subject, None)
                if caller is not None and result != "answer" and caller.attempts < ATTEMPTS:
                    self._unserved[subject] = caller
            case ev.LineStateChanged(by=line):
                self._lines[line] = event
            case ev.StandbyChosen(agency=agency):
                self._chosen[agency] = event
                self._wrong.pop(agency, None)
            case ev.PinRefused(agency=agency):
                self._wrong.setdefault(agency, []).append(at.utc_us)
                del self._wrong[agency][:-WRONG_PINS]
            case ev.DeskStated(lines=lines, standby=standby):
                self._lines = {said.by: said for said in lines}
                self._chosen = {said.agency: said for said in standby}
            case _:
                pass

    def _ended(self, call_id: str, call: _Open, outcome: Outcome, at: Instant) -> None:
        for line in call.talked.values():
            self._last[line] = call_id
        number = call.arrival.caller
        if call.talked and number:  # served now, whatever became of the caller's earlier calls
            for other in [each.call_id for each in self._unserved.values() if each.number == number]:
                del self._unserved[other]
        elif outcome in _UNSERVED and number and call.arrival.callable and not call.talked:
            self._unserved[call_id] = Abandoned(call_id, number, call.arrival.source, at.utc_us)
            if len(self._unserved) > KEPT:
                self._unserved.popitem(last=False)

    # --- after a restart

    async def recover(self, journal: Journal, at: Instant, hours: int = 0) -> None:
        """Read back what stands: all of the past day, the pranks of the past `hours`, and before them as far as the
        last :class:`DeskStated`. Until then everybody is there, and nobody a nuisance. What happens meanwhile is of
        calls, and may be told twice."""
        since_us = at.utc_us - max(DAY_US, hours * HOUR_US)
        blocks: list[list[Told]] = []
        upto: int | None = None
        stated = False
        try:
            while upto != 0:
                found, upto, old = await journal.ask(partial(_before, upto=upto, now=at, since_us=since_us))
                blocks.append(found)
                stated = stated or any(isinstance(event, ev.DeskStated) for _, _, event in found)
                if old and stated:
                    break
        except JournalError as error:
            log.error("journal: who is away is unknown; all are rung", action="recover", error=str(error))
        fresh = Ledger()
        for block in reversed(blocks):
            for subject, moment, event in block:
                fresh.heed(subject, event, moment)
            await asyncio.sleep(0)  # callers have their turn between two blocks
        self._lines, self._chosen, self._wrong = fresh._lines, fresh._chosen, fresh._wrong
        self._pranks = fresh._pranks.joined(self._pranks)
        self.verified = fresh.verified.joined(self.verified)
        self._unserved = OrderedDict(fresh._unserved | self._unserved)
        self._called = OrderedDict(fresh._called | self._called)
        self._calling = fresh._calling | self._calling
        self._listening = OrderedDict(fresh._listening | self._listening)
        self._last = fresh._last | self._last
        self._open = OrderedDict(fresh._open | self._open)
        self.idle_since = fresh.idle_since | self.idle_since


def _before(reader: Reader, upto: int | None, now: Instant, since_us: int) -> tuple[list[Told], int, bool]:
    """One block of the journal up to entry `upto` (None: its end): what matters of it, where the block before it
    ends (0: there is none), and whether the block begins before `since_us`."""
    last = reader.head()[0] if upto is None else upto
    base = reader.base()[0]
    first = max(base, last - BLOCK)
    entries = reader.after(first, BLOCK, last)
    old = not entries or entries[0].utc_us < since_us
    return list(_read(entries, now, since_us)), first if first > base else 0, old


def _read(entries: Iterable[Entry], now: Instant, since_us: int) -> Iterable[Told]:
    for entry in entries:
        kinds = _CALL_KINDS if entry.utc_us > now.utc_us - DAY_US else _PRANK_KINDS
        if entry.kind in kinds and entry.utc_us > since_us:
            for at, event in told((entry,), now):
                yield entry.subject, at, event
        elif entry.kind in _DESK_KINDS:
            try:
                yield entry.subject, Instant(entry.utc_us, entry.mono_ns), ev.decode(entry.body)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                log.error("journal: an event cannot be read", action="recover", error=str(error))
