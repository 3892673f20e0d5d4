"""The switch: ARI events in, decisions out; it owns every live call and the map from channels to calls."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from pbx112.ari import AriClient, AriError, AriHttp, AriSettings, AsteriskInfo, Channel, NotFound
from pbx112.ari import events as rest
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.journal import Journal, JournalError
from pbx112.model import asks, stimuli
from pbx112.model.events import (
    CallEnded,
    CallEvent,
    Event,
    Instant,
    LegEnded,
    Outcome,
    PlanLoaded,
)
from pbx112.model.state import SECOND, Call, Ended, InFallback, Talking
from pbx112.model.stimuli import World
from pbx112.plan.types import Plan
from pbx112.tasks import keep_running

from .arrival import arrival
from .calls import Calls
from .channels import all_channels
from .debts import Debts
from .hearing import LISTENED, Hearing, RecordingEvent
from .ledger import Ledger
from .left_open import LeftOpen
from .line_tests import LineTests
from .live import Alarm, LiveCall, now
from .reconcile import Found, channels_of, is_caller, is_noted, survey
from .record import draft, told
from .requests import FALLBACK_CONTEXT, Final, perform, settle
from .sweep import Sweep

log = structlog.get_logger()

Heed = Callable[[str, Event, Instant], None]
"""What is told an event: its subject, itself, and when it happened."""

STOP_LOOKS, STOP_LOOK_EVERY = 5, 0.2
"""So many looks in a row, so many seconds apart, that find no caller in our hands end an orderly stop."""

STOP_GRACE = 3.0
"""Seconds that an orderly stop waits, before and after it disconnects, for callers to be in the fallback
dialplan's hands."""

LEFT_STASIS_GRACE = 1.0
"""Seconds between a caller's leaving Stasis and our asking where it went, if its end was not told."""

LOOK_EVERY = 2.0
"""Seconds after which, at the latest, it is looked again for room while somebody waits."""

REMEMBERED = 2_000
"""Ended calls that are known by heart; of others the journal is asked."""


class Switch:
    """Runs the calls of one Asterisk. `run` lives as long as the daemon."""

    def __init__(self, settings: AriSettings, journal: Journal, plan: Plan) -> None:
        self.ari = AriClient(settings, self, events=LISTENED)
        self._settings = settings
        self._app = settings.app
        self._journal = journal
        self._plan = plan
        self._calls = Calls()
        self._hearing = Hearing(self._calls, self)
        self.tests = LineTests(self, settings.app)
        self._ended: OrderedDict[str, Outcome] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._debts = Debts(self.ari, self._still_wanted)
        self._left_open = LeftOpen(self, self.ari, settings.app, journal, self._calls)
        self.recovered = asyncio.Event()
        """Set once the journal's open calls are known."""
        self.heeds: list[Heed] = []
        """Who else is told every event, as it is journalled. None of them may raise or wait."""
        self._connection: asyncio.Task[None] | None = None
        self._agreed = False
        """Whether what Asterisk has was told to the calls since the connection was made."""
        self._stopping = False
        self._looking_for_room = False
        self._next_look: Alarm | None = None

    # --- what the daemon does with it ----------------------------------------------------------------------

    async def run(self) -> None:
        """Take up what the journal holds, then serve Asterisk until cancelled.

        Raises :class:`pbx112.ari.Replaced` when another daemon has taken the application over.
        """
        await self._left_open.recover()
        self.recovered.set()
        self._spawn(self._calls.trunk_hours.recover(self._journal, now()), "the trunks' past hour")
        hours = self._plan.nuisance.within_hours if self._plan.nuisance else 0
        self._spawn(self._calls.recover_desk(self._journal, now(), hours), "what was said at the desk")
        sweep = Sweep(self.ari, self._app, self._calls, lambda: self._plan, self._tidy)
        for name, work in (
            ("debts", self._debts.run),
            ("sweep", sweep.run),
            ("left open", self._left_open.run),
        ):
            self._spawn(keep_running(name, work, pause=1.0), name)
        self._connection = asyncio.create_task(self.ari.run(), name="connection to Asterisk")
        try:
            await self._connection
        finally:
            for live in self._calls:
                live.silence()
            if self._next_look is not None:
                self._next_look.cancel()
            for task in (self._connection, *self._tasks):
                task.cancel()
            await asyncio.gather(self._connection, *self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Orderly end: callers who still wait, or come now, go to the fallback dialplan; talks go on as they are.
        Ends `run`. Without a connection nothing is decided: the next daemon takes the calls up."""
        self._stopping = True
        connected = self.ari.connected
        if connected:
            await self._within_grace(self._hand_over())
        if self._connection is not None:
            self._connection.cancel()
            await asyncio.wait([self._connection])
        if connected:
            await self._within_grace(self._hand_over_latecomers())

    async def _within_grace(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(STOP_GRACE):
                await work
        except (OSError, AriError) as error:  # in time it was not, or the CA file is being replaced
            why = str(error) or "Asterisk does not answer"
            log.error("not all callers were given to the fallback", action="stop", error=why)

    async def _hand_over(self) -> None:
        waiting = [live for live in self._calls if live.call and not _may_stay(live.call)]
        for live in waiting:
            live.tell(stimuli.GivenUp("the daemon stops"))
        await asyncio.gather(*(live.settled() for live in waiting))

    async def _hand_over_latecomers(self) -> None:
        """Who came while the connection was being closed waits in Asterisk, and nobody was told. Asterisk lets callers
        in to us until it has noticed that we are gone, which takes it a moment when it is busy."""
        quiet = 0
        async with AriHttp(self._settings) as ari:
            while quiet < STOP_LOOKS:
                quiet = 0 if await self._hand_over_whom_it_has(ari) else quiet + 1
                await asyncio.sleep(STOP_LOOK_EVERY)

    async def _hand_over_whom_it_has(self, ari: AriHttp) -> bool:
        """Whether there was anybody."""
        found = False
        there = await all_channels(ari, channels_of(self.live_calls()))
        for channel_id in (channel_id for channel_id in there.untold if channel_id not in self._calls):
            found = True
            await settle(ari, asks.ToFallback(channel_id))
        for channel in there.channels:
            live = self._calls.get(channel.id)
            talks = live is not None and live.call is not None and isinstance(live.call.situation, Talking)
            if is_caller(channel, self._app) and not talks:
                found = True
                if live is not None:  # its talk broke meanwhile: the record says where it went
                    live.tell(stimuli.GivenUp("the daemon stops"))
                await settle(ari, asks.ToFallback(channel.id))
        return found

    def use_plan(self, plan: Plan) -> None:
        """From here on `plan` decides; what is ringing rings on as it was told."""
        self._plan = plan
        self.note("", PlanLoaded(plan.hash))
        self._look_for_room()

    def take_back(self, told: FallbackCall) -> Sequence[tuple[Instant, CallEvent]]:
        """What the dialplan did with a call that we had given to it, to be journalled after what we know of it;
        nothing where its record is closed already."""
        live = self._calls.get(told.call_id)
        if live is None or live.call is None or live.ended:
            return ()
        since = live.call.arrived
        history = told.continuing(
            len(live.call.legs),
            since.mono_ns - since.utc_us * 1000,
            described=live.call.described,
            accepted=live.call.accepted,
        )
        live.adopt(history)
        return history

    def knows(self, call_id: str) -> bool:
        """Whether something of this call is, or is about to be, in the journal: it goes on, or ended not long ago."""
        live = self._calls.get(call_id)
        return call_id in self._ended or (live is not None and live.call is not None)

    def live_calls(self) -> list[Call]:
        """The calls that go on now."""
        return self._calls.states()

    # --- what a live call needs (Surroundings) -------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether Asterisk can be asked for anything now, and the calls know what it has."""
        return self.ari.connected and self._agreed

    async def ask(self, request: asks.Request) -> stimuli.Stimulus | None:
        """Carry the request out; what the call has to know of its failure. What must come true in the end is
        asked for until it did."""
        if isinstance(request, asks.AskWhoCalls):
            self._spawn(self._ask_who_calls(request), f"ask who calls on {request.channel}")
            return None
        if isinstance(request, asks.Originate):
            await self.make_way(request.target.number, request.target.trunk or "")
        elif isinstance(request, asks.ToFallback):
            await self.tests.make_way_for_the_fallback()
        if not isinstance(request, asks.Hangup | asks.DropBridge | asks.ToFallback):
            return await perform(self.ari, request)
        if not await settle(self.ari, request) and self._still_wanted(request):
            self._debts.add(request)
        return None

    async def make_way(self, number: str, trunk: str) -> None:
        """A test call never keeps a line, or a trunk's circuit, from a real one, which is about to be placed."""
        limits = self._plan.trunks.get(trunk)
        busy = self._calls.load_beside(None).get(trunk, 0)
        await self.tests.make_way(number, trunk, busy, limits.max_calls if limits else 0)

    def place(self, trunk: str) -> None:
        """A call that is no citizen's is placed over this trunk: it counts for its hour."""
        self._calls.trunk_hours.place(trunk, now().mono_ns)

    @property
    def service_number(self) -> str:
        """`112`."""
        return self._plan.service.number

    @property
    def plan(self) -> Plan:
        """The plan that decides now."""
        return self._plan

    def world(self, call: Call | None) -> World:
        """The moment, and how loaded the trunks are by calls other than `call`."""
        return self._calls.world(call, now())

    def record(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> asyncio.Future[None]:
        """Journal the events; done when they may be acted on."""
        if any(isinstance(event, LegEnded) for event in events):
            live = self._calls.get(call_id)
            self._calls.trunk_hours.heed(live.call if live else None, events)
        for event in events:
            self.heed(call_id, event, at)
        return self._journal.append([draft(call_id, event, at, self._plan.hash) for event in events])

    def note(self, subject: str, event: Event) -> asyncio.Future[None]:
        """Journal what was done outside a running call; done when it stands."""
        at = now()
        self.heed(subject, event, at)
        self._look_for_room()
        return self._journal.append([draft(subject, event, at, self._plan.hash)])

    def heed(self, subject: str, event: Event, at: Instant) -> None:
        """All that goes into the journal passes here, for who folds the whole stream."""
        self.ledger.heed(subject, event, at)
        for heed in self.heeds:
            heed(subject, event, at)

    @property
    def calls(self) -> Calls:
        """The live calls."""
        return self._calls

    @property
    def ledger(self) -> Ledger:
        """Who is away, who was not served, what was chosen."""
        return self._calls.ledger

    def moved(self, before: Call | None, after: Call) -> None:
        """The call's state changed."""
        self._calls.moved(before, after)
        self._look_for_room()

    def over(self, live: LiveCall) -> None:
        """The call has ended and everything it asked of Asterisk is answered: forget it."""
        self._calls.forget(live)
        self._look_for_room()
        if live.call is None:  # failed in its first decision: its record is the fallback's
            return
        known = live.call.situation
        self._ended[live.call_id] = known.outcome if isinstance(known, Ended) else Outcome.SYSTEM_FAILURE
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """A task of a call's own, which keeps it."""
        return asyncio.create_task(work, name=name)

    def at(self, moment: int, act: Callable[[], None]) -> Alarm:
        """Call `act` at that moment of the monotonic clock, or at once where it has passed."""
        delay = max(0.0, (moment - time.monotonic_ns()) / SECOND)
        return asyncio.get_running_loop().call_later(delay, act)

    # --- what Asterisk says (Handler) ----------------------------------------------------------------------

    def on_event(self, event: rest.Event) -> None:
        """Route one ARI event to the call that it concerns."""
        self.tests.on_event(event)
        self._hearing.on_event(event)

    async def on_connect(self, info: AsteriskInfo) -> None:
        """Bring the calls that we know and the channels that Asterisk has into agreement."""
        self._agreed = False
        known = {call.call_id: call for call in self.live_calls()}
        found = await survey(self.ari, self._app, known.values(), self._plan)
        for call_id, resumed in found.resumed.items():
            if (live := self._calls.get(call_id)) is not None:
                live.tell(resumed)
        self._agreed = True
        for live in self._calls:
            live.heed_the_clock()
        await self._tidy(found)
        log.info(
            "connected to Asterisk",
            action="connected",
            asterisk=info.text,
            resumed=len(found.resumed),
            arrived=len(found.arrivals),
            removed=len(found.orphans) + len(found.bridges),
        )

    def on_disconnect(self, reason: str) -> None:
        """Talks go on in Asterisk; requests fail as not sent until the reconnect."""
        self._agreed = False
        log.warning("connection to Asterisk lost", action="disconnected", reason=reason)

    # --- within ---------------------------------------------------------------------------------------------

    def arrived(self, channel: Channel, *, noted: bool = False) -> None:
        """A citizen's channel is in our hands. (One whose call has ended was heard of late, or is the sweep's.)"""
        if channel.id in self._calls or channel.id in self._ended:
            return
        came = None
        if not self._stopping:
            try:
                came = arrival(channel, self._plan, self.ledger, now().utc_us, noted=noted)
            except Exception:
                log.exception(
                    "a caller cannot be read; the fallback serves it", action="fault", call_id=channel.id
                )
        if came is None:
            self._spawn(self._ask(asks.ToFallback(channel.id)), f"give {channel.id} to the fallback")
            return
        live = LiveCall(self, channel.id, None)
        self._calls.add(live)
        live.tell(came)

    def left_stasis(self, live: LiveCall) -> None:
        """A caller is no longer in our hands."""
        self._spawn(self._ask_after(live), f"ask after {live.call_id}")

    async def _ask_after(self, live: LiveCall) -> None:
        """A caller left Stasis. Mostly it hung up and its end is told; if not, somebody moved it."""
        await asyncio.sleep(LEFT_STASIS_GRACE)
        if live.ended or live.call is None or isinstance(live.call.situation, InFallback):
            return
        try:
            channel = await self.ari.channel(live.call.arrival.channel)
        except NotFound:
            live.tell(stimuli.CallerHungUp())
        except AriError as error:
            log.warning(
                "a caller's whereabouts are unknown",
                action="left_stasis",
                call_id=live.call_id,
                error=str(error),
            )
        else:
            if channel.dialplan.context.startswith(FALLBACK_CONTEXT):
                live.tell(stimuli.Resumed(in_fallback=True))
            elif not is_caller(channel, self._app):
                live.tell(stimuli.CallerHungUp(forced=True))

    def recorded_late(self, call_id: str, event: RecordingEvent) -> None:
        """A recording is often closed after its call has ended: then nobody but the journal wants to know."""
        self._spawn(self._recorded_late(call_id, event), f"recording of {call_id}")

    async def _recorded_late(self, call_id: str, event: RecordingEvent) -> None:
        """Only what stands in the journal already is added to: a name that nobody knows makes no call."""
        at = now()
        try:
            known = call_id in self._ended or bool(await self._journal.of_subject(call_id))
        except JournalError:
            known = True
        if known or self._journal.degraded:
            self.record(call_id, [event], at)

    async def _ask_who_calls(self, request: asks.AskWhoCalls) -> None:
        """Beside the call's other requests: none of them waits for this one."""
        described = await perform(self.ari, request)
        if described is not None and (live := self._calls.get(request.channel)) is not None:
            live.tell(described)

    def drop(self, channel: str) -> None:
        """Hang up a channel that belongs to no live call."""
        self._spawn(self._ask(asks.Hangup(channel)), f"drop {channel}")

    async def _ask(self, request: Final) -> None:
        await self.ask(request)

    def _look_for_room(self) -> None:
        """Soon, not now: where many calls are told of something at once, all have heard it before one goes on."""
        if self._calls.anyone_waits and not self._stopping and not self._looking_for_room:
            self._looking_for_room = True
            asyncio.get_running_loop().call_soon(self._tell_first_waiting)

    def _tell_first_waiting(self) -> None:
        """Where it goes on, that is a move of its own, and the next one is told."""
        self._looking_for_room = False
        if self._stopping:
            return
        for first in self._calls.first_waiting():
            first.tell(stimuli.RoomMade())
        if self._calls.anyone_waits and self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(LOOK_EVERY, self._look_by_the_clock)

    def _look_by_the_clock(self) -> None:
        """A pause ends, a phone is busy no longer: no event tells."""
        self._next_look = None
        self._look_for_room()

    def _still_wanted(self, request: Final) -> bool:
        """A bridge may be in use again; what else was to end is to end for good."""
        if not isinstance(request, asks.DropBridge):
            return True
        return all(
            call.bridge != request.bridge or isinstance(call.situation, Ended) for call in self.live_calls()
        )

    async def _outcomes(self, calls: Sequence[str]) -> dict[str, Outcome]:
        """How those of the calls ended whose record is closed already."""
        outcomes = {call: self._ended[call] for call in calls if call in self._ended}
        asked = [call for call in calls if call not in outcomes]
        try:
            known = await self._journal.of_subjects(asked) if asked else {}
        except JournalError as error:
            log.error("journal: cannot be read", action="recover", error=str(error))
            return outcomes
        ends = ((call, event) for call, entries in known.items() for _, event in told(entries, now()))
        return outcomes | {call: event.outcome for call, event in ends if isinstance(event, CallEnded)}

    async def _tidy(self, found: Found) -> int:
        """Take in the arrivals that nobody knows, and end what belongs to no live call; how many of these there
        were. A call that arrived during the survey keeps what it has."""
        arrivals = [channel for channel in found.arrivals if channel.id not in self._calls]
        outcomes = await self._outcomes([channel.id for channel in arrivals])
        for channel in arrivals:
            match outcomes.get(channel.id):
                case None:
                    self.arrived(channel, noted=is_noted(channel))
                case Outcome.SYSTEM_FAILURE:  # closed because of us, not because anybody wanted it
                    await self.ask(asks.ToFallback(channel.id))
                case _:  # it was to be hung up, and was not
                    await self.ask(asks.Hangup(channel.id))
        orphans = [
            channel
            for channel in found.orphans
            if not self._calls.is_live_leg(channel) and channel not in self.tests
        ]
        for channel_id in orphans:
            await self.ask(asks.Hangup(channel_id))
        untold = [channel for channel in found.untold if channel not in self._calls]
        for channel_id in untold:
            log.warning(
                "Asterisk tells nothing of a caller (its SIP Call-ID is no UTF-8?); the fallback serves it. See the "
                "trunk that it came by",
                action="untold",
                channel=channel_id,
            )
            await self.ask(asks.ToFallback(channel_id))
        mine = {call.bridge for call in self.live_calls()}
        bridges = [bridge for bridge in found.bridges if bridge not in mine]
        for bridge in bridges:
            await self.ask(asks.DropBridge(bridge))
        return len(arrivals) + len(orphans) + len(untold) + len(bridges)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task died", action="task", task=task.get_name(), exc_info=error)


def _may_stay(call: Call) -> bool:
    return isinstance(call.situation, Talking | InFallback)
