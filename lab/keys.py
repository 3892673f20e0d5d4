"""Keys of a phone, as SIPp can press them: captures of RFC 4733 telephone events."""

from __future__ import annotations

import struct
from pathlib import Path

EVENTS = "0123456789*#ABCD"
PAYLOAD_TYPE = 101
"""As Asterisk offers it and our scenarios say it."""

_PACKET_EVERY, _PACKETS, _ENDS = 0.02, 8, 3
_SAMPLES = 160
"""In 20 ms at 8 kHz."""


def write_key(folder: Path, key: str, position: int) -> Path:
    """A capture of `key` pressed for 160 ms as the `position`-th of a call. Raises :class:`ValueError` for no key."""
    event = EVENTS.index(key)
    packets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number in range(_PACKETS + _ENDS):
        ends = number >= _PACKETS
        duration = _SAMPLES * min(number + 1, _PACKETS)
        marker = 0x80 if number == 0 else 0
        sequence, timestamp = 1000 + 100 * position + number, 8000 * (position + 1)
        rtp = struct.pack(">BBHII", 0x80, marker | PAYLOAD_TYPE, sequence, timestamp, 112)
        frame = _frame(rtp + struct.pack(">BBH", event, (0x80 if ends else 0) | 10, duration))
        microseconds = round(number * _PACKET_EVERY * 1e6)
        packets.append(struct.pack("<IIII", 1, microseconds, len(frame), len(frame)) + frame)
    file = folder / f"key_{position}_{event}.pcap"
    file.write_bytes(b"".join(packets))
    return file


def _frame(payload: bytes) -> bytes:
    """Ethernet, IPv4 and UDP around it; SIPp puts its own addresses in."""
    udp = struct.pack(">HHHH", 6000, 6000, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return bytes(12) + b"\x08\x00" + ip + udp
