"""The line watch: asks Asterisk over AMI which lines are alive, and journals what changes. No call depends on it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import structlog

from pbx112.ari import AriError, AriHttp, AriSettings
from pbx112.model.events import Event, Instant, PlanLoaded
from pbx112.plan.dial import endpoint_of
from pbx112.plan.types import Plan
from pbx112.switch.live import now
from pbx112.switch.switch import Switch

from .ami import Ami, AmiError
from .lines import Found, Lines

log = structlog.get_logger()

LOOK_EVERY = 10.0
"""Seconds between two looks, and until AMI is tried again."""


ASKED = re.compile(r"(?:PJSIP|SIP|IAX2)/[A-Za-z0-9_.+-]{1,80}")
"""Devices whose state may be asked for one by one."""


class LineWatch:
    """Looks over AMI at `host`:`port`; over ARI (`ari`) how many channels are on each trunk, whose ever they are."""

    def __init__(
        self, switch: Switch, ari: AriSettings, host: str, port: int, user: str, secret: str
    ) -> None:
        self._switch = switch
        self._ari = ari
        self._where = (host, port, user, secret)
        self._ami: Ami | None = None
        self._told = False
        self._at_once = asyncio.Event()
        self.lines = Lines()
        """What holds now."""
        self.channels: dict[str, int] = {}
        """How many channels Asterisk had on each trunk, when it was last asked."""

    @property
    def connected(self) -> bool:
        """Whether AMI answered when it was last asked."""
        return self._ami is not None

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                self.channels = await self._count_channels()
                found = await self._look()
                told = self.lines.look(self._switch.plan, found, now().mono_ns)
                if told is not None:
                    self._switch.note("", told)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._at_once.wait(), LOOK_EVERY)
                self._at_once.clear()
        finally:
            self._leave()

    def heed(self, _subject: str, event: Event, _at: Instant) -> None:
        """Another plan may have other lines: they are looked at now."""
        if isinstance(event, PlanLoaded):
            self._at_once.set()

    async def _look(self) -> Found | None:
        try:
            if self._ami is None:
                self._ami = await Ami.connect(*self._where)
                log.info("lines are watched", action="line_watch")
                self._told = False
            devices = devices_of(await self._ami.listing("DeviceStateList"))
            for name in _names(self._switch.plan):
                if endpoint_of(name) not in devices:
                    devices[endpoint_of(name)] = await self._ami.device(name)
            registrations = await self._ami.listing("PJSIPShowRegistrationsOutbound")
        except AmiError as error:
            if not self._told:
                log.warning(
                    "AMI does not tell which lines are alive; calls do not depend on it; see `pbx112 check`",
                    action="line_watch",
                    error=str(error),
                )
            self._told = True
            self._leave()
            return None
        return Found(devices, registered_of(registrations))

    async def _count_channels(self) -> dict[str, int]:
        """Asked beside the connection that calls use."""
        try:
            async with AriHttp(self._ari) as ari:
                there = {
                    (e.technology.lower(), e.resource): len(e.channel_ids) for e in await ari.endpoints()
                }
        except AriError:
            return {}
        trunks = self._switch.plan.trunks
        ends = {key: endpoint_of(trunk.dial.replace("{number}", "0")) for key, trunk in trunks.items()}
        return {key: there[end] for key, end in ends.items() if end in there}

    def _leave(self) -> None:
        if self._ami is not None:
            with contextlib.suppress(Exception):
                self._ami.close()
        self._ami = None


def _names(plan: Plan) -> list[str]:
    """The devices that the plan's lines and trunks are, as Asterisk names them: of technologies whose devices are
    their endpoints. Of others (DAHDI, Local) is known what the list says, and nothing asked."""
    dials = [line.dial for _, line in plan.lines() if line.trunk is None]
    dials += [trunk.dial.replace("{number}", "0") for trunk in plan.trunks.values()]
    names = (f"{dial.partition('/')[0]}/{endpoint_of(dial)[1]}" for dial in dials)
    return [name for name in names if ASKED.fullmatch(name)]


def devices_of(messages: list[Any]) -> dict[tuple[str, str], str]:
    """Each device's state, of AMI's messages."""
    return {
        endpoint_of(str(each.device)): str(each.state)
        for each in messages
        if each.event == "DeviceStateChange"
    }


def registered_of(messages: list[Any]) -> dict[str, bool]:
    """Whether registrations hold, of AMI's messages: by the registration's name and by the endpoint that it names. Of
    several one is enough."""
    held: dict[str, bool] = {}
    for each in messages:
        if each.event == "OutboundRegistrationDetail":
            for name in {str(each.objectname), str(each.endpoint)} - {""}:
                held[name] = held.get(name, False) or str(each.status) == "Registered"
    return held
