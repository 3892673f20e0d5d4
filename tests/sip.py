"""A telephone on loopback that speaks SIP, RTP and RFC 4733 digits, and does what the story says.

It lives in the test's own loop, where the lab's phones (SIPp, baresip) are processes: a story awaits each event of a
call, from the ringing to the packets heard, decides its next step by it, and can send what no real phone would.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import struct
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import quote

_tags = itertools.count(1)
_numbers = itertools.count(2)
WITHIN = 20.0
"""Seconds that a story waits for anything before it fails."""
SILENCE = {0x54, 0x55, 0xD4, 0xD5}
"""The bytes of A-law that nobody hears."""


@dataclass
class Talk:
    """One SIP dialog of a telephone, seen from its side."""

    phone: Telephone
    call_id: str
    invite: str
    peer: tuple[str, int]
    status: int = 0
    reason: str = ""
    """The Reason header of the CANCEL or BYE that ended it."""
    key: str = ""
    rang: asyncio.Event = field(default_factory=asyncio.Event)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    target: str = ""
    local: str = ""
    remote: str = ""
    media: tuple[str, int] | None = None
    refer_answered: bool = False
    referred: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """What became of a REFER: the status of its answer, then the first line of each NOTIFY's body."""

    async def until(self, event: asyncio.Event) -> None:
        """Wait for one of this talk's events."""
        async with asyncio.timeout(WITHIN):
            await event.wait()

    def hang_up(self) -> None:
        """End the talk that stands."""
        self.phone.send(self._request("BYE", next(_numbers)), self.peer)
        self.over.set()

    def refer(self, to: str, replaces: Talk | None = None) -> None:
        """Press the phone's own transfer key (RFC 3515): to this number, or (RFC 3891) into another of its talks."""
        uri = f"sip:{to}@{self.peer[0]}"
        if replaces is not None:
            tags = f";to-tag={_tag(replaces.remote)};from-tag={_tag(replaces.local)}"
            uri += f"?Replaces={quote(replaces.call_id + tags, safe='')}"
        more = f"Refer-To: <{uri}>\r\nReferred-By: {self.local}\r\nContact: <{self._contact()}>\r\n"
        self.refer_answered = False
        self._refer(self._request("REFER", next(_numbers), more=more), 0.5)

    def _refer(self, request: str, again: float) -> None:
        """Until it is answered, each time after twice as many seconds (RFC 3261, 17.1.2)."""
        if not (self.refer_answered or self.over.is_set()):
            self.phone.send(request, self.peer)
            asyncio.get_running_loop().call_later(again, self._refer, request, 2 * again)

    async def refer_ended(self) -> str:
        """The last word on a REFER: the status of a refusal, else the first line of the last NOTIFY's body."""
        heard: list[str] = []
        try:
            async with asyncio.timeout(WITHIN):
                while not heard or heard[-1].startswith(("202", "SIP/2.0 1")):
                    heard.append(await self.referred.get())
        except TimeoutError:
            traffic = "\n".join(self.phone.traffic)
            raise AssertionError(
                f"the last word on the REFER has not come, but {heard} (over: {self.over.is_set()}):\n{traffic}"
            ) from None
        return heard[-1]

    def cancel(self) -> None:
        """Give up a call that still rings (the caller's CANCEL; RFC 3261, 9.1)."""
        self.phone.send(self._request("CANCEL", 1, _header(self.invite, "Via")), self.peer)
        self.over.set()

    def press(self, key: str) -> None:
        """Send a digit as RFC 4733 events."""
        assert self.media is not None
        event, at = "0123456789*#".index(key), 1600 * next(_numbers)
        for number in range(6):
            header = struct.pack("!BBHII", 0x80, 101 | (0x80 if number == 0 else 0), number + 1, at, 112)
            end = 0x80 if number > 2 else 0
            self.phone.rtp.sendto(
                header + struct.pack("!BBH", event, end | 10, 160 * (number + 1)), self.media
            )

    async def until_heard(self, other: Talk) -> None:
        """Speak until the other side hears it."""
        assert self.media is not None
        before = other.phone.heard
        async with asyncio.timeout(WITHIN):
            for number in itertools.count():
                header = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 160, 113)
                self.phone.rtp.sendto(header + b"\x55" * 160, self.media)
                if other.phone.heard > before + 3:
                    return
                await asyncio.sleep(0.02)

    def _contact(self) -> str:
        return f"sip:x@{self.phone.host}:{self.phone.port}"

    def _request(self, method: str, number: int, via: str = "", more: str = "") -> str:
        own = self.phone
        via = via or f"SIP/2.0/UDP {own.host}:{own.port};branch=z9hG4bK{next(_tags)}"
        to = self.remote if method != "CANCEL" else _header(self.invite, "To")
        return (
            f"{method} {self.target} SIP/2.0\r\nVia: {via}\r\nFrom: {self.local}\r\nTo: {to}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n{more}"
            "Content-Length: 0\r\n\r\n"
        )


class Telephone(asyncio.DatagramProtocol):
    """A phone that behaves: `answers`, `silent` (rings only), `mute` (does not even say that it rings),
    `presses 1`, `voicemail`, or a SIP status such as `486`; `302 2103` forwards to that number."""

    def __init__(self, host: str, port: int, behaves: str) -> None:
        self.host, self.port, self.behaves = host, port, behaves
        self.talks: list[Talk] = []
        self.heard = 0
        """RTP packets received."""
        self.traffic: deque[str] = deque(maxlen=60)
        """The last SIP messages, for whoever reads why a story failed."""
        self.sounds: list[float] = []
        """The loop's time of each of them that was not silent."""
        self._sip: asyncio.DatagramTransport
        self.rtp: asyncio.DatagramTransport
        self._invited = asyncio.Event()

    async def open(self) -> Telephone:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._sip, _ = await loop.create_datagram_endpoint(lambda: self, (self.host, self.port))
        self.rtp, _ = await loop.create_datagram_endpoint(lambda: _Ear(self), (self.host, self.port + 1))
        return self

    def close(self) -> None:
        """Vanish, like a phone whose plug was pulled."""
        self._sip.close()
        self.rtp.close()

    def call(self, number: str, caller: str, to: tuple[str, int], call_id: str = "") -> Talk:
        """Dial `number` with `caller` as the From header's address (what stands between `<` and `>`, or all), and with
        this Call-ID, which may hold any bytes (surrogates stand for what is no UTF-8)."""
        tag = next(_tags)
        call_id = call_id or f"c{tag}@{self.host}"
        own = f"{caller if '<' in caller else f'<sip:{caller}@{self.host}>'};tag=c{tag}"
        invite = (
            f"INVITE sip:{number}@{to[0]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{tag}i\r\n"
            f"From: {own}\r\nTo: <sip:{number}@{to[0]}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:x@{self.host}:{self.port}>\r\nMax-Forwards: 70\r\n{self._sdp()}"
        )
        talk = Talk(self, call_id, invite, to, target=f"sip:{number}@{to[0]}", local=own)
        self.talks.append(talk)
        self.send(invite, to)
        return talk

    async def rung(self) -> Talk:
        """The next call that reaches this phone, or the last that did."""
        async with asyncio.timeout(WITHIN):
            await self._invited.wait()
        return self.talks[-1]

    async def hears(self, packets: int) -> None:
        """Wait until so many more packets of sound have come."""
        wanted = self.heard + packets
        async with asyncio.timeout(WITHIN):
            while self.heard < wanted:
                await asyncio.sleep(0.02)

    def send(self, message: str, to: tuple[str, int]) -> None:
        """Send a SIP message; a phone that has vanished sends none."""
        self._note("sent", message)
        if not self._sip.is_closing():
            self._sip.sendto(message.encode("utf-8", "surrogateescape"), to)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = data.decode("utf-8", "surrogateescape")
        self._note("got", message)
        first, call_id = message.split("\r\n", 1)[0], _header(message, "Call-ID")
        talk = next((talk for talk in self.talks if talk.call_id == call_id), None)
        match first.split(" ")[0]:
            case "SIP/2.0":
                if talk is not None:
                    self._response(talk, int(first.split(" ")[1]), message)
            case "INVITE" if talk is None:
                self._invitation(call_id, message, addr)
            case "ACK":
                if talk is not None and talk.status == 200:
                    talk.connected.set()
                    if talk.key:
                        talk.press(talk.key)
            case "NOTIFY" if talk is not None:
                self._reply(message, "200 OK", addr)
                talk.referred.put_nowait(message.partition("\r\n\r\n")[2].split("\r\n")[0])
            case "CANCEL" | "BYE" as method:
                self._reply(message, "200 OK", addr)
                if talk is not None:
                    talk.reason = _header(message, "Reason")
                    if method == "CANCEL":
                        self._reply(talk.invite, "487 Request Terminated", addr)
                    talk.over.set()
            case _:
                self._reply(message, "200 OK", addr)

    def error_received(self, exc: Exception) -> None:
        self.traffic.append(f"the socket says {exc!r}")

    def _note(self, what: str, message: str) -> None:
        about = (_header(message, name) for name in ("CSeq", "Call-ID"))
        self.traffic.append(" | ".join((what, message.partition("\r\n")[0], *about)))

    def _invitation(self, call_id: str, message: str, addr: tuple[str, int]) -> None:
        talk = Talk(self, call_id, message, addr, media=_media(message))
        talk.target = _address(_header(message, "Contact"))
        talk.local, talk.remote = f"{_header(message, 'To')};tag=p", _header(message, "From")
        self.talks.append(talk)
        self._invited.set()
        what, _, key = self.behaves.partition(" ")
        if what.isdigit():
            talk.status = int(what)
            self._reply(message, f"{what} No", addr, contact=f"sip:{key or 'x'}@{self.host}:{self.port}")
            return
        if what != "mute":
            self._reply(message, "180 Ringing", addr)
        if what in ("answers", "voicemail", "presses"):
            talk.status, talk.key = 200, key
            self._reply(message, "200 OK", addr, self._sdp())

    def pick_up(self) -> None:
        """Answer the call that rings."""
        talk = self.talks[-1]
        talk.status = 200
        self._reply(talk.invite, "200 OK", talk.peer, self._sdp())

    def _response(self, talk: Talk, status: int, message: str) -> None:
        if "REFER" in _header(message, "CSeq"):
            if not talk.refer_answered:
                talk.referred.put_nowait(str(status))
            talk.refer_answered = True
        if "INVITE" not in _header(message, "CSeq"):
            return
        talk.status, talk.remote = status, _header(message, "To")
        if status == 180:
            talk.rang.set()
        if status < 200:
            return
        if status == 200:
            talk.target, talk.media = _address(_header(message, "Contact")), _media(message)
        self.send(talk._request("ACK", 1, _header(talk.invite, "Via") if status > 200 else ""), talk.peer)
        (talk.connected if status == 200 else talk.over).set()

    def _reply(
        self,
        request: str,
        status: str,
        addr: tuple[str, int],
        body: str = "Content-Length: 0\r\n\r\n",
        contact: str = "",
    ) -> None:
        to = _header(request, "To")
        tag = "" if ";tag=" in to else ";tag=p"
        vias = "".join(f"Via: {via}\r\n" for via in re.findall(r"^Via: (.*?)\r$", request, re.MULTILINE))
        self.send(
            f"SIP/2.0 {status}\r\n{vias}From: {_header(request, 'From')}\r\nTo: {to}{tag}\r\n"
            f"Call-ID: {_header(request, 'Call-ID')}\r\nCSeq: {_header(request, 'CSeq')}\r\n"
            f"Contact: <{contact or f'sip:x@{self.host}:{self.port}'}>\r\n{body}",
            addr,
        )

    def _sdp(self) -> str:
        body = (
            f"v=0\r\no=x 1 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {self.port + 1} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        return f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, phone: Telephone) -> None:
        self._phone = phone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._phone.heard += 1
        if sum(byte not in SILENCE for byte in data[12:]) > len(data) / 4:
            self._phone.sounds.append(asyncio.get_running_loop().time())


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _tag(party: str) -> str:
    return party.rpartition(";tag=")[2]


def _address(contact: str) -> str:
    found = re.search(r"<([^>]*)>", contact)
    return found[1] if found else contact


def _media(message: str) -> tuple[str, int] | None:
    host = re.search(r"c=IN IP4 (\S+)", message)
    port = re.search(r"m=audio (\d+)", message)
    return (host[1], int(port[1])) if host and port else None
