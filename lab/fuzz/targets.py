"""What is fuzzed: each reader with right samples, and what has to hold of whatever it makes of a wrong one.

A new reader is a new entry in :data:`TARGETS`.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import structlog
from panoramisk import Manager  # type: ignore[import-untyped]

from pbx112.ari import Channel
from pbx112.ari import events as rest
from pbx112.audit.asterisk_cdr import Bad, Detail, channels, read
from pbx112.cdr import build_record, facts
from pbx112.cdr.fallback import FallbackRecords
from pbx112.desk.agi import LONGEST_REQUEST, DeskApplication, DeskRequest, Gone
from pbx112.desk.ami import Protocol as AmiProtocol
from pbx112.desk.server import variable
from pbx112.desk.watch import devices_of, registered_of
from pbx112.journal import Draft, Entry, Journal, JournalError, Reader, verify
from pbx112.model import events as ev
from pbx112.model.caller import for_display, read_caller
from pbx112.model.decide import arrive
from pbx112.model.events import CallEnded, Instant, LegResult, Outcome
from pbx112.model.state import fold
from pbx112.model.stimuli import Arrived, World
from pbx112.plan.dialplan import render
from pbx112.plan.load import PlanError, parse_plan
from pbx112.plan.types import Plan
from pbx112.switch.calls import Calls
from pbx112.switch.hearing import Hearing, RecordingEvent
from pbx112.switch.live import LiveCall
from pbx112.switch.record import told
from pbx112.wallboard.board import Board, agencies, takers
from pbx112.wallboard.login import Door

HERE = Path(__file__).parent.parent.parent
NOW = Instant(1_795_500_000_000_000, 5_000_000_000_000)

_LINE = re.compile(r"[ \w.,:;$!?&=<>(){}\[\]\"'|/+*%@#~^`\\-]*", re.ASCII)


@dataclass(frozen=True)
class Target:
    """`samples` are right inputs; `read` takes any input and raises where a promise is broken."""

    samples: Callable[[], Sequence[bytes]]
    read: Callable[[bytes], None]


# --- ARI ---------------------------------------------------------------------------------------------------------


class _Nobody:
    """Acts on nothing."""

    @property
    def plan(self) -> Plan:
        raise AssertionError("there is no talk in which somebody could press a code")

    def arrived(self, channel: Channel, *, noted: bool = False) -> None:
        assert channel.id

    def drop(self, channel: str) -> None:
        pass

    def left_stasis(self, live: LiveCall) -> None:
        pass

    def recorded_late(self, call_id: str, event: RecordingEvent) -> None:
        assert call_id


def _ari(data: bytes) -> None:
    try:
        event = rest.decode(data)
    except rest.Malformed as error:
        assert str(error)
        return
    if isinstance(event, rest.Event):
        Hearing(Calls(), _Nobody()).on_event(event)


def _ari_samples() -> list[bytes]:
    channel = (
        b'{"id":"1700000000.1","name":"PJSIP/trunk-00000001","state":"Up","protocol_id":"x","caller":{"name":"Budi",'
        b'"number":"081234567890"},"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":'
        b'"pbx112-intake","exten":"112","priority":2,"app_name":"Stasis","app_data":"pbx112,intake"},'
        b'"creationtime":"2026-11-24T08:00:00.000+0700","language":"id"}'
    )
    base = b'"application":"pbx112","timestamp":"2026-11-24T08:00:00.000+0700","asterisk_id":"00:00"'
    return [
        b'{"type":"StasisStart","args":["intake"],"channel":' + channel + b"," + base + b"}",
        b'{"type":"StasisEnd","channel":' + channel + b"," + base + b"}",
        b'{"type":"ChannelDtmfReceived","digit":"1","duration_ms":100,"channel":'
        + channel
        + b","
        + base
        + b"}",
        b'{"type":"ChannelHangupRequest","soft":true,"cause":16,"channel":' + channel + b"," + base + b"}",
        b'{"type":"ChannelDestroyed","cause":17,"cause_txt":"Busy","tech_cause":486,"channel":'
        + channel
        + b"}",
        b'{"type":"PlaybackFinished","playback":{"id":"1700000000.1-menu1","media_uri":"sound:x","target_uri":'
        b'"channel:1","language":"id","state":"done"},' + base + b"}",
        b'{"type":"RecordingFinished","recording":{"name":"112-1700000000.1","format":"wav","state":"done","duration"'
        b':12,"target_uri":"bridge:x"},' + base + b"}",
        b'{"type":"RESTResponse","request_id":"7","status_code":204,"reason_phrase":"No Content","uri":"x"}',
        b'{"type":"ApplicationReplaced","application":"pbx112"}',
        b'{"type":"SomethingNew","value":[1,2,{"a":null}]}',
    ]


# --- agencies.yaml ------------------------------------------------------------------------------------------------


def _plan(data: bytes) -> None:
    try:
        plan = parse_plan(data, "agencies.yaml").plan
    except PlanError as error:
        assert error.findings
        for finding in error.findings:
            assert str(finding).isprintable(), finding
            assert str(finding).startswith("agencies.yaml"), finding
        return
    for line in render(plan).splitlines():
        assert _LINE.fullmatch(line), line
    arrive("c", Arrived("c", "0812", None, False, "112", "trunk"), plan, World(NOW))


def _plan_samples() -> list[bytes]:
    office = (HERE / "agencies.yaml").read_bytes()
    small = (
        b'version: 1\nservice: {name: Uji, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}\n'
        b'trunks:\n  gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", max_calls: 4, allow: ["+628"]}\n'
        b'default_agency: damkar\nagencies:\n  damkar:\n    name: Damkar\n    code: "13"\n    lines:\n'
        b'      - {extension: "2101", ring_for: 15, duty: "Mon-Fri 07:00-19:00"}\n'
        b'      - {mobile: "+6281200000001", trunk: gsm, ring_for: 25, accept: press_1, name: Piket A}\n'
        b'incidents:\n  banjir: {name: Banjir, menu: "1", primary: damkar, support: []}\n'
    )
    return [small, small, small, office]


@cache
def _office() -> Plan:
    return parse_plan((HERE / "agencies.yaml").read_bytes(), "agencies.yaml").plan


# --- the fallback's records ---------------------------------------------------------------------------------------


def _fallback(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        file = Path(folder) / "records.csv"
        file.write_bytes(data)
        records = FallbackRecords(file)
        plan = _office()
        calls = [*records.take(plan), *records.unseen(plan, NOW.utc_us * 2)]
        assert not records.take(plan)
        for call in calls:
            state = fold(call.call_id, call.events)
            assert state is not None
            assert [type(event) for _, event in call.events].count(CallEnded) == 1
        for call in records.unfinished(plan):
            records.close(call.call_id, NOW, plan)
        again = FallbackRecords(file, records.position)
        assert not again.unfinished(plan)


def _fallback_samples() -> list[bytes]:
    line = b"damkar,2101,extension,PJSIP/2101,15,pickup,12,,,"
    head = b"100.000001,c1,arrived,08123%2C%0A,112,PJSIP%2Ftrunk-112-00000001,0123456789abcdef\n"
    return [
        head + b"100.000002,c1,stage,damkar,first,1\n100.100000,c1,offered,Local/1-a,1," + line + b"\n"
        b"103.200000,c1,answered,Local/1-a\n103.199999,c1,accepted,Local/1-a\n"
        b"160.000000,c1,leg_ended,Local/1-a,ANSWER,16,200\n160.200000,c1,ended,staff,16\n",
        head
        + b"101.0,c1,menu,1,8,1=banjir&2=kebakaran\n102.000000,c1,chosen,1,banjir\n103.000000,c1,ended,,16\n",
        b"100.000001,c2,entered,0812,112,PJSIP%2Ftrunk-1,0123456789abcdef\n104.000001,c2,left,16\n",
    ]


# --- the journal --------------------------------------------------------------------------------------------------


def _event(data: bytes) -> None:
    arrived = ev.encode(_EVENTS[0])
    entries = [
        Entry(1, "c", NOW.utc_us, NOW.mono_ns, "p", "CallArrived", arrived, b""),
        Entry(2, "c", NOW.utc_us, NOW.mono_ns, "p", "LegOffered", data, b""),
        Entry(3, "c", NOW.utc_us + 1, NOW.mono_ns + 1, "p", "CallEnded", ev.encode(_EVENTS[-1]), b""),
    ]
    fold("c", told(entries, NOW))
    build_record("c", facts(entries), journal_id="00000000-0000-0000-0000-000000000000", node="n")


_TARGET = ev.Target("damkar", "2101", "extension", "PJSIP/2101", "Pos", 15, "pickup", 12)
_EVENTS: tuple[ev.CallEvent, ...] = (
    ev.CallArrived("c", "0812", None, False, "112"),
    ev.StageEntered("damkar", "first", 1, ((_TARGET,),)),
    ev.LegOffered(1, "c-leg1", _TARGET),
    ev.LegAccepted(1),
    ev.LegEnded(1, LegResult.ACCEPTED, 16, 200),
    ev.MenuOffered(1, ("sound:x",), {"1": "banjir"}, 8.0),
    ev.RecordingFinished("112-c", 3.5),
    ev.CallEnded(Outcome.ANSWERED, "staff"),
)


_SHOWN: tuple[ev.Event, ...] = (
    *_EVENTS,
    ev.LinesSeen((ev.LineSeen("damkar", "2101", "busy"),), (ev.TrunkSeen("gsm", "unregistered"),), True),
    ev.DeskStated(
        (ev.LineStateChanged("1101", "paused", 1),), (ev.StandbyChosen("2101", "damkar", "+62812"),)
    ),
    ev.LineTestEnded(
        "r", "damkar", "2101", 1, ev.TestResult.BUSY, "Pos", "Damkar", 1.5, cause=17, detail="x"
    ),
    ev.CallMarked("1101", "prank", "banjir", "Banjir"),
)


def _board(data: bytes) -> None:
    """Whatever an entry holds, the wallboard shows something."""
    entries = [
        Entry(1, "c", NOW.utc_us, NOW.mono_ns, "p", "CallArrived", ev.encode(_EVENTS[0]), b""),
        Entry(2, "c", NOW.utc_us, NOW.mono_ns, "p", "LegOffered", ev.encode(_EVENTS[2]), b""),
        Entry(3, "c", NOW.utc_us, NOW.mono_ns, "p", "x", data, b""),
    ]
    board = Board()
    for fact in facts(entries):
        board.take("c", fact)
    shown = (board.live(), board.figures.today(), takers(board, _office(), {}, NOW.utc_us))
    assert b"0812345" not in msgspec.json.encode([*shown, agencies(board, _office(), {})])


def _door(data: bytes) -> None:
    assert not _guarded().knows(data.decode("latin-1"))


@cache
def _guarded() -> Door:
    return Door("fuzzed-password", lambda: 1e9)


def _journal(data: bytes) -> None:
    """Never sound with other rows than those that were written."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        file = Path(folder) / "journal.db"
        file.write_bytes(data)
        try:
            verdict = verify(file)
            if verdict.sound:
                with Reader(file) as reader:
                    rows = reader.after(0, 1000)
                assert rows == _rows()[: len(rows)], "sound, and altered"
        except JournalError as error:
            assert str(error)


@cache
def _rows() -> list[Entry]:
    return _made()[1]


@cache
def _made() -> tuple[bytes, list[Entry]]:
    """A journal's file, and its rows."""
    folder = Path(tempfile.mkdtemp(dir=_memory()))
    try:
        asyncio.run(_write(folder / "journal.db"))
        with Reader(folder / "journal.db") as reader:
            rows = reader.after(0, 1000)
        return (folder / "journal.db").read_bytes(), rows
    finally:
        shutil.rmtree(folder)


async def _write(file: Path) -> None:
    journal = await Journal.open(
        file,
        closing=["CallEnded"],
        gap=lambda lost, why: Draft("", 0, 0, "", "JournalGap", b"{}"),
        on_alarm=print,
    )
    for event in _EVENTS:
        await journal.append(
            [Draft("c", NOW.utc_us, NOW.mono_ns, "p", type(event).__name__, ev.encode(event))]
        )
    await journal.close()


@cache
def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (only faster)


# --- the rest -----------------------------------------------------------------------------------------------------


def _caller(data: bytes) -> None:
    sent = data.decode("utf-8", "replace")
    caller = read_caller(sent, "ID")
    assert caller.raw.isprintable() or not caller.raw
    assert len(caller.raw) <= 80
    assert caller.e164 is None or re.fullmatch(r"\+[0-9]{3,20}", caller.e164)
    assert caller.callable is (caller.e164 is not None)
    assert re.fullmatch(r"[0-9+*#]{1,20}|anonymous", for_display(sent))


def _ami(data: bytes) -> None:
    """What panoramisk's parser cannot bear ends the connection, and the line watch (or `pbx112 check`) says that AMI
    does not answer: that it takes its time or its memory with it is what may not be. What it bears is read as lists."""
    manager = Manager(loop=_loop(), username="u", secret="s")  # noqa: S106
    protocol = AmiProtocol()
    protocol.factory = manager
    protocol.responses = {}
    manager.protocol = protocol
    heard: list[Any] = []
    protocol.handle_message = heard.append
    try:
        protocol.data_received(data)
    except Exception as error:
        assert not isinstance(error, MemoryError | RecursionError), error
    assert all(isinstance(state, str) for state in devices_of(heard).values())
    assert all(isinstance(held, bool) for held in registered_of(heard).values())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _ami_samples() -> list[bytes]:
    return [
        b"Asterisk Call Manager/9.0.0\r\nResponse: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n",
        b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 4\r\nStatus: Fully Booted\r\n\r\n",
        b"Response: Success\r\nActionID: 2\r\nPing: x\r\nOriginate: Originate Call.  (Priv: originate,all)\r\n\r\n",
        b"Event: DeviceStateChange\r\nActionID: 4\r\nDevice: PJSIP/2101\r\nState: INUSE\r\n\r\n",
        b"Event: OutboundRegistrationDetail\r\nObjectName: gsm\r\nEndpoint: gsm\r\nStatus: Registered\r\n\r\n",
        b"Response: Success\r\nActionID: 3\r\nOutput: line\r\nOutput: line\r\n\r\n",
    ]


# --- the desk's codes ---------------------------------------------------------------------------------------------


class _Wire:
    """Where the handler writes to."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, data: bytes) -> None:
        assert data.endswith(b"\n") and data.count(b"\n") == 1, data

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def _agi(data: bytes) -> None:
    """Ends by itself, closes, and what it makes of an answer is a few letters and digits."""
    with structlog.testing.capture_logs():
        _loop().run_until_complete(_agi_connection(data))


async def _agi_connection(data: bytes) -> None:
    wrong: list[Exception] = []

    async def serve(request: DeskRequest) -> None:
        try:
            for _ in range(3):
                await request.send_command("EXEC Playback pbx112/desk_in")
                assert re.fullmatch(r"[0-9A-Z]{0,20}", await variable(request, "PBX112_SAID"))
        except Gone:
            raise
        except Exception as error:
            wrong.append(error)

    reader = asyncio.StreamReader(limit=LONGEST_REQUEST)
    reader.feed_data(data)
    reader.feed_eof()
    wire = _Wire()
    await DeskApplication("desk", serve).handler(reader, wire)  # type: ignore[arg-type]
    assert wire.closed
    assert not wrong, wrong


def _agi_samples() -> list[bytes]:
    head = (
        b"agi_network: yes\nagi_network_script: desk\nagi_request: agi://127.0.0.1/desk\nagi_channel: PJSIP/1101-1\n"
        b"agi_uniqueid: lab-1795500000.1\nagi_callerid: 1101\nagi_context: pbx112-desk-codes\n\n"
    )
    return [
        head + b"200 result=0\n200 result=1 (4711)\n100 Trying...\n200 result=0\n200 result=1 (NOANSWER)\n",
        head + b"HANGUP\n200 result=-1\n511 Command Not Permitted on a dead channel\n",
        head + b"520-Invalid command syntax.  Proper usage follows:\nUsage\n520 End of proper usage.\n",
        head,
    ]


# --- Asterisk's own call detail records ------------------------------------------------------------------------


def _cdr(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pbx112.csv"
        file.write_bytes(data)
        details, bad = read([file], 0, 10**18)
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert len(details) + len(bad) == lines, "each line is a record, or named"
    assert all(isinstance(each, Bad) and each.why and str(each).isprintable() for each in bad)
    assert all(isinstance(each, Detail) and 0 < each.start_us <= each.end_us for each in details)
    for channel in channels(details).values():
        assert channel.uniqueid.isprintable()
        assert not (channel.is_call and channel.is_desk_code)


def _cdr_samples() -> list[bytes]:
    call = (
        b'"1795709829.587380","0.000000","1795709830.819743","lab-1.2","lab-1.2","12","%s","%s","PJSIP/1-1"\n'
    )
    return [
        call % (b"pbx112-intake", b"ANSWERED") + call % (b"pbx112-fallback-menu", b"NO ANSWER"),
        call % (b"pbx112-desk-code", b"BUSY"),
        call.replace(b"PJSIP/1-1", b'a ""quoted"", one') % (b"pbx112-fallback", b"FAILED"),
    ]


TARGETS: dict[str, Target] = {
    "ari": Target(_ari_samples, _ari),
    "agencies.yaml": Target(_plan_samples, _plan),
    "fallback": Target(_fallback_samples, _fallback),
    "event": Target(lambda: [ev.encode(event) for event in _EVENTS], _event),
    "board": Target(lambda: [ev.encode(event) for event in _SHOWN], _board),
    "door": Target(lambda: [b"1000000001." + b"0" * 64, b"9999999999.00", b".", b"1e9.x"], _door),
    "journal": Target(lambda: [_made()[0]], _journal),
    "caller": Target(
        lambda: [b"081234567890", b"+6281234567890", b"anonymous", b"0739-112 (kantor)"], _caller
    ),
    "agi": Target(_agi_samples, _agi),
    "asterisk cdr": Target(_cdr_samples, _cdr),
    "ami": Target(_ami_samples, _ami),
}
