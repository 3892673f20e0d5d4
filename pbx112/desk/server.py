"""The codes' server: which phone it is (Asterisk's own word), the dialogue, and what it asks for."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import closing, suppress

import structlog

from pbx112.ari import AriError, NotFound
from pbx112.model.events import CallBackEnded, ListenEnded
from pbx112.switch.live import now
from pbx112.switch.switch import Switch

from .acts import Act, Ask, Dial, Listen, Note, Say
from .agi import ANSWER_WITHIN, LONGEST_REQUEST, DeskApplication, DeskRequest, Gone
from .desk import Desk
from .dialogue import dialogue
from .listen import LONGEST as LONGEST_LISTEN
from .listen import talks_of

log = structlog.get_logger()

CONTEXT = "pbx112-desk-code"
"""Where the dialplan serves codes (:mod:`pbx112.plan.dialplan_parts`)."""
RESTATE_EVERY = 43_200.0
"""Seconds between two statements of what stands: far more often than the journal is pruned."""
FOLLOW_EVERY = 5.0
"""Seconds between two looks whether a supervisor listens still whom a daemon before us served."""
RING_FOR, KEY_WAIT = 40, 8
"""Seconds for which a caller who is called back is rung; that somebody has to press the next key."""

_CHANNEL = re.compile(r"[A-Za-z0-9_.-]{1,150}")


class DeskServer:
    """Serves desk codes on `host`:`port`. `pins` are those of the agencies."""

    def __init__(self, switch: Switch, host: str, port: int, pins: Mapping[str, str]) -> None:
        self._switch = switch
        self._host, self._port = host, port
        self._pins = pins
        self._serving: set[str] = set()

    async def run(self) -> None:
        """Serve until cancelled. Raises :class:`OSError` where the address cannot be used."""
        await self._switch.calls.desk_known.wait()
        for call_id, placed in self._switch.ledger.unfinished().items():
            self._switch.note(call_id, CallBackEnded(placed.by, "unknown"))
        application = DeskApplication("desk", self._serve)
        server = await asyncio.start_server(
            application.handler, self._host, self._port, limit=LONGEST_REQUEST
        )
        log.info("desk codes are served", action="desk", address=f"{self._host}:{self._port}")
        with closing(server):  # `async with` waits, from Python 3.12 on, for the last phone to hang up
            restate = 0.0
            while True:
                if restate <= 0:
                    await self._switch.note("", self._switch.ledger.stated())
                    restate = RESTATE_EVERY
                await self._follow_listening()
                await asyncio.sleep(FOLLOW_EVERY)
                restate -= FOLLOW_EVERY

    async def _serve(self, request: DeskRequest) -> None:
        """Trust the channel's id alone, and that only as far as Asterisk knows such a channel at such a code."""
        channel_id = request.headers.get("agi_uniqueid", "")
        if not _CHANNEL.fullmatch(channel_id) or channel_id in self._serving:
            raise Gone("no channel, or one that is served already")
        self._serving.add(channel_id)
        try:
            try:
                channel = await self._switch.ari.channel(channel_id)
            except AriError as error:
                raise Gone(f"Asterisk does not tell who dials: {error}") from None
            number = self._switch.plan.service.number
            code = re.fullmatch(rf"\*{number}([0-9])", channel.dialplan.exten)
            if channel.dialplan.context != CONTEXT or code is None:
                raise Gone(f"channel {channel_id} dials no code")
            await request.send_command("SET VARIABLE PBX112_SERVED 1")
            device = channel.name.rpartition("-")[0]
            desk = Desk(
                self._switch.plan,
                self._switch.ledger,
                now(),
                device,
                self._switch.calls.waiting,
                self._pins,
                self._is_free,
                channel_id,
                talks_of(self._switch.live_calls()),
            )
            log.info("a desk code", action="desk_code", code=code[0], device=device)
            await self._play(request, desk, code[1])
        finally:
            self._serving.discard(channel_id)

    async def _play(self, request: DeskRequest, desk: Desk, digit: str) -> None:
        acts = dialogue(digit, desk)
        with suppress(StopIteration):
            act = next(acts)
            while True:
                act = acts.send(await self._do(request, act))

    async def _do(self, request: DeskRequest, act: Act) -> str:
        match act:
            case Note(subject=subject, event=event):
                await self._switch.note(subject, event)
                return ""
            case Say(media=media):
                await request.send_command(f"EXEC Playback {'&'.join(media)}")
                answer = ""
            case Ask(media=media, digits=digits):
                await request.send_command(
                    f"EXEC Read PBX112_SAID,{'&'.join(media)},{digits},,1,{KEY_WAIT}", 2 * ANSWER_WITHIN
                )
                answer = await variable(request, "PBX112_SAID")
            case Dial():
                return await self._dial(request, act)
            case Listen():
                return await self._listen(request, act)
        if request.hung_up:
            raise Gone("the phone hung up")
        return answer

    async def _dial(self, request: DeskRequest, act: Dial) -> str:
        """How it ended, and the seconds of talk: told also after the phone has hung up."""
        calls = self._switch.calls
        calls.called_back[act.trunk] += 1
        calls.trunk_hours.place(act.trunk, now().mono_ns)
        try:
            await self._switch.make_way("", act.trunk)
            await request.send_command(f"EXEC Set GROUP(pbx112trunk)={act.trunk}")
            if act.caller_id:
                await request.send_command(f"EXEC Set CALLERID(num)={act.caller_id}")
            await request.send_command("EXEC Set PBX112_ANSWERED=")
            await request.send_command(
                f"EXEC Dial {act.dial},{RING_FOR},iS({act.longest})U(pbx112-desk-answered)",
                act.longest + RING_FOR + ANSWER_WITHIN,
            )
            result = (await variable(request, "DIALSTATUS")).lower()
            answered = await variable(request, "PBX112_ANSWERED")
            seconds = max(0, int(time.time()) - int(answered)) if answered.isdecimal() else 0
        except Gone:
            return "unknown"
        finally:
            calls.called_back[act.trunk] -= 1
        return f"{result or 'unknown'} {seconds}"

    async def _listen(self, request: DeskRequest, act: Listen) -> str:
        """Until the supervisor, the call taker or the caller hangs up (`E`); the phone hears no words of ChanSpy (`q`),
        and `*` leads to no other channel (`u`)."""
        with suppress(Gone, AriError):
            spied = await self._switch.ari.channel(act.talk.channel)
            options = "quEw" if act.whisper else "quE"
            await request.send_command(f"EXEC ChanSpy {spied.name},{options}", LONGEST_LISTEN)
        return ""

    async def _follow_listening(self) -> None:
        """Listening that went on while no daemon did: its end is told as soon as it is seen."""
        for call_id, began in self._switch.ledger.listening():
            if not await self._listens(began.channel):
                await self._switch.note(call_id, ListenEnded(began.by, began.channel, seen=False))

    async def _listens(self, channel_id: str) -> bool:
        """Whether this phone is still in ChanSpy, or is served by us; True where nobody can tell now."""
        if channel_id in self._serving:
            return True
        try:
            channel = await self._switch.ari.channel(channel_id)
        except NotFound:
            return False
        except AriError:
            return True
        return channel.dialplan.app_name == "ChanSpy"

    def _is_free(self, trunk: str) -> bool:
        """Whether a call back may use it: the last free circuit is for whoever calls 112 now."""
        calls, limits = self._switch.calls, self._switch.plan.trunks[trunk]
        load = calls.load_beside(None).get(trunk, 0)
        hour = calls.trunk_hours.within_hour(now().mono_ns).get(trunk, 0)
        return load < max(1, limits.max_calls - 1) and hour < limits.max_per_hour


async def variable(request: DeskRequest, name: str) -> str:
    """A channel variable of letters and digits; empty where it is anything else. Raises :class:`Gone`."""
    answer = await request.send_command(f"GET VARIABLE {name}")
    value = str(answer.get("result", ("", ""))[1])
    return value if re.fullmatch(r"[0-9A-Z]{0,20}", value) else ""
