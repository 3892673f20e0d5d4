"""The daemon in virtual time: the real calls (`switch.live`), their real listener, comparison and requests; what
:class:`pbx112.switch.switch.Switch` does with tasks is done here with the clock."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol, cast

from pbx112.ari import AriClient, AriError, Channel, NotFound, seconds_of
from pbx112.ari import events as rest
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.model import asks, stimuli
from pbx112.model.events import CallEnded, CallEvent, Instant, Outcome
from pbx112.model.state import SECOND, Call, Ended, InFallback, Talking, fold
from pbx112.model.stimuli import Stimulus, World
from pbx112.plan.types import Plan
from pbx112.switch.arrival import arrival
from pbx112.switch.calls import Calls
from pbx112.switch.hearing import Hearing, RecordingEvent
from pbx112.switch.live import Alarm, LiveCall
from pbx112.switch.reconcile import Found, compare, is_caller, is_noted
from pbx112.switch.requests import FALLBACK_CONTEXT, Final, perform, settle
from pbx112.switch.sweep import EVERY as SWEEP_EVERY
from pbx112.switch.sweep import Sweep
from pbx112.switch.switch import LEFT_STASIS_GRACE, LOOK_EVERY

from .ari import Ari
from .asterisk import APP
from .clock import Clock, sleep

DEBTS_AGAIN = 1.0


class Written(Protocol):
    """An event on its way into the journal."""

    def add_done_callback(self, act: Callable[[Any], object], /) -> object:
        """Call `act` when it is written."""


class Keeper(Protocol):
    """What outlives a daemon: the journal, the plan's file, the fallback's records; and who watches over the laws."""

    clock: Clock
    plan: Plan

    @property
    def connections(self) -> int:
        """How often a daemon has connected."""

    def journal(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> Written:
        """Append."""

    def history(self, call_id: str) -> list[tuple[Instant, CallEvent]]:
        """What the journal has of a call."""

    def open_calls(self) -> list[str]:
        """The calls that have begun and not ended in the journal."""

    def placed(self) -> Iterable[tuple[str, int]]:
        """Trunk and moment (monotonic nanoseconds) of what the journal says was placed, in order."""

    def fallback_records(self) -> Iterable[FallbackCall]:
        """What the dialplan has finished since they were last asked for."""

    def take_over(self, call: FallbackCall, history: Sequence[tuple[Instant, CallEvent]]) -> None:
        """Journal what the dialplan did."""

    def moved(self, call: Call) -> None:
        """A call's state changed."""

    def asked(self, call_id: str, request: asks.Request) -> None:
        """A call's request leaves."""

    def cleared(self, request: Final) -> None:
        """A request leaves that no call made."""


class VirtualCall(LiveCall):
    """A live call that tells what it asks for, and hides no fault of its own."""

    def __init__(self, daemon: Daemon, keeper: Keeper, call_id: str, call: Call | None) -> None:
        super().__init__(daemon, call_id, call)
        self._keeper = keeper

    async def _ask(self, request: asks.Request) -> None:
        self._keeper.asked(self.call_id, request)
        await super()._ask(request)

    def _give_up(self) -> None:
        raise RuntimeError("a call failed inside the daemon")


class Daemon:
    """One process from its start to its death. `alone`: nothing can go wrong, so nobody looks after anything."""

    def __init__(self, keeper: Keeper, ari: Ari, *, alone: bool = False) -> None:
        self.alive = True
        self.stopping = False
        self.calls = Calls(keeper.clock.monotonic_ns)
        self._keeper = keeper
        self._clock = keeper.clock
        self._ari = ari
        self._hearing = Hearing(self.calls, self)
        self._debts: list[Final] = []
        self._looking_for_room = False
        self._will_look = False
        self._agreed = alone
        self._ended: set[str] = set()
        self._sweeping = Sweep(cast(AriClient, ari), APP, self.calls, lambda: self.plan, self._never)
        self._recover()
        if alone:
            return
        for work in (self._pay_debts(), self._take_over_fallback(), self._sweep()):
            self._spawn(work)

    def die(self) -> None:
        """SIGKILL."""
        self.alive = False
        for live in self.calls:
            live.silence()

    def states(self) -> list[Call]:
        """The calls that go on now."""
        return self.calls.states()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.start(work, "")

    # --- what a live call needs (Surroundings) ---

    @property
    def connected(self) -> bool:
        """As `Switch.connected`."""
        return self._ari.connected and self._agreed

    @property
    def plan(self) -> Plan:
        """The plan that decides now."""
        return self._keeper.plan

    def world(self, call: Call | None) -> World:
        """The moment, and what other calls occupy."""
        return self.calls.world(call, self._clock.now)

    def record(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> Any:
        """Journal the events."""
        for event in events:
            self.calls.ledger.heed(call_id, event, at)
        return self._keeper.journal(call_id, events, at)

    def moved(self, before: Call | None, after: Call) -> None:
        """The call's state changed."""
        self.calls.moved(before, after)
        self._keeper.moved(after)
        self.look_for_room()

    def over(self, live: LiveCall) -> None:
        """Forget the call."""
        self.calls.forget(live)
        self._ended.add(live.call_id)
        self.look_for_room()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """As a task, until this process dies."""
        return self._clock.start(work, lambda: self.alive)

    def at(self, moment: int, act: Callable[[], None]) -> Alarm:
        """An alarm of this process."""
        return self._clock.at(moment, lambda: act() if self.alive else None)

    async def ask(self, request: asks.Request) -> Stimulus | None:
        """As `Switch.ask`."""
        if isinstance(request, asks.AskWhoCalls):
            self._spawn(self._ask_who_calls(request))
            return None
        if not isinstance(request, asks.Hangup | asks.DropBridge | asks.ToFallback):
            return await perform(self._ari, request, sleep=sleep)
        if not await settle(self._ari, request) and self._still_wanted(request):
            self._owe(request)
        return None

    # --- what follows from events that no call can be told of alone (Acts) ---

    def on_event(self, event: rest.Event) -> None:
        """One ARI event."""
        self._hearing.on_event(event)

    def arrived(self, channel: Channel, *, noted: bool = False) -> None:
        """As `Switch.arrived`."""
        if channel.id in self.calls or channel.id in self._ended:
            return
        if self.stopping:
            self._spawn(self._clear(asks.ToFallback(channel.id)))
            return
        live = self._new(channel.id, None)
        live.tell(arrival(channel, self.plan, self.calls.ledger, self._clock.now.utc_us, noted=noted))

    async def _ask_who_calls(self, request: asks.AskWhoCalls) -> None:
        described = await perform(self._ari, request, sleep=sleep)
        if described is not None and (live := self.calls.get(request.channel)) is not None:
            live.tell(described)

    def drop(self, channel: str) -> None:
        """Hang up a channel that belongs to no live call."""
        self._spawn(self._clear(asks.Hangup(channel)))

    def left_stasis(self, live: LiveCall) -> None:
        """A caller is no longer in our hands."""
        self._spawn(self._ask_after(live))

    def recorded_late(self, call_id: str, event: RecordingEvent) -> None:
        """Only of a call that the journal knows."""
        if self._keeper.history(call_id):
            self._keeper.journal(call_id, [event], self._clock.now)

    def look_for_room(self) -> None:
        """As `Switch._look_for_room`."""
        if self.calls.anyone_waits and not self.stopping and not self._looking_for_room:
            self._looking_for_room = True
            self.at(self._clock.now_ns, self._tell_first_waiting)

    # --- within ---

    def _tell_first_waiting(self) -> None:
        self._looking_for_room = False
        if self.stopping:
            return
        for first in self.calls.first_waiting():
            first.tell(stimuli.RoomMade())
        if self.calls.anyone_waits and not self._will_look:
            self._will_look = True
            self.at(self._clock.now_ns + int(LOOK_EVERY * SECOND), self._look_by_the_clock)

    def _look_by_the_clock(self) -> None:
        self._will_look = False
        self.look_for_room()

    async def _never(self, found: Found) -> int:
        raise NotImplementedError("the sweep runs on this clock")

    def _new(self, call_id: str, call: Call | None) -> LiveCall:
        live = VirtualCall(self, self._keeper, call_id, call)
        self.calls.add(live)
        return live

    def _recover(self) -> None:
        for call_id in self._keeper.open_calls():
            call = fold(call_id, self._keeper.history(call_id))
            if call is not None:
                self._new(call_id, call)
        for trunk, moment in self._keeper.placed():
            self.calls.trunk_hours.place(trunk, moment)

    async def on_connect(self) -> None:
        """As `Switch.on_connect`. Raises :class:`AriError`."""
        self._agreed = False
        found = await self._survey()
        for call_id, resumed in found.resumed.items():
            if (live := self.calls.get(call_id)) is not None:
                live.tell(resumed)
        self._agreed = True
        for live in self.calls:
            live.heed_the_clock()
        await self._tidy(found)

    async def _survey(self) -> Found:
        known = {call.call_id: call for call in self.states()}
        info, channels, bridges = (
            await self._ari.asterisk_info(),
            await self._ari.channels(),
            await self._ari.bridges(),
        )
        return compare(APP, known, channels, bridges, seconds_of(info.started), self.plan)

    async def _tidy(self, found: Found) -> None:
        """As `Switch._tidy`."""
        for channel in found.arrivals:
            if channel.id in self.calls:
                continue
            match self._outcome(channel.id):
                case None:
                    self.arrived(channel, noted=is_noted(channel))
                case Outcome.SYSTEM_FAILURE:
                    await self._clear(asks.ToFallback(channel.id))
                case _:
                    await self._clear(asks.Hangup(channel.id))
        for orphan in found.orphans:
            if not self.calls.is_live_leg(orphan):
                await self._clear(asks.Hangup(orphan))
        mine = {call.bridge for call in self.states()}
        for bridge in found.bridges:
            if bridge not in mine:
                await self._clear(asks.DropBridge(bridge))

    def _outcome(self, call_id: str) -> Outcome | None:
        ends = (event for _, event in self._keeper.history(call_id) if isinstance(event, CallEnded))
        return next((end.outcome for end in ends), None)

    async def _sweep(self) -> None:
        """As `Sweep.run`."""
        while True:
            if self._ari.connected:
                before = self._keeper.connections
                try:
                    found = await self._survey()
                    if self._keeper.connections == before:
                        self._sweeping.hold_against(found)
                        await self._tidy(found)
                except AriError:
                    pass
            await sleep(SWEEP_EVERY)

    async def _ask_after(self, live: LiveCall) -> None:
        await sleep(LEFT_STASIS_GRACE)
        if live.ended or live.call is None or isinstance(live.call.situation, InFallback):
            return
        try:
            channel = await self._ari.channel(live.call.arrival.channel)
        except NotFound:
            live.tell(stimuli.CallerHungUp())
        except AriError:
            pass
        else:
            if channel.dialplan.context.startswith(FALLBACK_CONTEXT):
                live.tell(stimuli.Resumed(in_fallback=True))
            elif not is_caller(channel, APP):
                live.tell(stimuli.CallerHungUp(forced=True))

    async def _take_over_fallback(self) -> None:
        while True:
            for told in self._keeper.fallback_records():
                live = self.calls.get(told.call_id)
                if live is not None and live.call is not None and not live.ended:
                    since = live.call.arrived
                    shift = since.mono_ns - since.utc_us * 1000
                    history = told.continuing(
                        len(live.call.legs),
                        shift,
                        described=live.call.described,
                        accepted=live.call.accepted,
                    )
                    self._keeper.take_over(told, history)
                    live.adopt(history)
                elif not self._keeper.history(told.call_id):
                    self._keeper.take_over(told, told.events)
            await sleep(1.0)

    def _still_wanted(self, request: Final) -> bool:
        if not isinstance(request, asks.DropBridge):
            return True
        return all(
            call.bridge != request.bridge or isinstance(call.situation, Ended) for call in self.states()
        )

    def _owe(self, request: Final) -> None:
        if request not in self._debts:
            self._debts.append(request)

    async def _pay_debts(self) -> None:
        while True:
            await sleep(DEBTS_AGAIN)
            for request in list(self._debts):
                if not self._ari.connected:
                    break
                self._debts.remove(request)
                if self._still_wanted(request) and not await settle(self._ari, request):
                    self._owe(request)

    async def _clear(self, request: Final) -> None:
        self._keeper.cleared(request)
        await self.ask(request)

    async def stop(self) -> None:
        """As `Switch.stop`, up to the end of the connection."""
        self.stopping = True
        waiting = [live for live in self.calls if live.call and not _may_stay(live.call)]
        for live in waiting:
            live.tell(stimuli.GivenUp("the daemon stops"))
        for _ in range(60):
            if not any(live.busy for live in waiting):
                break
            await sleep(0.05)


def _may_stay(call: Call) -> bool:
    return isinstance(call.situation, Talking | InFallback)
