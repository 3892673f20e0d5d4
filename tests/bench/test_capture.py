"""The stop-watch on the wire: real packets on loopback, sent by the test."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from bench.capture import SIP, Capture, Seen

CALLER, EXCHANGE, PHONE, STRANGER = "127.119.201.1", "127.119.200.1", "127.119.202.1", "127.119.203.1"


@dataclass(frozen=True)
class Wire:
    """A socket on the SIP port of each address."""

    sockets: dict[str, socket.socket]

    def send(self, sender: str, receiver: str, first: str, call_id: str, number: str, method: str) -> None:
        """One SIP message, and it has arrived."""
        text = f"{first}\r\nFrom: <sip:{number}@x>;tag=1\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
        self.sockets[sender].sendto(text.encode(), (receiver, SIP))
        assert self.sockets[receiver].recv(2000)

    def invite(self, sender: str, receiver: str, call_id: str, number: str) -> None:
        """INVITE."""
        self.send(sender, receiver, "INVITE sip:112@x SIP/2.0", call_id, number, "INVITE")

    def respond(
        self, sender: str, receiver: str, status: int, call_id: str, number: str, method: str = "INVITE"
    ) -> None:
        """A response."""
        self.send(sender, receiver, f"SIP/2.0 {status} Word", call_id, number, method)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with ExitStack() as opened:
        sockets = {}
        for address in (CALLER, EXCHANGE, PHONE, STRANGER):
            sockets[address] = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sockets[address].settimeout(5)
            sockets[address].bind((address, SIP))
        yield Wire(sockets)


@contextmanager
def watching() -> Iterator[dict[str, Seen]]:
    with Capture(CALLER, PHONE) as capture:
        yield capture.calls


def test_a_call_is_timed_at_each_station(wire: Wire) -> None:
    with watching() as calls:
        before = time.time()
        wire.invite(CALLER, EXCHANGE, "a", "081271110001")
        wire.respond(EXCHANGE, CALLER, 100, "a", "081271110001")
        invited = time.time()
        # The exchange shows the number on the phone in E.164.
        wire.invite(EXCHANGE, PHONE, "leg-of-a", "+6281271110001")
        wire.respond(PHONE, EXCHANGE, 180, "leg-of-a", "+6281271110001")
        time.sleep(0.02)  # the time that is to be measured
        rung = time.time()
        wire.respond(PHONE, EXCHANGE, 200, "leg-of-a", "+6281271110001")
        time.sleep(0.03)
        wire.respond(EXCHANGE, CALLER, 200, "a", "081271110001")
        after = time.time()
    call = calls["a"]
    assert call.taken
    assert call.refused is None
    assert call.phone_invited and call.phone_answered and call.answered
    assert before <= call.invited <= invited <= call.phone_invited <= rung
    assert rung <= call.phone_answered <= call.answered - 0.03
    assert call.answered <= after


def test_what_comes_again_is_timed_when_it_came_first(wire: Wire) -> None:
    with watching() as calls:
        wire.invite(CALLER, EXCHANGE, "a", "1")
        first = time.time()
        wire.invite(CALLER, EXCHANGE, "a", "1")
        wire.respond(EXCHANGE, CALLER, 200, "a", "1")
        answered = time.time()
        wire.respond(EXCHANGE, CALLER, 200, "a", "1")
    assert calls["a"].invited <= first
    assert calls["a"].answered is not None
    assert calls["a"].answered <= answered


def test_the_answer_to_a_bye_is_no_answer_to_the_call(wire: Wire) -> None:
    with watching() as calls:
        wire.invite(CALLER, EXCHANGE, "a", "1")
        wire.respond(EXCHANGE, CALLER, 200, "a", "1", method="BYE")
    assert calls["a"].answered is None
    assert not calls["a"].taken


def test_a_refused_call_was_not_taken(wire: Wire) -> None:
    with watching() as calls:
        wire.invite(CALLER, EXCHANGE, "a", "1")
        wire.respond(EXCHANGE, CALLER, 503, "a", "1")
    assert calls["a"].refused == 503
    assert not calls["a"].taken


def test_other_peoples_calls_are_not_seen(wire: Wire) -> None:
    with watching() as calls:
        wire.invite(STRANGER, EXCHANGE, "theirs", "1")
        wire.respond(EXCHANGE, STRANGER, 200, "theirs", "1")
        wire.invite(CALLER, EXCHANGE, "ours", "2")
    assert set(calls) == {"ours"}


def test_the_kernel_keeps_other_peoples_packets_away(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(Capture, "_saw", lambda _, sender, *rest: seen.append(sender))
    with watching():
        wire.invite(STRANGER, EXCHANGE, "theirs", "1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sound:
            sound.bind((CALLER, 0))
            sound.sendto(b"sound", (EXCHANGE, 10000))
        wire.invite(CALLER, EXCHANGE, "ours", "2")
        wire.invite(EXCHANGE, PHONE, "leg", "2")
    assert seen == [socket.inet_aton(CALLER), socket.inet_aton(EXCHANGE)]
