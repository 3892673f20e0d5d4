"""Test calls to lines, beside the calls of citizens: each is one channel of ours, and gives way to a real call."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from pbx112.ari import AriError, NotFound, Unavailable
from pbx112.ari import events as rest
from pbx112.ari.operations import Operations
from pbx112.model import asks, line_test
from pbx112.model.events import Event, LineTestEnded, LineTestPlaced, Target, TestResult
from pbx112.model.line_test import Act, HangUp, Listen, Over, Say, Situation, Stimulus, Thanks, Verdict
from pbx112.model.stimuli import TimePassed
from pbx112.plan.dialled import FORWARDS

from .reconcile import test_channel
from .requests import TRUNK_GROUP

log = structlog.get_logger()

GIVE_WAY = 1.0
"""Seconds that a real call waits at most for the test on its line to be hung up."""

GRACE = 5.0
"""Seconds after a test's longest time at which Asterisk itself ends it, should nobody else."""


class Around(Protocol):
    """What a test needs of the switch."""

    @property
    def ari(self) -> Operations:
        """Asterisk."""

    @property
    def service_number(self) -> str:
        """What a desk phone is shown as the caller."""

    def note(self, subject: str, event: Event) -> Awaitable[None]:
        """Journal it; done when it may be acted on."""

    async def ask(self, request: asks.Request) -> object:
        """Carry the request out, in the end."""

    def place(self, trunk: str) -> None:
        """A call is placed over this trunk now."""


@dataclass(frozen=True, slots=True)
class Test:
    """One test: of the line `target`, in `run`, for the `attempt`-th time; `last`: there is no other after it."""

    __test__ = False  # pytest: it is none of yours

    run: str
    target: Target
    attempt: int
    last: bool


@dataclass(slots=True)
class _Live:
    test: Test
    channel: str
    situation: Situation
    acts: asyncio.Queue[Sequence[Act]] = field(default_factory=asyncio.Queue)
    told: Verdict | None = None
    spoken: int = 0
    alarm: asyncio.TimerHandle | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Its channel has ended, and the line is free: that a hang-up is asked for does not mean that it has left."""


class LineTests:
    """All tests that go on, by their channels."""

    def __init__(self, around: Around, app: str, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._around = around
        self._app = app
        self._clock = clock
        self._live: dict[str, _Live] = {}
        self._numbers = itertools.count(1)

    def __contains__(self, channel: str) -> bool:
        return channel in self._live

    @property
    def lines(self) -> set[str]:
        """The numbers that are being tested."""
        return {live.test.target.number for live in self._live.values()}

    @property
    def on_trunks(self) -> Counter[str]:
        """How many tests each trunk carries."""
        return Counter(trunk for live in self._live.values() if (trunk := live.test.target.trunk))

    async def run(self, test: Test) -> Verdict:
        """Call the line and do all of it; what came of it is journalled before the line is free again. Cancelled, or
        withdrawn, it hangs up."""
        target = test.target
        channel = test_channel(self._app, f"{test.run}-{next(self._numbers)}")
        began = line_test.begin(self._clock(), target.ring_for, target.accept_for)
        live = self._live[channel] = _Live(test, channel, began)
        try:
            placed = LineTestPlaced(test.run, target.owner, target.number, test.attempt, target.trunk or "")
            await self._around.note("", placed)
            if isinstance(live.situation, Over):
                live.gone.set()
            else:
                await self._originate(live)
            while True:
                await self._tell(live)
                for act in await live.acts.get():
                    await self._tell(live)
                    await self._do(live, act)
                if isinstance(live.situation, Over) and live.acts.empty():
                    await self._tell(live)
                    await _within(GIVE_WAY, live.gone)
                    return live.situation.verdict
        finally:
            if live.alarm is not None:
                live.alarm.cancel()
            if not isinstance(live.situation, Over):  # we were cancelled
                live.situation, _ = line_test.step(
                    live.situation, line_test.Withdrawn("stopped"), self._clock()
                )
                await self._tell(live)
                await self._around.ask(asks.Hangup(channel))
            live.gone.set()
            self._live.pop(channel, None)

    def withdraw(self, run: str, why: str) -> None:
        """End what this run still tests."""
        for live in list(self._live.values()):
            if live.test.run == run:
                self._hear(live, line_test.Withdrawn(why))

    async def make_way(self, number: str, trunk: str, busy: int, limit: int) -> None:
        """A real call is about to ring the line `number` ("": a citizen who is called back) over `trunk` ("": none),
        which then carries `busy` of `limit` calls besides tests: the test on this line ends first, and on the trunk as
        many as leave one circuit free."""
        if not self._live:
            return
        mine = [live for live in self._live.values() if live.test.target.number == number]
        others = [live for live in self._live.values() if trunk and live.test.target.trunk == trunk]
        await self._end(mine + [live for live in others if live not in mine][max(0, limit - 1 - busy) :])

    async def make_way_for_the_fallback(self) -> None:
        """A caller is about to be given to the fallback dialplan, which rings whom it will: all tests end first."""
        await self._end(list(self._live.values()))

    def on_event(self, event: rest.Event) -> None:
        """What Asterisk says of one of our channels."""
        match event:
            case rest.StasisStart(channel=channel):
                self._told(channel.id, line_test.PickedUp())
            case rest.ChannelDtmfReceived(channel=channel, digit=digit):
                self._told(channel.id, line_test.Pressed(digit))
            case rest.ChannelTalkingStarted(channel=channel):
                self._told(channel.id, line_test.SoundBegan())
            case rest.ChannelTalkingFinished(channel=channel, duration=lasted):
                self._told(channel.id, line_test.SoundEnded(lasted))
            case rest.ChannelDestroyed(channel=channel, cause=cause, tech_cause=sip):
                if (live := self._live.get(channel.id)) is not None:
                    live.gone.set()
                self._told(channel.id, line_test.Gone(cause, sip))
            case rest.PlaybackFinished(playback=playback):
                channel_id, _, word = playback.id.rpartition("-")
                self._told(channel_id, line_test.Spoken(word))
            case _:
                pass

    # --- within

    async def _end(self, in_the_way: Sequence[_Live]) -> None:
        for live in in_the_way:
            self._hear(live, line_test.Needed())
        await _within(GIVE_WAY, *(live.gone for live in in_the_way))

    def _told(self, channel: str, stimulus: Stimulus) -> None:
        if (live := self._live.get(channel)) is not None:
            self._hear(live, stimulus)

    def _hear(self, live: _Live, stimulus: Stimulus) -> None:
        after, acts = line_test.step(live.situation, stimulus, self._clock())
        if after is live.situation and not acts:
            return
        live.situation = after
        live.acts.put_nowait(acts)
        self._set_alarm(live)

    def _set_alarm(self, live: _Live) -> None:
        if live.alarm is not None:
            live.alarm.cancel()
            live.alarm = None
        if not isinstance(live.situation, Over):
            delay = max(0.0, (live.situation.due - self._clock()) / line_test.SECOND)
            live.alarm = asyncio.get_running_loop().call_later(delay, self._time_passes, live)

    def _time_passes(self, live: _Live) -> None:
        live.alarm = None
        self._hear(live, TimePassed())
        if live.alarm is None:
            self._set_alarm(live)

    async def _tell(self, live: _Live) -> None:
        """Journal what the test came to, once, before anything is done about it."""
        if live.told is not None or not isinstance(live.situation, Thanks | Over):
            return
        test, target = live.test, live.test.target
        verdict = live.told = live.situation.verdict
        ended = LineTestEnded(
            run=test.run,
            owner=target.owner,
            number=target.number,
            attempt=test.attempt,
            result=verdict.result,
            name=target.name,
            owner_name=target.owner_name,
            answered_after=verdict.answered_after,
            accepted_after=verdict.accepted_after,
            heard=verdict.heard,
            sound=verdict.sound,
            cause=verdict.cause,
            sip=verdict.sip,
            detail=verdict.detail,
            again=not test.last and line_test.worth_another(verdict.result),
        )
        await self._around.note("", ended)

    async def _originate(self, live: _Live) -> None:
        target = live.test.target
        longest = line_test.longest(target.ring_for, target.accept_for) + GRACE
        shown = target.caller_id or self._around.service_number
        if target.trunk:
            self._around.place(target.trunk)
        self._set_alarm(live)
        try:
            await self._around.ari.originate(
                target.dial,
                channel_id=live.channel,
                app_args="test",
                caller_id=f'"UJI COBA {self._around.service_number}" <{shown}>',
                timeout=target.ring_for + GRACE,
                # Asterisk itself ends it where no daemon does. The fallback dialplan counts it on its trunk.
                variables={"TIMEOUT(absolute)": str(math.ceil(longest)), "FORWARD_CONTEXT": FORWARDS}
                | ({TRUNK_GROUP: target.trunk} if target.trunk else {}),
            )
        except Unavailable:
            live.gone.set()
            self._hear(live, line_test.Refused(unavailable=True, detail="unreachable"))
        except AriError as error:
            self._hear(live, line_test.Refused(unavailable=False, detail=str(error)[:80]))

    async def _do(self, live: _Live, act: Act) -> None:
        """What fails here fails the test in its own time: by silence, or by the end of the channel."""
        ari = self._around.ari
        try:
            match act:
                case HangUp():
                    await self._around.ask(asks.Hangup(live.channel))
                case Listen():
                    level = f"{line_test.SILENCE_MS},{line_test.LOUD}"
                    await ari.set_channel_variable(live.channel, "TALK_DETECT(set)", level)
                case Say(word=word, times=times):
                    with contextlib.suppress(NotFound):
                        await ari.stop_playback(f"{live.channel}-test_ask")
                    await ari.play(
                        live.channel,
                        (f"sound:pbx112/{word}",) * times,
                        playback_id=f"{live.channel}-{word}",
                    )
        except NotFound:
            pass  # it has hung up: its own event says so
        except AriError as error:
            log.warning("request failed", action=type(act).__name__, about=live.channel, error=str(error))


async def _within(seconds: float, *events: asyncio.Event) -> None:
    """Wait for all of them, and no longer than that."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for event in events:
                await event.wait()


def not_tried(test: Test, why: str) -> LineTestEnded:
    """The line could not even be called: it, or its trunk, was in use for as long as we waited."""
    target = test.target
    return LineTestEnded(
        test.run,
        target.owner,
        target.number,
        test.attempt,
        TestResult.NOT_TRIED,
        target.name,
        target.owner_name,
        detail=why,
    )
