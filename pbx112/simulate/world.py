"""One world: a plan, its people, some minutes of traffic, what goes wrong meanwhile, and the laws watching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random

from pbx112.ari import AriError, NotSent, OutcomeUnknown, ServerError
from pbx112.ari import events as rest
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.model import events as ev
from pbx112.model import react, stimuli
from pbx112.model.codes import codes
from pbx112.model.commands import YES_KEY
from pbx112.model.events import CallEvent, Instant
from pbx112.model.state import SECOND, Call, Talking
from pbx112.plan.dialled import dialled
from pbx112.plan.types import Plan
from pbx112.switch.requests import Final

from . import faults as going_wrong
from . import plans
from .ari import SURVEYS, Ari, Fate
from .asterisk import Asterisk, Chan
from .asterisk import World as AroundAsterisk
from .clock import Clock, sleep
from .daemon import Daemon, Written
from .fallback import tell_fallback
from .faults import Faults
from .laws import SILENCE, Broken, Dossier, breaks_of_hangup
from .line import LineWatch
from .people import Caller, People, Strangers
from .watch import TICK, Watch, call_of

START = 1_790_000_000_000_000
"""Microseconds since the epoch: a Monday in September 2026."""

TRAFFIC = 120.0
"""Seconds in which a world's callers dial."""

HEALED = 80.0
"""Seconds after which a lost or late event, or a failed request, has no effect any more: two sweeps, and the
longest prompt that nobody told us the end of."""

SETTLED = 400.0
"""Seconds that a world goes on after its last caller has gone, with nothing wrong any more."""

MOST_STEPS = 4000
"""Things that may happen for each call, before a world counts as one that never comes to rest."""


class _Write:
    def __init__(self) -> None:
        self.acts: list[Callable[[object], object]] = []

    def add_done_callback(self, act: Callable[[object], object], /) -> object:
        self.acts.append(act)
        return None


class World(AroundAsterisk):
    """Runs `calls` calls drawn from `seed`; `told` gets the story line by line."""

    def __init__(
        self,
        seed: int,
        calls: int,
        told: Callable[[str], None] | None = None,
        people: People | None = None,
    ) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.faults = going_wrong.draw(self.chance)
        self.plan: Plan = plans.draw(self.chance, f"{seed & 0xFFFFFFFF:08x}{0:08x}")
        self._plans = 1
        self._dialable = {line.dial for _, line in self.plan.lines()}
        self.clock = Clock(START + self.chance.randrange(7 * 86400) * 1_000_000)
        dead = frozenset(
            line.number for _, line in self.plan.lines() if self.chance.random() < self.faults.dead_lines
        )
        self.strangers = Strangers(self.chance, dead)
        self.people = people or self.strangers
        self.calls = calls
        self.told = told
        self.seen: Counter[str] = Counter()
        self.asterisk = Asterisk(self)
        self.dossiers: dict[str, Dossier] = {}
        self.callers: dict[str, Caller] = {}
        self.left: set[str] = set()
        self._open: dict[str, None] = {}
        self._records: list[FallbackCall] = []
        self._menus: Counter[str] = Counter()
        self._fallback_open: dict[str, tuple[Instant, float | None]] = {}
        self._talked: set[str] = set()
        self._daemon: Daemon | None = None
        self._up = False  # the daemon believes itself connected
        self._registered = False  # Asterisk believes so
        self._stalled = False
        self._agreed = False  # what both believe has been compared since
        self._epoch = 0
        self.connections = 0
        self._asterisk_runs = True
        self._written_ns = 0
        self._event_ns = 0
        self._calm_ns = 0
        self._blind_ns = 0  # when Asterisk last did not say what it has
        self._disturbed: dict[str, int] = {}
        self._line = LineWatch()
        self._watch = Watch(self.clock, self.asterisk, self._calm_since, lambda: self._blind_ns)
        self._coming = calls
        self._over_ns: int | None = None
        self._over = False
        self._calm = self.faults.calm

    # --- the whole ---

    def run(self) -> Counter[str]:
        """What was covered, by kind. Raises :class:`Broken`."""
        dialling = sorted(self.chance.uniform(0.0, TRAFFIC) for _ in range(self.calls))
        for number, moment in enumerate(dialling):
            self.clock.after(moment, lambda number=number: self._dial(number))  # type: ignore[misc]
        self._plan_trouble()
        self._start_daemon()
        self.clock.after(TICK, self._look)
        try:
            for _ in range(MOST_STEPS * self.calls):
                if not self.clock.step():
                    break
            else:
                left = [f"{call}: {self.dossiers[call].state}" for call in self._open]
                raise Broken("comes_to_rest", "", f"{MOST_STEPS} steps a call, and left are {left}")
        except Broken:
            raise
        except Exception as error:
            raise Broken("never_raises", "", repr(error)) from error
        finally:
            self.clock.stop()
        self._account()
        return self.seen

    def say(self, what: str) -> None:
        """A line of the story."""
        if self.told is not None:
            self.told(f"{(self.clock.now_ns / SECOND) - 3600:9.3f}  {what}")

    def _plan_trouble(self) -> None:
        chance, faults = self.chance, self.faults
        for count, strike in (
            (faults.kills, self._kill),
            (faults.cuts, self._cut),
            (faults.stalls, self._stall),
            (faults.restarts, self._restart_asterisk),
            (faults.stops, self._stop_daemon),
            (faults.reloads, self._reload),
        ):
            for _ in range(count):
                self.clock.after(chance.uniform(1.0, TRAFFIC + 60.0), strike)

    def _dial(self, number: int) -> None:
        self._coming -= 1
        if not self._asterisk_runs:
            self.seen["caller:asterisk is away"] += 1
            return
        call_id = f"{self.clock.now.utc_us // 1_000_000}.{number}"
        caller = self.strangers.caller()
        self.callers[call_id] = caller
        self.say(f"call {call_id}: a citizen dials ({caller})")
        chan = self.asterisk.call_comes_in(call_id, caller.number)
        self.clock.after(caller.patience, lambda: self._out_of_patience(chan))
        self.clock.after(1500.0, lambda: self._hang_up(chan))

    def _out_of_patience(self, chan: Chan) -> None:
        if chan.id not in self._talked:
            self._hang_up(chan)

    def _hang_up(self, chan: Chan) -> None:
        if self.asterisk.channels.get(chan.id) is chan:
            self._situation("caller hangs up", chan.id)
            self.say(f"call {chan.id}: the caller hangs up")
            self.left.add(chan.id)
            self.asterisk.caller_hangs_up(chan)

    # --- what Asterisk tells (around Asterisk) ---

    def listening(self) -> bool:
        """Whether Asterisk believes that the application is connected."""
        return self._registered

    def tell(self, event: rest.Event, about: str) -> None:
        """An event on its way to the daemon."""
        if not self._registered:
            return
        chance, faults = self.chance, self.faults
        if self._stalled or (faults.lost and chance.random() < faults.lost):
            self._disturb(about, "lost", event)
            return
        arrives = max(self._event_ns, self.clock.now_ns + int(chance.uniform(0.0005, 0.004) * SECOND))
        if faults.late and chance.random() < faults.late:
            self._disturb(about, "late", event)
            arrives += int(chance.uniform(0.1, 2.0) * SECOND)
            self._calm_ns = max(self._calm_ns, arrives)  # and all that comes after it
        if faults.reordered and chance.random() < faults.reordered:
            self._disturb(about, "reordered", event)
            self._deliver(event, self.clock.now_ns + int(chance.uniform(0.0, 1.5) * SECOND))
        else:
            self._event_ns = arrives
            self._deliver(event, arrives)
        if faults.doubled and chance.random() < faults.doubled:
            self._disturb(about, "doubled", event)
            self._deliver(event, arrives + int(chance.uniform(0.0, 1.0) * SECOND))

    def _deliver(self, event: rest.Event, moment: int) -> None:
        epoch = self._epoch

        def deliver() -> None:
            if epoch == self._epoch and self._daemon is not None and self._daemon.alive and self._up:
                if self.told is not None:
                    self.say(f"  event {_short(event)}")
                self._daemon.on_event(event)

        self.clock.at(moment, deliver)

    def in_fallback(self, chan: Chan) -> None:
        """The fallback dialplan serves a caller."""
        self.say(f"call {chan.id}: in the fallback dialplan")
        found = self.people.fallback(chan.id)
        begun = self.clock.now
        answers, talks = found or (self.chance.uniform(5.0, 90.0), 0.0)

        def over() -> None:
            if self.asterisk.channels.get(chan.id) is chan:
                by = "staff" if found else "system"
                self._tell_fallback(chan, begun, answers if found else None, by)
                self.asterisk.dialplan_ends(chan)

        if found:
            self.clock.after(answers, lambda: self._talked.add(chan.id))
        self.clock.after(answers + talks, over)
        self._fallback_open[chan.id] = (begun, answers if found else None)

    def _tell_fallback(self, chan: Chan, begun: Instant, accepted_after: float | None, by: str) -> None:
        self._fallback_open.pop(chan.id, None)
        self._records.append(
            tell_fallback(
                chan.id, self.callers[chan.id].number, self.plan, begun, self.clock.now, accepted_after, by
            )
        )

    def joined(self, chan: Chan) -> None:
        """A caller talks, or somebody with a caller."""
        if chan.id in self._talked:
            return
        self._talked.add(chan.id)
        if chan.kind == "caller":
            self._caller_talks(chan, self.callers[chan.id])
        else:
            for after, key in self.people.at_work(sorted(codes(self.plan))):
                self.clock.after(after, lambda key=key: self.asterisk.presses(chan, key))  # type: ignore[misc]
            if (transfer := self.people.transfers(chan.id, sorted(dialled(self.plan)))) is not None:
                after, to = transfer
                self.clock.after(after, lambda: self.asterisk.refers(chan, to))

    def _caller_talks(self, chan: Chan, caller: Caller) -> None:
        self.clock.after(caller.talks, lambda: self._hang_up(chan))
        if caller.speaks is not None:
            self.clock.after(caller.speaks, lambda: self.asterisk.speaks(chan))
        if caller.presses_5 is not None:
            self.clock.after(caller.presses_5, lambda: self.asterisk.presses(chan, YES_KEY))

    def question_spoken(self, chan: Chan) -> None:
        """The citizen may say that it is an emergency."""
        after = self.callers[chan.id].presses_1
        if after is not None:
            self.clock.after(after, lambda: self.asterisk.presses(chan, "1"))

    def menu_spoken(self, chan: Chan) -> None:
        """The citizen may press a key."""
        caller = self.callers[chan.id]
        key = caller.keys[min(self._menus[chan.id], len(caller.keys) - 1)]
        self._menus[chan.id] += 1
        if key is not None:
            after, digit = key
            self.clock.after(after, lambda: self.asterisk.presses(chan, digit))

    def picked_up(self, chan: Chan) -> None:
        """Somebody holds a receiver: soon a talk, or let go."""
        if self._calm and chan.phone is not None:
            asked = 14.0 if chan.number.startswith("+") else 1.0  # a mobile has to press 1
            self.clock.after(SILENCE + asked, lambda: self._still_holding(chan))

    def _still_holding(self, chan: Chan) -> None:
        if self.asterisk.channels.get(chan.id) is not chan or chan.joined:
            return
        if chan.playing:  # is told what it is about
            self.clock.after(1.0, lambda: self._still_holding(chan))
        else:
            raise Broken("picked_up", chan.id.rpartition("-leg")[0], f"{chan.id} holds a silent receiver")

    def gone(self, chan: Chan, by_us: bool) -> None:
        """A channel has ended."""
        if chan.kind == "caller":
            self.say(f"call {chan.id}: the caller's channel is gone" + (" (by us)" if by_us else ""))
            if chan.id in self._fallback_open:
                begun, after = self._fallback_open[chan.id]
                accepted = (
                    after
                    if after is not None and begun.mono_ns + after * SECOND <= self.clock.now_ns
                    else None
                )
                self._tell_fallback(chan, begun, accepted, "caller")

    # --- the way to Asterisk (Line) ---

    @property
    def connected(self) -> bool:
        """Whether the daemon believes so."""
        return self._up

    def fate(self, what: str, about: str) -> Fate:
        """How a request fares."""
        if not self._up:
            raise NotSent("", about, "not connected")
        chance, faults = self.chance, self.faults
        self.say(f"  request {what} {about}")
        if self._stalled:
            return Fate(4.5, instead=OutcomeUnknown("", about, "no answer"))
        before = chance.uniform(0.0003, 0.003)
        after = 0.0
        call = call_of(about)
        if faults.slow and chance.random() < faults.slow:
            self._disturb(call, "slow", what)
            before += chance.uniform(0.0, 2.0)
            after = chance.uniform(0.0, 1.0)
        if faults.refused and chance.random() < faults.refused:
            self._disturb(call, "refused", what)
            return Fate(before, instead=ServerError("", about, "refused", 500))
        if faults.unanswered and chance.random() < faults.unanswered:
            self._disturb(call, "unanswered", what)
            unknown = OutcomeUnknown("", about, "no answer in time")
            return (
                Fate(before + 5.0, instead=unknown)
                if chance.random() < 0.5
                else Fate(before, 5.0, unheard=unknown)
            )
        return Fate(before, after)

    def came_through(self) -> AriError | None:
        """What is raised where the way broke while a request was on it."""
        if self._up and not self._stalled:
            return None
        return OutcomeUnknown("", "", "the connection broke")

    # --- what outlives a daemon (Keeper) ---

    def journal(self, call_id: str, events: Sequence[CallEvent], at: Instant) -> Written:
        """Append, in order; each write takes its time."""
        dossier = self.dossiers.get(call_id)
        if dossier is None:
            dossier = self.dossiers[call_id] = Dossier(call_id)
            self._open[call_id] = None
        requests: list[react.Request] = []
        for event in events:
            if self.told is not None:
                self.say(f"call {call_id}: {event}")
            self._cover(event)
            if dossier.state is not None:
                waiting = (self.dossiers[other].state for other in self._open)
                self._line.told(at, dossier.state, event, [each for each in waiting if each], self.plan)
            requests += dossier.append(at, event, self.plan.hash)
            if isinstance(event, ev.CallEnded):
                self._open.pop(call_id, None)
        write = _Write()
        slow = self.faults.slow_journal and self.chance.random() < 0.1
        takes = self.chance.uniform(0.0, 0.25) if slow else self.chance.uniform(0.00005, 0.001)
        self._written_ns = max(self._written_ns, self.clock.now_ns + int(takes * SECOND))

        def written() -> None:
            dossier.allowed.update(requests)
            if daemon is not None and daemon.alive:
                for act in write.acts:
                    act(None)

        daemon = self._daemon
        self.clock.at(self._written_ns, written)
        return write

    def history(self, call_id: str) -> list[tuple[Instant, CallEvent]]:
        """What the journal has of a call."""
        dossier = self.dossiers.get(call_id)
        return dossier.history if dossier else []

    def open_calls(self) -> list[str]:
        """The calls that have begun and not ended."""
        return list(self._open)

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
        told, self._records = self._records, []
        return told

    def take_over(self, call: FallbackCall, history: Sequence[tuple[Instant, CallEvent]]) -> None:
        """Journal what the dialplan did."""
        dossier = self.dossiers.setdefault(call.call_id, Dossier(call.call_id))
        for at, event in history:
            self.say(f"call {call.call_id}: fallback: {event}")
            self._cover(event)
            dossier.append(at, event, call.plan, told_late=True)
        if dossier.ended_by is not None:
            self._open.pop(call.call_id, None)

    def moved(self, call: Call) -> None:
        """A call's state changed: it is the fold of its journal, and fit to go on from."""
        self.dossiers[call.call_id].check_state(call, self.clock.now_ns)

    def asked(self, call_id: str, request: react.Request) -> None:
        """A request leaves."""
        dossier = self.dossiers[call_id]
        if dossier.allowed[request] <= 0:
            raise Broken("journal_then_act", call_id, f"{request} leaves, and no written event asks for it")
        dossier.allowed[request] -= 1
        match request:
            case react.Hangup(channel=channel) if channel == call_id:
                for law, why in breaks_of_hangup(dossier):
                    raise Broken(law, call_id, why)
            case react.Originate(target=target):
                self.seen[f"rung:{target.kind}"] += 1
                if target.dial not in self._dialable:
                    raise Broken("only_the_plan", call_id, f"{target.dial} is in no plan")
            case _:
                pass

    def cleared(self, request: Final) -> None:
        """A request that no call made: what it ends belongs to no live call."""
        self.say(f"clears up: {request}")
        self.seen[f"cleared:{type(request).__name__}"] += 1
        what = request.bridge if isinstance(request, react.DropBridge) else request.channel
        if self._calm and self._watch.left_over_ns(what) > SECOND:
            raise Broken("nothing_to_mend", call_of(what), f"{what} was left over")
        if isinstance(request, react.Hangup) and request.channel in self.dossiers:
            for law, why in breaks_of_hangup(self.dossiers[request.channel]):
                if request.channel not in self.left:
                    raise Broken(law, request.channel, why)

    # --- trouble ---

    def _start_daemon(self) -> None:
        if self._over or (self._daemon is not None and self._daemon.alive):
            return
        self.say("the daemon starts")
        self._daemon = daemon = Daemon(self, Ari(self.asterisk, self))
        self.clock.start(self._keep_connected(daemon), lambda: daemon.alive)

    async def _keep_connected(self, daemon: Daemon) -> None:
        pause = 0.1
        while daemon.alive:
            await sleep(pause * self.chance.uniform(0.5, 1.0))
            pause = min(3.0, pause * 2)
            if not self._asterisk_runs or not daemon.alive or daemon.stopping:
                continue
            self._epoch += 1
            self.connections += 1
            epoch = self._epoch
            self._up = self._registered = True
            self._stalled = False
            self._event_ns = self.clock.now_ns
            self._calm_ns = self.clock.now_ns
            self.say("connected")
            try:
                await daemon.on_connect()
            except AriError as error:
                self.say(f"taking up failed: {error}")
                if daemon.alive and epoch == self._epoch:
                    self._disconnect()
                continue
            if epoch == self._epoch:  # else it was lost again meanwhile
                self._agreed, self._calm_ns = True, self.clock.now_ns
            while daemon.alive and self._up and epoch == self._epoch:
                await sleep(0.2)
                pause = 0.1

    def _disconnect(self) -> None:
        self.say("the connection is lost")
        self._up = self._registered = self._stalled = self._agreed = False
        self._epoch += 1
        self._calm_ns = self.clock.now_ns

    def _trouble(self, what: str) -> bool:
        """Whether there is a daemon to trouble; notes in which situations its calls are struck."""
        if self._daemon is None or not self._daemon.alive:
            return False
        self._calm_ns = self.clock.now_ns
        self.say(f"*** {what}")
        for call in self._daemon.states():
            self.seen[f"{what} in {type(call.situation).__name__}"] += 1
        return True

    def _kill(self) -> None:
        if self._trouble("daemon killed") and self._daemon is not None:
            self._daemon.die()
            self._disconnect()
            self.clock.after(self.chance.uniform(0.2, 20.0), self._start_daemon)

    def _cut(self) -> None:
        if self._up and self._trouble("connection cut"):
            self._disconnect()

    def _stall(self) -> None:
        if self._up and self._trouble("connection silent"):
            self._stalled = True
            epoch = self._epoch
            self.clock.after(
                self.chance.uniform(2.8, 4.2), lambda: self._disconnect() if epoch == self._epoch else None
            )

    def _restart_asterisk(self) -> None:
        if not self._asterisk_runs:
            return
        self._trouble("Asterisk restarted")
        self._asterisk_runs = False
        self._disconnect()
        for chan in self.asterisk.restart():
            if chan.kind == "caller":
                self.left.add(chan.id)
                if chan.id in self._fallback_open:
                    begun, _ = self._fallback_open[chan.id]
                    self._tell_fallback(chan, begun, None, "cut")

        def runs() -> None:
            self._asterisk_runs = True
            self.asterisk.started_us = self.clock.now.utc_us

        self.clock.after(self.chance.uniform(2.0, 15.0), runs)

    def _stop_daemon(self) -> None:
        if self._trouble("daemon stopped") and self._daemon is not None:
            self.clock.start(self._stop(self._daemon))

    async def _stop(self, daemon: Daemon) -> None:
        connected = self._up
        if connected:
            await daemon.stop()
        if not daemon.alive:
            return
        self._disconnect()
        for chan in list(self.asterisk.channels.values()) if connected else ():
            live = daemon.calls.get(chan.id)
            talks = live is not None and live.call is not None and isinstance(live.call.situation, Talking)
            if chan.kind == "caller" and chan.in_app and not talks:
                if live is not None:
                    live.tell(stimuli.GivenUp("the daemon stops"))
                self.asterisk.to_fallback(chan)
        daemon.die()
        self.clock.after(self.chance.uniform(0.5, 20.0), self._start_daemon)

    def _reload(self) -> None:
        self._trouble("plan reloaded")
        self.plan = plans.draw(self.chance, f"{self.seed & 0xFFFFFFFF:08x}{self._plans:08x}")
        self._plans += 1
        self._dialable |= {line.dial for _, line in self.plan.lines()}
        if self._daemon is not None:
            self._daemon.look_for_room()

    def _disturb(self, call: str, fault: str, what: object) -> None:
        """Something concerning a call goes wrong: noted, with the situation in which it is."""
        name = what if isinstance(what, str) else type(what).__name__
        call = call_of(call)
        self.say(f"  *** {fault}: {name} of {call}")
        self._disturbed[call] = self.clock.now_ns
        if name in SURVEYS:
            self._blind_ns = self.clock.now_ns
        state = self.dossiers[call].state if call in self.dossiers else None
        self.seen[f"{fault} {name}"] += 1
        self.seen[f"{fault} in {type(state.situation).__name__ if state else 'arriving'}"] += 1

    def _situation(self, what: str, call: str) -> None:
        state = self.dossiers[call].state if call in self.dossiers else None
        self.seen[f"{what} in {type(state.situation).__name__ if state else 'arriving'}"] += 1

    # --- the laws that need the whole world ---

    def _calm_since(self, call: str) -> int | None:
        """Since when nothing is wrong for this call, None where something is."""
        if not self._agreed or self._stalled or self._daemon is None or not self._daemon.alive:
            return None
        healed = self._disturbed.get(call)
        since = self._calm_ns + int(1.0 * SECOND)
        return since if healed is None else max(since, healed + int(HEALED * SECOND))

    def _look(self) -> None:
        """Once a second."""
        daemon = self._daemon
        calls = {call.call_id: call for call in daemon.states()} if daemon and daemon.alive else {}
        self._watch.look(calls)
        self._line.look(calls.values(), self.plan, self.clock.now, self._calm_since(""))
        if not self._finished():
            self.clock.after(TICK, self._look)

    def _finished(self) -> bool:
        """All callers gone, and time enough passed to settle; from then on nothing goes wrong any more."""
        callers = any(chan.kind == "caller" for chan in self.asterisk.channels.values())
        if self._coming or callers:
            self._over_ns = None
            return False
        if self._over_ns is None:
            self._over_ns = self.clock.now_ns
            self.faults = Faults(slow_database=self.faults.slow_database)
            self._stalled = False
        waited = self.clock.now_ns - self._over_ns
        done = (
            self._agreed
            and not self._open
            and not self.asterisk.channels
            and not self.asterisk.bridges
            and waited > 10 * SECOND
        )
        if done or waited > SETTLED * SECOND:
            self._over = True
            if self._daemon is not None:
                self._daemon.die()
        return self._over

    def _cover(self, event: CallEvent) -> None:
        self.seen[f"event:{type(event).__name__}"] += 1
        if isinstance(event, ev.CallEnded):
            self.seen[f"outcome:{event.outcome}"] += 1
        elif isinstance(event, ev.LegEnded):
            self.seen[f"leg:{event.result}"] += 1
            if event.detail and event.detail in ("lost", "max_talk", "unseen", "trunk_full"):
                self.seen[f"detail:{event.detail}"] += 1

    def _account(self) -> None:
        """When all is over."""
        left = [*self.asterisk.channels, *self.asterisk.bridges]
        if left:
            raise Broken("nothing_left", call_of(left[0]), ", ".join(left))
        for call_id in self.callers:
            if call_id not in self.dossiers:
                if self._calm and not self._excused(call_id):
                    raise Broken("everybody_recorded", call_id, "the caller is in no record")
                self.seen["caller:unseen"] += 1
        for call_id, dossier in self.dossiers.items():
            if dossier.ended_by is None:
                raise Broken("first_and_last", call_id, f"has no end: {dossier.state}")
            records = dossier.check_record()
            self._ship(dossier)
            self.seen[f"record:{records.call.outcome if records.call else None}"] += 1

    def _excused(self, call_id: str) -> bool:
        return call_id in self._disturbed

    def _ship(self, dossier: Dossier) -> None:
        """The database gets the journal in batches, whenever: what arrives with the end is what stays."""
        cuts = range(1, len(dossier.history) + 1) if self.faults.slow_database else ()
        whole = dossier.record()
        for upto in cuts:
            part = dossier.record(upto)
            if part.call is not None and (part.call, part.legs) != (whole.call, whole.legs):
                raise Broken("late_record", dossier.call_id, f"{part.call} is not {whole.call}")


def _short(event: rest.Event) -> str:
    about = (
        getattr(event, "channel", None)
        or getattr(event, "playback", None)
        or getattr(event, "recording", None)
    )
    return f"{type(event).__name__} {getattr(about, 'id', getattr(about, 'name', ''))}"
