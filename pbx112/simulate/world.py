"""One world: a plan, its people, some minutes of traffic, what goes wrong meanwhile, and the laws watching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from pbx112.ari import events as rest
from pbx112.model.codes import codes
from pbx112.model.commands import YES_KEY
from pbx112.model.state import SECOND
from pbx112.plan.dialled import dialled

from . import faults as going_wrong
from . import plans
from .asterisk import Asterisk, Chan
from .asterisk import World as AroundAsterisk
from .books import Books
from .clock import Clock
from .fallback import Dialplan
from .faults import Faults
from .laws import SILENCE, Broken
from .line import LineWatch
from .people import HANGS_UP, Q850_NORMAL, Caller, People, Strangers
from .tale import Tale
from .trouble import Trouble
from .watch import TICK, Watch, call_of
from .wire import Wire

START = 1_790_000_000_000_000
"""Microseconds since the epoch: a Monday in September 2026."""

TRAFFIC = 120.0
"""Seconds in which a world's callers dial."""

SETTLED = 400.0
"""Seconds that a world goes on after its last caller has gone, with nothing wrong any more."""

MOST_STEPS = 4000
"""Things that may happen for each call, before a world counts as one that never comes to rest."""


class World(AroundAsterisk):
    """Runs `calls` calls drawn from `seed`; `told` gets the story line by line.

    The daemon's side of it is the wire's, the books' and the trouble's; here are the people.
    """

    def __init__(
        self,
        seed: int,
        calls: int,
        told: Callable[[str], None] | None = None,
        people: People | None = None,
    ) -> None:
        self.chance = Random(seed)
        faults = going_wrong.draw(self.chance)
        plan = plans.draw(self.chance, f"{seed & 0xFFFFFFFF:08x}{0:08x}")
        self.clock = Clock(START + self.chance.randrange(7 * 86400) * 1_000_000)
        dead = frozenset(line.number for _, line in plan.lines() if self.chance.random() < faults.dead_lines)
        self.strangers = Strangers(self.chance, dead)
        self.people = people or self.strangers
        self.calls = calls
        self.callers: dict[str, Caller] = {}
        self.tale = Tale(self.clock, told)
        self.asterisk = Asterisk(self)
        self.wire = Wire(self.clock, self.chance, faults, self.tale, lambda call: self.books.situation(call))
        self._watch = Watch(self.clock, self.asterisk, self.wire.calm_since, lambda: self.wire.blind_ns)
        self._line = LineWatch()
        self._dialplan = Dialplan(
            self.clock, self.chance, self.asterisk, self.people, lambda: self.books.plan, self.tale
        )
        self.books = Books(
            self.clock, self.chance, plan, self.tale, self.wire, self._watch, self._line, self._dialplan
        )
        self._trouble = Trouble(
            seed, self.clock, self.chance, self.tale, self.asterisk, self.wire, self.books, self._dialplan
        )
        self._menus: Counter[str] = Counter()
        self._talked: set[str] = set()
        self._coming = calls
        self._over_ns: int | None = None
        self._calm = faults.calm

    @property
    def seen(self) -> Counter[str]:
        """What was covered, by kind."""
        return self.tale.seen

    # --- the whole ---

    def run(self) -> Counter[str]:
        """What was covered, by kind. Raises :class:`Broken`."""
        dialling = sorted(self.chance.uniform(0.0, TRAFFIC) for _ in range(self.calls))
        for number, moment in enumerate(dialling):
            self.clock.after(moment, lambda number=number: self._dial(number))  # type: ignore[misc]
        self._trouble.plan_for(TRAFFIC + 60.0)
        self._trouble.start_daemon()
        self.clock.after(TICK, self._look)
        try:
            for _ in range(MOST_STEPS * self.calls):
                if not self.clock.step():
                    break
            else:
                left = [f"{call}: {self.books.dossiers[call].state}" for call in self.books.open]
                raise Broken("comes_to_rest", "", f"{MOST_STEPS} steps a call, and left are {left}")
        except Broken:
            raise
        except Exception as error:
            raise Broken("never_raises", "", repr(error)) from error
        finally:
            self.clock.stop()
        if left := [*self.asterisk.channels, *self.asterisk.bridges]:
            raise Broken("nothing_left", call_of(left[0]), ", ".join(left))
        self.books.account()
        return self.seen

    def _look(self) -> None:
        """Once a second."""
        daemon = self.wire.daemon
        calls = {call.call_id: call for call in daemon.states()} if daemon and daemon.alive else {}
        self._watch.look(calls)
        self._line.look(calls.values(), self.books.plan, self.clock.now, self.wire.calm_since(""))
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
            self.wire.faults = Faults(slow_database=self.wire.faults.slow_database)
            self.wire.stalled = False
        waited = self.clock.now_ns - self._over_ns
        done = (
            self.wire.agreed
            and not self.books.open
            and not self.asterisk.channels
            and not self.asterisk.bridges
            and waited > 10 * SECOND
        )
        over = done or waited > SETTLED * SECOND
        if over:
            self._trouble.end()
        return over

    # --- citizens ---

    def _dial(self, number: int) -> None:
        self._coming -= 1
        if not self._trouble.asterisk_runs:
            self.seen["caller:asterisk is away"] += 1
            return
        call_id = f"{self.clock.now.utc_us // 1_000_000}.{number}"
        caller = self.strangers.caller()
        self.callers[call_id] = caller
        self.books.came[call_id] = self.clock.now.utc_us
        self.tale.say(f"call {call_id}: a citizen dials ({caller})")
        chan = self.asterisk.call_comes_in(call_id, caller.number)
        self.clock.after(caller.patience, lambda: self._out_of_patience(chan))
        self.clock.after(1500.0, lambda: self._hang_up(chan))

    def _out_of_patience(self, chan: Chan) -> None:
        if chan.id not in self._talked:
            self._hang_up(chan)

    def _hang_up(self, chan: Chan) -> None:
        if self.asterisk.channels.get(chan.id) is chan:
            self.seen[f"caller hangs up in {self.books.situation(chan.id)}"] += 1
            self.tale.say(f"call {chan.id}: the caller hangs up")
            self.books.left.add(chan.id)
            self.asterisk.caller_hangs_up(chan)

    # --- around Asterisk ---

    def listening(self) -> bool:
        """Whether Asterisk believes that the application is connected."""
        return self.wire.registered

    def tell(self, event: rest.Event, about: str) -> None:
        """An event leaves for the application."""
        self.wire.tell(event, about)

    def in_fallback(self, chan: Chan) -> None:
        """The fallback dialplan serves a caller."""
        self._dialplan.serve(chan, lambda: self._talked.add(chan.id))

    def gone(self, chan: Chan, by_us: bool) -> None:
        """A channel has ended."""
        if chan.kind == "caller":
            self.tale.say(f"call {chan.id}: the caller's channel is gone" + (" (by us)" if by_us else ""))
            self._dialplan.caller_gone(chan)

    def joined(self, chan: Chan) -> None:
        """A caller talks, or somebody with a caller."""
        if chan.id in self._talked:
            return
        self._talked.add(chan.id)
        if chan.kind == "caller":
            self._caller_talks(chan, self.callers[chan.id])
        else:
            for after, key in self.people.at_work(sorted(codes(self.books.plan))):
                self.clock.after(after, lambda key=key: self._does(chan, key))  # type: ignore[misc]
            if (transfer := self.people.transfers(chan.id, sorted(dialled(self.books.plan)))) is not None:
                after, to = transfer
                self.clock.after(after, lambda: self.asterisk.refers(chan, to))

    def _does(self, chan: Chan, key: str) -> None:
        if key == HANGS_UP:
            self.asterisk.leg_ends(chan, Q850_NORMAL)
        else:
            self.asterisk.presses(chan, key)

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
