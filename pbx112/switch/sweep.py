"""Every few seconds: what Asterisk has, held against what we believe. For whatever no event told us of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from pbx112.ari import AriClient, AriError
from pbx112.model import stimuli
from pbx112.model.state import InFallback
from pbx112.model.stimuli import Resumed
from pbx112.plan.types import Plan

from .calls import Calls
from .live import LiveCall
from .reconcile import Found, survey

log = structlog.get_logger()

EVERY = 4.0
"""Seconds between two looks (law 6: what belongs to no live call is gone within 5 s)."""

SHARE = 0.05
"""The share of the time that looking may take: with very many calls it is done less often."""


class Sweep:
    """`tidy` brings in arrivals that nobody told us of, and ends what belongs to no live call."""

    def __init__(
        self,
        ari: AriClient,
        app: str,
        calls: Calls,
        plan: Callable[[], Plan],
        tidy: Callable[[Found], Awaitable[int]],
    ) -> None:
        self._ari = ari
        self._app = app
        self._calls = calls
        self._plan = plan
        self._tidy = tidy
        self._missing: frozenset[str] = frozenset()
        """Channels of which the last look saw what nobody had told. Two looks have to: the event may be on its way."""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            if self._ari.connected:
                try:
                    await self._look()
                except AriError as error:
                    log.warning("Asterisk was not looked over", action="sweep", error=str(error))
            await asyncio.sleep(max(EVERY, (clock() - began) / SHARE))

    async def _look(self) -> None:
        before = self._ari.counters.connections
        found = await survey(self._ari, self._app, self._calls.states(), self._plan())
        if self._ari.counters.connections != before:
            return  # the reconciliation of the new connection has done all this
        self.hold_against(found)
        if mended := await self._tidy(found):
            log.warning("found what no event had told", action="sweep", mended=mended)

    def hold_against(self, found: Found) -> None:
        """Tell the calls what this look and the one before have missed."""
        missing: set[str] = set()
        for call_id, resumed in found.resumed.items():
            if (live := self._calls.get(call_id)) is not None:
                self._compare(live, resumed, missing)
        self._missing = frozenset(missing)

    def _compare(self, live: LiveCall, found: Resumed, missing: set[str]) -> None:
        call = live.call
        if call is None or call.caller_left:
            return
        if found.caller_gone or found.asterisk_restarted:
            self._doubt(live, call.arrival.channel, missing, stimuli.CallerHungUp())
        elif found.in_fallback and not isinstance(call.situation, InFallback):
            self._doubt(live, call.arrival.channel, missing, found)
        else:
            for transfer in found.transferred:
                self._doubt(live, transfer.channel, missing, transfer)
            for number in found.gone:
                if (leg := call.leg(number)) is not None and leg.status != "offered":
                    self._doubt(live, leg.channel, missing, stimuli.HungUp(number))
            for number in found.up:
                if (leg := call.leg(number)) is not None and leg.status in ("offered", "ringing"):
                    self._doubt(live, leg.channel, missing, stimuli.PickedUp(number))

    def _doubt(self, live: LiveCall, channel: str, missing: set[str], stimulus: stimuli.Stimulus) -> None:
        missing.add(channel)
        if channel in self._missing:
            what = "a line was picked up" if isinstance(stimulus, stimuli.PickedUp) else "a channel ended"
            log.warning(f"{what} unseen", action="sweep", call_id=live.call_id, channel=channel)
            live.tell(stimulus)
