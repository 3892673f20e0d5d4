"""What staff dial on desk phones outside a call: real Asterisk, FastAGI, real phones and keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from lab.baresip import Baresip, baresip
from lab.callers import Caller
from lab.exchange import Exchange
from lab.network import AGI, free_net
from lab.phones import BUSY, SILENT, Answers, codes
from lab.processes import eventually
from lab.records import noted_of
from lab.sipp import Key

from .plans import MOBILE_A, MOBILE_B, plan

TONE = 440.0


@pytest.fixture(scope="module")
async def whole_exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    """Its own: who is away here is away for nobody else."""
    async with Exchange(tmp_path_factory.mktemp("codes"), plan(), net=free_net()) as exchange:
        yield exchange


class Phone:
    """A desk phone on which a code is dialled."""

    def __init__(self, exchange: Exchange, phone: Baresip, number: str, code: str) -> None:
        self._log = exchange.asterisk.folder / "log" / "full"
        self._phone, self._number, self._from = phone, number, self._size()
        self.code = code
        self._exchange = exchange

    def _size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def heard(self) -> list[str]:
        """The prompts that Asterisk played to it, in order."""
        text = self._log.read_bytes()[self._from :].decode(errors="replace")
        return re.findall(rf"<PJSIP/{self._number}-\w+> Playing 'pbx112/(\w+)\.", text)

    async def hears(self, word: str, within: float = 20) -> None:
        """Wait until this prompt is played to it."""
        try:
            await eventually(lambda: word in self.heard(), within)
        except TimeoutError:
            raise AssertionError(f"{self._number} heard {self.heard()}, not {word}") from None

    async def press(self, keys: str) -> None:
        await self._phone.press(keys)

    async def hang_up(self) -> None:
        await self._phone.hang_up()


@asynccontextmanager
async def dials(exchange: Exchange, number: str, code: str) -> AsyncIterator[Phone]:
    """`number` dials `code`; its telephone is gone at the end."""
    here = exchange.network.exchange
    folder = exchange.folder / f"{number}-{code[1:]}"
    async with baresip(folder, number, exchange.addresses()[number], here, TONE) as phone:
        dialled = Phone(exchange, phone, number, code)
        await phone.dial(f"sip:{code}@{here}")
        yield dialled
    await exchange.quiet()


async def code(exchange: Exchange, number: str, code_: str, word: str) -> None:
    """Dial a code and hear its word."""
    async with dials(exchange, number, code_) as phone:
        await phone.hears(word)


async def a_call_that_rings(exchange: Exchange, *lines: str) -> None:
    """A citizen calls, these lines ring (in the call's first stage), and the citizen gives up."""
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    caller = Caller()
    calling = await exchange.dial(caller)
    for leg in range(1, len(lines) + 1):
        await exchange.told(caller, "LegRinging", leg=leg)
    calling.hang_up()
    record = await exchange.record(caller)
    assert tuple(line for line, _ in record.tried) == lines
    await exchange.phones({})


async def test_an_abandoned_caller_is_called_back_and_it_stands_in_the_record(exchange: Exchange) -> None:
    anonymous = Caller(from_header="From: <sip:anonymous@anonymous.invalid>", number="anonymous")
    caller = Caller(number="0" + MOBILE_A[3:])
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    for each in (anonymous, caller):
        calling = await exchange.dial(each)
        await calling.ringing()
        calling.hang_up()
        await calling.ended()
    await exchange.record(caller)
    await exchange.phones({MOBILE_A: Answers(after=0.5, talk=2.0)})
    async with dials(exchange, "1101", "*1124") as phone:
        await calls_back(phone, MOBILE_A)
        placed = await exchange.told(caller, "CallBackPlaced", by="1101", trunk="gsm")
        ended = await exchange.told(caller, "CallBackEnded", within=20, result="answer")
    assert placed["body"]["number"] == MOBILE_A
    assert 1 <= ended["body"]["seconds"] <= 4, "the talk alone, not the list before it"
    connection = await asyncpg.connect(exchange.dsn)
    try:
        rows = await connection.fetch(
            "SELECT a.* FROM pbx112.abandoned a JOIN pbx112.call c USING (call_id) WHERE c.caller = $1",
            MOBILE_A,
        )
    finally:
        await connection.close()
    assert [(row["called_back"], row["reached"], row["callable"]) for row in rows] == [(1, True, True)]


async def test_a_call_back_outlives_the_daemon_and_stands_in_the_record(exchange: Exchange) -> None:
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    caller = Caller(number="0" + MOBILE_B[3:])
    calling = await exchange.dial(caller)
    await calling.ringing()
    calling.hang_up()
    await exchange.record(caller)
    await exchange.phones({MOBILE_B: Answers(after=0.2)})
    async with dials(exchange, "1101", "*1124") as phone:
        await calls_back(phone, MOBILE_B)
        await exchange.told(caller, "CallBackPlaced", by="1101")
        await exchange.phone(MOBILE_B).sipp.until_received("ACK")
        await exchange.daemon.kill()
        await exchange.daemon.start()
        await exchange.told(caller, "CallBackEnded", result="unknown")
        assert not exchange.phone(MOBILE_B).sipp.received("BYE"), "they talk on"


async def calls_back(phone: Phone, number: str) -> None:
    """Go through the list until this number is spoken, and press 1."""
    for offered in range(1, 10):

        def asked(times: int = offered) -> bool:
            return phone.heard().count("desk_call_back") >= times

        await eventually(asked, 20)
        spoken = "".join(word[-1] for word in phone.heard() if word.startswith("digit_"))
        if spoken.endswith(number[1:]):
            await phone.press("1")
            return
        await phone.press("2")
    raise AssertionError(f"{number} is not on the list")


async def test_who_logs_out_is_not_rung_also_after_a_restart_and_nobody_away_costs_a_call(
    exchange: Exchange,
) -> None:
    await code(exchange, "1101", "*1120", "desk_out")
    await noted_of(exchange.dsn, "LineStateChanged", by="1101", state="logged_out")
    await a_call_that_rings(exchange, "1102")
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await eventually(lambda: bool(exchange.daemon.said("desk")), 10)
    await a_call_that_rings(exchange, "1102")
    await code(exchange, "1102", "*1122", "desk_alone")
    await noted_of(exchange.dsn, "LineStateChanged", by="1102", state="paused")
    await a_call_that_rings(exchange, "1101", "1102")
    await code(exchange, "1101", "*1121", "desk_in")
    await a_call_that_rings(exchange, "1101")
    await code(exchange, "1102", "*1121", "desk_in")
    await a_call_that_rings(exchange, "1101", "1102")


async def test_the_last_call_is_marked_afterwards(exchange: Exchange) -> None:
    await exchange.phones({"1101": Answers(after=0.2)})
    caller = Caller(talk=1.0)
    await exchange.dial(caller)
    await exchange.record(caller)
    await exchange.phones({})
    async with dials(exchange, "1101", "*1123") as phone:
        await phone.hears("desk_mark")
        await phone.press("3")
        await phone.hears("desk_incident")
        await phone.press("1#")
        await phone.hears("incident_kebakaran")
    await exchange.told(caller, "CallMarked", by="1101", disposition="prank")
    await exchange.told(caller, "CallMarked", by="1101", incident="kebakaran")
    record = await exchange.record(caller)
    kinds = [event["kind"] for event in record.events]
    assert kinds.index("CallEnded") < kinds.index("CallMarked")


async def test_tonights_mobile_only_from_the_agencys_phone_with_its_pin(exchange: Exchange) -> None:
    await code(exchange, "2201", "*1126", "desk_no_pin")
    await code(exchange, "1101", "*1126", "desk_not_yours")
    async with dials(exchange, "2101", "*1126") as phone:
        await phone.hears("desk_pin")
        await phone.press("1234#")
        await phone.hears("desk_wrong_pin")
        await eventually(lambda: phone.heard().count("desk_pin") == 2, 20)
        await phone.press("4711#")
        await phone.hears("desk_standby_plan")
        await phone.press("2")
        await phone.hears("desk_until")
    await noted_of(exchange.dsn, "PinRefused", by="2101", agency="damkar")
    chosen = await noted_of(exchange.dsn, "StandbyChosen", agency="damkar")
    assert chosen["number"].endswith("2")


async def test_how_many_wait(exchange: Exchange) -> None:
    async with dials(exchange, "1101", "*1125") as phone:
        await phone.hears("desk_waiting")
        await phone.hears("digit_0")


async def test_a_number_of_pranks_is_asked_first_until_a_supervisor_lifts_it(exchange: Exchange) -> None:
    text = plan().replace('      - {extension: "2102", ring_for: 2}\n', "")
    more = '\nsupervisors: {lines: [{extension: "2102"}]}\nnuisance: {marks: 1, within_hours: 24}\n'
    await exchange.reload_plan(text + more)
    marks = Answers(after=0.2, keys=codes("#63"), talk=1.0)
    await exchange.phones({"1101": marks, "1102": BUSY})
    number = Caller().number
    for _ in range(2):
        calling = await exchange.dial(Caller(number=number, talk=30))
        await calling.ended()
        await exchange.told(Caller(number=number), "CallEnded", by="staff")
    emergency = Caller(number=number, talk=30, keys=(Key("1", 1.0),))
    calling = await exchange.dial(emergency)
    await calling.answered()
    assert exchange.phone("1101").rang == 2, "not rung before the question"
    assert (await exchange.told(emergency, "CallArrived", nuisance=2))["body"]
    await exchange.told(emergency, "EmergencyAnswered", digit="1")
    await exchange.told(emergency, "LegAccepted", leg=1)
    await calling.ended()
    async with dials(exchange, "2102", "*1127") as phone:
        await phone.hears("desk_lift", within=30)
        await phone.press("1")
        await phone.hears("desk_lifted")
    lifted = await noted_of(exchange.dsn, "NuisanceLifted", by="2102")
    assert lifted["number"] == "+62" + number[1:]
    again = Caller(number=number, talk=1.0)
    await (await exchange.dial(again)).ended()
    await exchange.told(again, "CallEnded", by="caller")
    record = await exchange.record(again)
    kinds = {event["kind"] for event in record.events}
    assert record.outcome == "answered" and "EmergencyAsked" not in kinds
    await exchange.quiet()


async def test_without_the_daemon_the_codes_say_so(exchange: Exchange) -> None:
    await exchange.daemon.stop()
    await code(exchange, "1101", "*1121", "desk_away")


async def test_clients_that_are_not_asterisk_change_nothing(exchange: Exchange) -> None:
    forged = (
        b"agi_network_script: desk\nagi_uniqueid: lab-1.1\nagi_channel: PJSIP/1101-1\n"
        b"agi_extension: *1120\nagi_context: pbx112-desk-codes\n\n"
    )
    for sent in (b"", b"GET / HTTP/1.0\r\n\r\n", b"x" * 50_000, forged):
        reader, writer = await asyncio.open_connection(exchange.network.exchange, AGI)
        writer.write(sent)
        writer.write_eof()
        try:
            async with asyncio.timeout(10):
                assert await reader.read() == b""
        except ConnectionError:
            pass
        writer.close()
    await code(exchange, "1101", "*1121", "desk_in")


async def test_a_citizen_dials_no_codes(exchange: Exchange) -> None:
    calling = await exchange.dial(Caller(dials="*1120"))
    assert await calling.refused() == 404
