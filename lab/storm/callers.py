"""The citizens of a storm, and what each of them saw."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lab.callers import Caller
from lab.exchange import Exchange
from lab.network import SIP, free_udp_ports
from lab.sipp import Message, Sipp

TALK = 2.0
"""Seconds that a caller talks before hanging up."""

PATIENCE = 1.0
"""Seconds that an impatient caller lets it ring."""

GIVES_UP = 90.0
"""Seconds after the last call came in at which whoever still waits for an answer is given up, and counted as never
reached."""

IMPATIENT = 0.05
"""The share of callers who hang up soon."""

LISTENERS = "08127300"
"""What the numbers of those begin with who listen."""

LISTENING = 0.05
"""The share of callers who listen (their sound is measured)."""

_USER = re.compile(r"sips?:([^@>;]+)@")
_AUDIO_PORT = re.compile(r"^m=audio (\d+) ", re.MULTILINE)


@dataclass
class Seen:
    """One call, as its caller saw it."""

    number: str
    invited: datetime
    taken: bool = False
    """The exchange said that it has the call."""
    rang: datetime | None = None
    answered: datetime | None = None
    refused: int = 0
    """The final status of a call that was not answered, unless the caller gave up before."""
    gave_up: bool = False
    hung_up: datetime | None = None
    """The moment at which the caller ended the talk."""
    dropped: bool = False
    """The exchange ended the talk."""
    sound_from: int = 0
    """The exchange's RTP port."""

    @property
    def listens(self) -> bool:
        """Whether this caller's sound was to be heard."""
        return self.number.startswith(LISTENERS)


class Ear(asyncio.DatagramProtocol):
    """Hears all listening callers: when a packet came, and from which port."""

    def __init__(self) -> None:
        self.heard: dict[int, list[float]] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A piece of sound."""
        self.heard.setdefault(addr[1], []).append(datetime.now().timestamp())


@dataclass
class Group:
    """Callers who do the same: their share, SIPp's process, and the first digits of their numbers."""

    name: str
    prefix: str
    count: int
    sipp: Sipp | None = None


@dataclass
class Callers:
    """`rate` calls a second for `seconds`, most of whom stay."""

    exchange: Exchange
    rate: float
    seconds: float
    ear: Ear = field(default_factory=Ear)

    def __post_init__(self) -> None:
        total = round(self.rate * self.seconds)
        few, some = round(total * IMPATIENT), round(total * LISTENING)
        self.groups = [
            Group("stays", "08127100", total - few - some),
            Group("impatient", "08127200", few),
            Group("listens", LISTENERS, some),
        ]

    @property
    def planned(self) -> int:
        """How many calls there will be."""
        return sum(group.count for group in self.groups)

    async def start(self) -> None:
        """The calls begin to come in."""
        address = self.exchange.network.incoming_trunk
        self._ear, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self.ear, local_addr=(address, 0)
        )
        hears = self._ear.get_extra_info("sockname")[1]
        for group, port in zip(self.groups, free_udp_ports(address), strict=False):
            caller = Caller(
                number=f"{group.prefix}[call_number]",
                patience=PATIENCE if group.name == "impatient" else None,
                talk=TALK,
            )
            text = caller.scenario(self.exchange.folder / "callers")
            if group.name == "listens":
                text = text.replace("m=audio [media_port]", f"m=audio {hears}")
            group.sipp = await Sipp.start(
                f"storm-{group.name}",
                self.exchange.folder / "callers",
                text,
                address,
                port,
                to=f"{self.exchange.network.exchange}:{SIP}",
                options=(
                    *("-s", "112", "-m", str(group.count), "-l", "3000"),
                    *("-r", str(max(1, round(1000 * group.count / self.seconds))), "-rp", "1000000"),
                ),
                life=self.seconds + GIVES_UP,
            )

    async def ended(self) -> None:
        """Wait until all calls are over, or given up."""
        running = [group.sipp for group in self.groups if group.sipp is not None]
        await asyncio.gather(*(sipp.process.ended() for sipp in running))

    async def stop(self) -> None:
        """Whoever still calls is gone."""
        self._ear.close()
        await asyncio.gather(*(group.sipp.stop() for group in self.groups if group.sipp is not None))

    def seen(self) -> list[Seen]:
        """All calls."""
        return [call for group in self.groups if group.sipp for call in read_calls(group.sipp.messages)]


def read_calls(messages: Iterable[Message]) -> list[Seen]:
    """The calls that a caller's messages tell of."""
    calls: dict[str, Seen] = {}
    for message in messages:
        call_id = message.header("Call-ID")
        if message.sent and message.method == "INVITE":
            user = _USER.search(message.header("From"))
            calls.setdefault(call_id, Seen(user[1] if user else "", message.at))
        elif call_id in calls:
            _take(calls[call_id], message)
    return list(calls.values())


def _take(call: Seen, message: Message) -> None:
    of_invite = message.header("CSeq").endswith("INVITE")
    match message.sent, message.method, message.status:
        case True, "CANCEL", _:
            call.gave_up = True
        case True, "BYE", _:
            call.hung_up = call.hung_up or message.at
        case False, "BYE", _:
            call.dropped = call.dropped or call.hung_up is None
        case False, "", status if of_invite and status < 200:
            call.taken = True
            if status > 100:
                call.rang = call.rang or message.at
        case False, "", 200 if of_invite:
            call.taken = True
            if call.answered is None:
                call.answered = message.at
                port = _AUDIO_PORT.search(message.text)
                call.sound_from = int(port[1]) if port else 0
        case False, "", status if of_invite and not call.gave_up:
            call.refused = call.refused or status
        case _:
            pass
