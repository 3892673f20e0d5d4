"""A stop-watch on the wire: the moments at which SIP messages pass, as the kernel saw them.

SIPp's own clock ticks in milliseconds and its answers come as its scheduler likes; a call's set-up takes a few
milliseconds. So the messages themselves are timed, on the loopback device, to the microsecond, and whoever sends
them is measured with the same ruler. Needs the right to open a packet socket (CAP_NET_RAW).
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

SIP = 5060
BUFFER = 16 << 20
"""Bytes that the kernel keeps for us while we are busy."""

# From Linux's headers; Python's socket module has no names for them.
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_ETH_P_IP, _UDP = 0x0800, 17

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_FROM_USER = re.compile(rb"^(?:from|f)[ \t]*:[^\r\n]*?sips?:([^@>;\s]+)@", re.IGNORECASE | re.MULTILINE)
_INVITE_CSEQ = re.compile(rb"^cseq[ \t]*:[ \t]*\d+[ \t]+INVITE", re.IGNORECASE | re.MULTILINE)


class CaptureError(Exception):
    """The wire could not be watched, or not all of it was seen."""


@dataclass
class Seen:
    """One caller's call on the wire. Moments are seconds since the epoch; None is what was not seen."""

    number: str
    invited: float
    taken: bool = False
    """The exchange said that it has the call (any response at all but a refusal)."""
    refused: int | None = None
    phone_invited: float | None = None
    phone_answered: float | None = None
    answered: float | None = None


class Capture:
    """Watches `caller` and `phone` (addresses) talk SIP, while it is open. Afterwards `calls` has what
    was seen, by Call-ID.

    A call is recognised on the phone's side by the caller's number in From, which has to be another one in every
    call. Raises :class:`CaptureError` where it may not watch, and at the end where it was too slow.
    """

    def __init__(self, caller: str, phone: str) -> None:
        self.calls: dict[str, Seen] = {}
        self._caller, self._phone = socket.inet_aton(caller), socket.inet_aton(phone)
        self._packets: list[tuple[bytes, bytes]] = []
        self._by_number: dict[str, Seen] = {}
        self._by_phone_call: dict[bytes, Seen] = {}
        self._done = threading.Event()
        self._reader = threading.Thread(target=self._read, name="capture", daemon=True)

    def __enter__(self) -> Self:
        try:
            # With protocol 0 nothing arrives before the filter is in place and the socket is bound.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        except PermissionError:
            raise CaptureError("watching the loopback device needs root (CAP_NET_RAW)") from None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _attach(self._socket, _only_sip_of(self._caller, self._phone))
        self._socket.settimeout(0.1)
        # On loopback a packet passes twice; who asks for one protocol alone sees it only coming in (packet(7)).
        self._socket.bind(("lo", _ETH_P_IP))
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._reader.join()
        _, missed = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._socket.close()
        self._understand()
        if missed and kind is None:
            raise CaptureError(f"{missed} packets passed unseen: this machine is too busy to measure")

    def _read(self) -> None:
        """Keep what passes, until there is no more after the end was asked for.

        It is read later: what we compute now, the exchange would have to wait for.
        """
        while True:
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(65535, 64)
            except TimeoutError:
                if self._done.is_set():
                    return
            else:
                self._packets.append((packet, ancillary[0][2]))

    def _understand(self) -> None:
        for packet, stamp in self._packets:
            seconds, nanoseconds = struct.unpack("qq", stamp)
            header = (packet[0] & 0xF) * 4
            self._saw(packet[12:16], packet[16:20], packet[header + 8 :], seconds + nanoseconds / 1e9)
        self._packets.clear()

    def _saw(self, sender: bytes, receiver: bytes, message: bytes, at: float) -> None:
        call_id = _CALL_ID.search(message)
        if call_id is None:
            return
        status = int(message[8:11]) if message.startswith(b"SIP/2.0 ") else 0
        if status and not _INVITE_CSEQ.search(message):
            return
        if sender == self._caller and message.startswith(b"INVITE "):
            self._caller_invites(call_id[1].decode("ascii", "replace"), message, at)
        elif receiver == self._caller and status:
            call = self.calls.get(call_id[1].decode("ascii", "replace"))
            if call is not None:
                self._caller_hears(call, status, at)
        elif receiver == self._phone and message.startswith(b"INVITE "):
            call = self._by_number.get(_who(message))
            if call is not None and call.phone_invited is None:
                call.phone_invited = at
                self._by_phone_call[call_id[1]] = call
        elif sender == self._phone and status == 200:
            call = self._by_phone_call.get(call_id[1])
            if call is not None and call.phone_answered is None:
                call.phone_answered = at

    def _caller_invites(self, call_id: str, message: bytes, at: float) -> None:
        """The first INVITE counts: that it had to be sent again is time that the caller waits."""
        if call_id not in self.calls:
            self.calls[call_id] = self._by_number[_who(message)] = Seen(_user(message), at)

    @staticmethod
    def _caller_hears(call: Seen, status: int, at: float) -> None:
        if status >= 300:
            call.refused = call.refused or status
            return
        call.taken = True
        if status >= 200 and call.answered is None:
            call.answered = at


def _user(message: bytes) -> str:
    match = _FROM_USER.search(message)
    return match[1].decode("ascii", "replace") if match else ""


def _who(message: bytes) -> str:
    """The caller, whether a number is written as `0812…` or as `+62812…`."""
    return re.sub(r"^(\+62|0)", "", _user(message))


# --- the kernel's filter: nobody is woken for the sound, nor for the neighbours' calls ----------------------------

_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20
_LOAD_HALF_BEYOND, _HEADER_LENGTH = 0x48, 0xB1
_IF_EQUAL, _RETURN = 0x15, 0x06
_Instruction = tuple[int, int, int, int]


def _only_sip_of(caller: bytes, phone: bytes) -> list[_Instruction]:
    """A classic BPF programme (code, steps if true, steps if false, value) over an IPv4 packet."""
    one, other = int.from_bytes(caller, "big"), int.from_bytes(phone, "big")
    accept, drop = 13, 14
    return [
        (_LOAD_BYTE, 0, 0, 9),
        (_IF_EQUAL, 0, drop - 2, _UDP),
        (_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_HALF_BEYOND, 0, 0, 0),
        (_IF_EQUAL, 2, 0, SIP),
        (_LOAD_HALF_BEYOND, 0, 0, 2),
        (_IF_EQUAL, 0, drop - 7, SIP),
        (_LOAD_WORD, 0, 0, 12),
        (_IF_EQUAL, accept - 9, 0, one),
        (_IF_EQUAL, accept - 10, 0, other),
        (_LOAD_WORD, 0, 0, 16),
        (_IF_EQUAL, accept - 12, 0, one),
        (_IF_EQUAL, 0, 1, other),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    ]


def _attach(to: socket.socket, programme: list[_Instruction]) -> None:
    code = b"".join(struct.pack("HBBI", *each) for each in programme)
    held = ctypes.create_string_buffer(code)
    to.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(programme), ctypes.addressof(held))
    )
