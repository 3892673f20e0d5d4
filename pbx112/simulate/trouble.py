"""The daemon's life, and what strikes it: killed, stopped, cut off, left without an answer; Asterisk restarted."""

from __future__ import annotations

from random import Random

from pbx112.ari import AriError
from pbx112.model import stimuli
from pbx112.model.state import Talking

from . import plans
from .ari import Ari
from .asterisk import Asterisk
from .books import Books
from .clock import Clock, sleep
from .daemon import Daemon
from .fallback import Dialplan
from .tale import Tale
from .wire import Wire


class Trouble:
    """Strikes within a world's traffic, as often as its faults say. `seed` names the plans of a reload."""

    def __init__(
        self,
        seed: int,
        clock: Clock,
        chance: Random,
        tale: Tale,
        asterisk: Asterisk,
        wire: Wire,
        books: Books,
        dialplan: Dialplan,
    ) -> None:
        self.asterisk_runs = True
        self._over = False
        self._seed = seed
        self._clock = clock
        self._chance = chance
        self._tale = tale
        self._asterisk = asterisk
        self._wire = wire
        self._books = books
        self._dialplan = dialplan
        self._plans = 1

    def plan_for(self, seconds: float) -> None:
        """All that will go wrong within so many seconds."""
        faults = self._wire.faults
        for count, strike in (
            (faults.kills, self._kill),
            (faults.cuts, self._cut),
            (faults.stalls, self._stall),
            (faults.restarts, self._restart_asterisk),
            (faults.stops, self._stop_daemon),
            (faults.reloads, self._reload),
        ):
            for _ in range(count):
                self._clock.after(self._chance.uniform(1.0, seconds), strike)

    # --- the daemon's life ---

    def start_daemon(self) -> None:
        """A daemon begins to serve, unless one does."""
        if self._over or self._wire.serves:
            return
        self._tale.say("the daemon starts")
        self._wire.daemon = daemon = Daemon(self._books, Ari(self._asterisk, self._wire))
        self._clock.start(self._keep_connected(daemon), lambda: daemon.alive)

    def end(self) -> None:
        """No daemon serves any more, for good."""
        self._over = True
        if self._wire.daemon is not None:
            self._wire.daemon.die()

    async def _keep_connected(self, daemon: Daemon) -> None:
        wire, pause = self._wire, 0.1
        while daemon.alive:
            await sleep(pause * self._chance.uniform(0.5, 1.0))
            pause = min(3.0, pause * 2)
            if not self.asterisk_runs or not daemon.alive or daemon.stopping:
                continue
            epoch = wire.connect()
            try:
                await daemon.on_connect()
            except AriError as error:
                self._tale.say(f"taking up failed: {error}")
                if daemon.alive and epoch == wire.epoch:
                    wire.disconnect()
                continue
            if epoch == wire.epoch:  # else it was lost again meanwhile
                wire.agree()
            while daemon.alive and wire.up and epoch == wire.epoch:
                await sleep(0.2)
                pause = 0.1

    # --- what strikes it ---

    def _struck(self, what: str) -> Daemon | None:
        """The daemon that is struck, where there is one; notes in which situations its calls are."""
        daemon = self._wire.daemon
        if daemon is None or not daemon.alive:
            return None
        self._wire.struck()
        self._tale.say(f"*** {what}")
        for call in daemon.states():
            self._tale.seen[f"{what} in {type(call.situation).__name__}"] += 1
        return daemon

    def _kill(self) -> None:
        if (daemon := self._struck("daemon killed")) is not None:
            daemon.die()
            self._wire.disconnect()
            self._clock.after(self._chance.uniform(0.2, 20.0), self.start_daemon)

    def _cut(self) -> None:
        if self._wire.up and not self._wire.stalled and self._struck("connection cut"):
            self._wire.disconnect()

    def _stall(self) -> None:
        wire = self._wire
        if wire.up and self._struck("connection silent"):
            wire.stall(self._chance.uniform(2.8, 4.2))

    def _restart_asterisk(self) -> None:
        if not self.asterisk_runs:
            return
        self._struck("Asterisk restarted")
        self.asterisk_runs = False
        self._wire.disconnect()
        for chan in self._asterisk.restart():
            if chan.kind == "caller":
                self._books.left.add(chan.id)
                self._dialplan.cut(chan)

        def runs() -> None:
            self.asterisk_runs = True
            self._asterisk.started_us = self._clock.now.utc_us

        self._clock.after(self._chance.uniform(2.0, 15.0), runs)

    def _stop_daemon(self) -> None:
        if (daemon := self._struck("daemon stopped")) is not None:
            self._clock.start(self._stop(daemon))

    async def _stop(self, daemon: Daemon) -> None:
        connected = self._wire.up
        if connected:
            await daemon.stop()
        if not daemon.alive:
            return
        self._wire.disconnect()
        for chan in list(self._asterisk.channels.values()) if connected else ():
            live = daemon.calls.get(chan.id)
            talks = live is not None and live.call is not None and isinstance(live.call.situation, Talking)
            if chan.kind == "caller" and chan.in_app and not talks:
                if live is not None:
                    live.tell(stimuli.GivenUp("the daemon stops"))
                self._asterisk.to_fallback(chan)
        daemon.die()
        self._clock.after(self._chance.uniform(0.5, 20.0), self.start_daemon)

    def _reload(self) -> None:
        self._struck("plan reloaded")
        self._books.use(plans.draw(self._chance, f"{self._seed & 0xFFFFFFFF:08x}{self._plans:08x}"))
        self._plans += 1
        if self._wire.daemon is not None:
            self._wire.daemon.look_for_room()
