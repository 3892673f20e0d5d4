"""What outlives a daemon: the journal, the plan's file, what the fallback dialplan noted; held against the laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from pbx112.cdr.fallback_story import FallbackCall
from pbx112.model import asks
from pbx112.model import events as ev
from pbx112.model.events import CallEvent, Instant
from pbx112.model.state import SECOND, Call
from pbx112.plan.types import Plan
from pbx112.switch.requests import Final

from .clock import Clock
from .daemon import Written
from .fallback import Dialplan
from .laws import Broken, Dossier, breaks_of_hangup
from .line import LineWatch
from .tale import Tale
from .watch import Watch, call_of
from .wire import Wire

_TOLD_APART = ("lost", "max_talk", "unseen", "trunk_full")


class _Write:
    def __init__(self) -> None:
        self.acts: list[Callable[[object], object]] = []

    def add_done_callback(self, act: Callable[[object], object], /) -> object:
        self.acts.append(act)
        return None


class Books:
    """The daemon's :class:`pbx112.simulate.daemon.Keeper`."""

    def __init__(
        self,
        clock: Clock,
        chance: Random,
        plan: Plan,
        tale: Tale,
        wire: Wire,
        watch: Watch,
        line: LineWatch,
        dialplan: Dialplan,
    ) -> None:
        self.clock = clock
        self.dossiers: dict[str, Dossier] = {}
        self.open: dict[str, None] = {}
        """The calls that have begun and not ended."""
        self.came: dict[str, int] = {}
        """When each caller came, UTC microseconds."""
        self.left: set[str] = set()
        """The callers who are gone by themselves, or with Asterisk."""
        self._calm = wire.faults.calm
        self._chance = chance
        self._tale = tale
        self._wire = wire
        self._watch = watch
        self._line = line
        self._dialplan = dialplan
        self._written_ns = 0
        self._dialable: set[str] = set()
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Another plan's file."""
        self.plan = plan
        self._dialable |= {line.dial for _, line in plan.lines()}

    @property
    def connections(self) -> int:
        """How often a daemon has connected."""
        return self._wire.connections

    def situation(self, call_id: str) -> str:
        """The name of the one in which the call is."""
        state = self.dossiers[call_id].state if call_id in self.dossiers else None
        return type(state.situation).__name__ if state else "arriving"

    # --- the journal ---

    def journal(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> Written:
        """Append, in order; each write takes its time."""
        dossier = self.dossiers.get(call_id)
        if dossier is None:
            dossier = self.dossiers[call_id] = Dossier(call_id)
            self.open[call_id] = None
        requests: list[asks.Request] = []
        for event in events:
            if self._tale.heard:
                self._tale.say(f"call {call_id}: {event}")
            self._cover(event)
            if dossier.state is not None:
                waiting = (self.dossiers[other].state for other in self.open)
                self._line.told(at, dossier.state, event, [each for each in waiting if each], self.plan)
            requests += dossier.append(at, event, self.plan.hash)
            if isinstance(event, ev.CallEnded):
                self.open.pop(call_id, None)
        write = _Write()
        slow = self._wire.faults.slow_journal and self._chance.random() < 0.1
        takes = self._chance.uniform(0.0, 0.25) if slow else self._chance.uniform(0.00005, 0.001)
        self._written_ns = max(self._written_ns, self.clock.now_ns + int(takes * SECOND))

        def written() -> None:
            dossier.allowed.update(requests)
            if daemon is not None and daemon.alive:
                for act in write.acts:
                    act(None)

        daemon = self._wire.daemon
        self.clock.at(self._written_ns, written)
        return write

    def history(self, call_id: str) -> list[tuple[Instant, CallEvent]]:
        """What the journal has of a call."""
        dossier = self.dossiers.get(call_id)
        return dossier.history if dossier else []

    def open_calls(self) -> list[str]:
        """The calls that have begun and not ended."""
        return list(self.open)

    def placed(self) -> Iterable[tuple[str, int]]:
        """What the journal says was placed over the trunks."""
        return sorted(
            (
                (event.target.trunk, at.mono_ns)
                for dossier in self.dossiers.values()
                for at, event in dossier.history
                if isinstance(event, ev.LegOffered) and event.placed and event.target.trunk is not None
            ),
            key=lambda placed: placed[1],
        )

    def fallback_records(self) -> Iterable[FallbackCall]:
        """What the dialplan wrote since."""
        return self._dialplan.written_since()

    def take_over(self, call: FallbackCall, history: Sequence[tuple[Instant, CallEvent]]) -> None:
        """Journal what the dialplan did."""
        dossier = self.dossiers.setdefault(call.call_id, Dossier(call.call_id))
        for at, event in history:
            self._tale.say(f"call {call.call_id}: fallback: {event}")
            self._cover(event)
            dossier.append(at, event, call.plan, told_late=True)
        if dossier.ended_by is not None:
            self.open.pop(call.call_id, None)

    # --- the laws, while it goes on ---

    def moved(self, call: Call) -> None:
        """A call's state changed: it is the fold of its journal, and fit to go on from."""
        self.dossiers[call.call_id].check_state(call, self.clock.now_ns)

    def asked(self, call_id: str, request: asks.Request) -> None:
        """A request leaves."""
        dossier = self.dossiers[call_id]
        if dossier.allowed[request] <= 0:
            raise Broken("journal_then_act", call_id, f"{request} leaves, and no written event asks for it")
        dossier.allowed[request] -= 1
        match request:
            case asks.Hangup(channel=channel) if channel == call_id:
                for law, why in breaks_of_hangup(dossier):
                    raise Broken(law, call_id, why)
            case asks.Originate(target=target):
                self._tale.seen[f"rung:{target.kind}"] += 1
                if target.dial not in self._dialable:
                    raise Broken("only_the_plan", call_id, f"{target.dial} is in no plan")
            case _:
                pass

    def cleared(self, request: Final) -> None:
        """A request that no call made: what it ends belongs to no live call."""
        self._tale.say(f"clears up: {request}")
        self._tale.seen[f"cleared:{type(request).__name__}"] += 1
        what = request.bridge if isinstance(request, asks.DropBridge) else request.channel
        if self._calm and self._watch.left_over_ns(what) > SECOND:
            raise Broken("nothing_to_mend", call_of(what), f"{what} was left over")
        if isinstance(request, asks.Hangup) and request.channel in self.dossiers:
            for law, why in breaks_of_hangup(self.dossiers[request.channel]):
                if request.channel not in self.left:
                    raise Broken(law, request.channel, why)

    def _cover(self, event: CallEvent) -> None:
        seen = self._tale.seen
        seen[f"event:{type(event).__name__}"] += 1
        if isinstance(event, ev.CallEnded):
            seen[f"outcome:{event.outcome}"] += 1
        elif isinstance(event, ev.LegEnded):
            seen[f"leg:{event.result}"] += 1
            if event.detail and event.detail in _TOLD_APART:
                seen[f"detail:{event.detail}"] += 1

    # --- when all is over ---

    def account(self) -> None:
        """Every caller who came has a record, and each record is true. Raises :class:`Broken`."""
        for call_id in self.came:
            if call_id not in self.dossiers:
                if self._calm and not self._wire.disturbed(call_id):
                    raise Broken("everybody_recorded", call_id, "the caller is in no record")
                self._tale.seen["caller:unseen"] += 1
        for call_id, dossier in self.dossiers.items():
            if dossier.ended_by is None:
                raise Broken("first_and_last", call_id, f"has no end: {dossier.state}")
            records = dossier.check_record(self.came[call_id])
            self._ship(dossier)
            self._tale.seen[f"record:{records.call.outcome if records.call else None}"] += 1

    def _ship(self, dossier: Dossier) -> None:
        """The database gets the journal in batches, whenever: what arrives with the end is what stays. Before the end
        there is nothing but the events."""
        if not self._wire.faults.slow_database:
            return
        whole = dossier.record()
        for upto in range(dossier.end, len(dossier.history)):
            part = dossier.record(upto)
            if part.call is not None and (part.call, part.legs) != (whole.call, whole.legs):
                raise Broken("late_record", dossier.call_id, f"{part.call} is not {whole.call}")
