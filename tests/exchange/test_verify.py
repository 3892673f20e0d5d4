"""`pbx112 verify` on a real exchange: what each kind of line comes to; that a test never costs a citizen anything."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from lab.baresip import Baresip, baresip
from lab.callers import Caller
from lab.exchange import Exchange
from lab.network import SIP, free_udp_ports
from lab.phones import BUSY, DECLINES, HUMAN, SILENT, VOICEMAIL
from lab.processes import eventually
from tests.sip import Telephone

from .plans import MOBILE_A, MOBILE_B
from .test_watched import metrics

_PLAN = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta}
trunks:
  gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", max_calls: 4, allow: ["+628"]}
  sim: {dial: "PJSIP/{number}@sim", caller_id: "0739112", max_calls: 4, allow: ["+628"]}
default_agency: damkar
agencies:
  damkar: {name: Dinas Damkar, code: "13", lines: [{extension: "2101", ring_for: 3, accept_for: 3, name: Pos}]}
  bpbd: {name: BPBD, code: "14", lines: [{extension: "2102", ring_for: 3, accept_for: 3}]}
  dinsos: {name: Dinas Sosial, code: "15", lines: [{extension: "2201", ring_for: 2}]}
  pupr: {name: Dinas PUPR, code: "16", lines: [{extension: "2202", ring_for: 2}]}
  polres: {name: Polres, code: "17", lines: [{extension: "2301", ring_for: 2}]}
  rsud: {name: RSUD, code: "18", lines: [{extension: "2199", ring_for: 2}]}
  dishub: {name: Dishub, code: "19", lines: [{mobile: "+6281200000001", trunk: gsm, ring_for: 3, accept_for: 3}]}
  pln: {name: PLN, code: "20", lines: [{mobile: "+6281200000002", trunk: sim, ring_for: 3, accept_for: 3}]}
"""
VOICE = 440.0


@asynccontextmanager
async def command(exchange: Exchange, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`pbx112 verify`, as an administrator runs it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pbx112", "verify", *arguments),
        env=exchange.daemon.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def results(exchange: Exchange, run: str, lines: int) -> dict[str, Mapping[str, Any]]:
    """The last result of each line in this run, as the records have it."""
    found: dict[str, Mapping[str, Any]] = {}

    async def arrived() -> bool:
        reader = await asyncpg.connect(exchange.dsn)
        try:
            rows = await reader.fetch("SELECT * FROM pbx112.verification WHERE run = $1 ORDER BY seq", run)
        finally:
            await reader.close()
        found.update({row["line"]: row for row in rows})
        return len(found) >= lines

    await eventually(arrived, 15)
    return found


async def begun(process: asyncio.subprocess.Process) -> str:
    """The run's name."""
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        if line.startswith("verification "):
            return line.split()[1].rstrip(":")
    raise AssertionError("the verification did not begin")


@asynccontextmanager
async def officer(exchange: Exchange, number: str, voice: float = VOICE) -> AsyncIterator[Baresip]:
    """A real phone, which picks up at once, and out of which a voice comes (0: silence, in as many packets)."""
    at, here = exchange.addresses()[number], exchange.network.exchange
    async with baresip(exchange.folder / f"officer-{number}", number, at, here, voice) as phone:
        yield phone


async def presses_1(exchange: Exchange, line: str, phone: Baresip) -> None:
    """Once it has been picked up there."""
    await channel_of(exchange, line, "Up")
    await phone.press("1")


async def channel_of(exchange: Exchange, line: str, state: str) -> str:
    """Wait until the line (a mobile: its trunk) is in this state; its channel's name."""
    found: list[str] = []

    async def is_there() -> bool:
        channels = await exchange.asterisk.ask("core show channels concise")
        rows = (row.split("!") for row in channels.splitlines())
        found.extend(row[0] for row in rows if row[0].startswith(f"PJSIP/{line}-") and row[4] == state)
        return bool(found)

    await eventually(is_there, 10, pause=0.05)
    return found[0]


async def test_each_line_comes_to_what_it_is(exchange: Exchange, tmp_path: Path) -> None:
    paper = tmp_path / "berita-acara.pdf"
    await exchange.reload_plan(_PLAN)
    await exchange.phones({"2201": SILENT, "2202": BUSY, "2301": DECLINES, MOBILE_B: VOICEMAIL})
    async with (
        officer(exchange, "2101") as desk,
        officer(exchange, "2102", voice=0.0) as mute,
        officer(exchange, MOBILE_A) as mobile,
        command(exchange, "--tries", "1", "--at-once", "10", "--pdf", str(paper)) as process,
    ):
        run = await begun(process)
        await asyncio.gather(
            presses_1(exchange, "2101", desk),
            presses_1(exchange, "2102", mute),
            presses_1(exchange, "gsm", mobile),
        )
        assert await process.wait() == 1
    found = await results(exchange, run, 8)
    assert {line: row["result"] for line, row in found.items()} == {
        "2101": "verified",
        "2102": "no_sound",
        "2201": "no_answer",
        "2202": "busy",
        "2301": "declined",
        "2199": "unavailable",
        MOBILE_A: "verified",
        MOBILE_B: "answered_not_accepted",
    }
    for line, owner, name in (("2101", "damkar", "Pos"), (MOBILE_A, "dishub", MOBILE_A)):
        good = found[line]
        assert (good["owner"], good["officer"], good["heard"], good["sound"]) == (owner, name, True, True)
        assert 0 < good["seconds_to_answer"] < 3
        assert 0 < good["seconds_to_accept"] < 5
    assert (found["2102"]["heard"], found["2102"]["sound"]) == (True, False)
    await exchange.quiet()
    await the_paper_is_as_the_records_have_it(exchange, run, paper)
    await which_line_is_verified_is_known_after_a_restart(exchange)


async def the_paper_is_as_the_records_have_it(exchange: Exchange, run: str, paper: Path) -> None:
    """And one in which somebody made a bad line good is not."""
    async with command(exchange, "--run", run) as again:
        told, why = await again.communicate()
    assert (again.returncode, "6 of 8 lines are not verified" in why.decode()) == (1, True), told.decode()
    data = paper.with_suffix(".json")
    assert paper.read_bytes().startswith(b"%PDF") and run.encode() in data.read_bytes()
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    async with command(exchange, "--check", str(data)) as good:
        said, _ = await good.communicate()
    assert good.returncode == 0 and digest in said.decode()
    data.write_bytes(data.read_bytes().replace(b'"no_answer"', b'"verified"'))
    async with command(exchange, "--check", str(data)) as false:
        _, why = await false.communicate()
    assert false.returncode == 1 and "dinsos 2201 is not as the records have it" in why.decode()


async def which_line_is_verified_is_known_after_a_restart(exchange: Exchange) -> None:
    await exchange.daemon.kill()
    await exchange.daemon.start()

    async def known() -> bool:
        said = await metrics(exchange)
        return said("agency_verified_timestamp_seconds", owner="damkar") > 0

    await eventually(known, 10)
    assert (await metrics(exchange))("agency_verified_timestamp_seconds", owner="bpbd") == 0
    reader = await asyncpg.connect(exchange.dsn)
    try:
        rows = await reader.fetch("SELECT owner, lines, verified, oldest_at FROM pbx112.verified_share(1)")
        of_calls = await reader.fetchval(
            "SELECT count(*) FROM pbx112.event WHERE kind = 'LineTestEnded' AND coalesce(call_id, '') <> ''"
        )
    finally:
        await reader.close()
    share = {row["owner"]: row for row in rows}
    assert (share["damkar"]["lines"], share["damkar"]["verified"]) == (1, 1) and share["damkar"]["oldest_at"]
    assert (share["bpbd"]["lines"], share["bpbd"]["verified"], share["bpbd"]["oldest_at"]) == (1, 0, None)
    assert of_calls == 0  # a test is no call of a citizen


async def test_a_test_is_not_led_on_by_a_phone_that_forwards(exchange: Exchange) -> None:
    await exchange.reload_plan(_PLAN)
    at = exchange.addresses()
    away = await Telephone(at["2201"], SIP, "302 2202").open()
    elsewhere = await Telephone(at["2202"], SIP, "answers").open()
    try:
        async with command(exchange, "--line", "2201", "--tries", "1") as process:
            run = await begun(process)
            assert await process.wait() == 1
        # Asterisk may end the leg before it has noted the 302: then it does not say why.
        assert (await results(exchange, run, 1))["2201"]["result"] in ("declined", "failed")
        assert elsewhere.talks == []
    finally:
        away.close()
        elsewhere.close()
    await exchange.quiet()


async def test_a_citizen_s_call_ends_the_test_at_once_and_the_line_is_tried_again(exchange: Exchange) -> None:
    await exchange.reload_plan(_PLAN)
    await exchange.phones({"2101": VOICEMAIL})
    async with command(exchange, "--line", "2101", "--tries", "2", "--again-after", "0") as process:
        run = await begun(process)
        await channel_of(exchange, "2101", "Up")
        caller = Caller()
        calling = await exchange.dial(caller)
        await calling.answered(within=3)
        phone = exchange.phone("2101")
        (test_over,) = (message.at for message in phone.received("BYE"))
        _, real_call = (message.at for message in phone.received("INVITE"))
        assert test_over <= real_call
        await exchange.told(caller, "LegAccepted", leg=1)
        first = (await results(exchange, run, 1))["2101"]
        assert (first["result"], first["detail"], first["attempt"], first["last_try"]) == (
            "interrupted",
            "call",
            1,
            False,
        )
        assert phone.rang == 2  # while the citizen talks there, nobody tests the line
        async with command(exchange, "--line", "2101") as second:
            _, why = await second.communicate()
        assert second.returncode == 1 and f"verification {run} goes on" in why.decode()
        calling.hang_up()
        await eventually(lambda: phone.rang == 3, 10)
    record = await exchange.record(caller)
    assert record.tried == (("2101", "accepted"),)
    await exchange.quiet()


async def test_a_caller_whom_the_fallback_dialplan_gets_ends_the_tests(exchange: Exchange) -> None:
    """It rings whom it will, and can end no test: a telephone that is being tested was busy for it."""
    await exchange.reload_plan(_PLAN.replace("ring_for: 3, accept_for: 3, name: Pos", "ring_for: 60"))
    await exchange.phones({"2101": SILENT})
    here = exchange.network.incoming_trunk
    unreadable = await Telephone(here, next(free_udp_ports(here)), "").open()
    try:
        async with command(exchange, "--line", "2101", "--tries", "1") as process:
            run = await begun(process)
            await channel_of(exchange, "2101", "Ringing")
            talk = unreadable.call("112", "081211112222", (exchange.network.exchange, SIP), "\udcff@verify")
            phone = exchange.phone("2101")
            await eventually(lambda: phone.rang == 2, 10)
            (test_over,) = (message.at for message in phone.received("CANCEL"))
            _, real_call = (message.at for message in phone.received("INVITE"))
            assert test_over <= real_call
            assert (await results(exchange, run, 1))["2101"]["result"] == "interrupted"
            talk.cancel()
    finally:
        unreadable.close()
    await exchange.quiet()


async def test_a_trunk_is_for_citizens_first(exchange: Exchange) -> None:
    """One circuit: the test of a mobile gives it up for a call to another; and is not even begun while it is taken."""
    await exchange.reload_plan(
        f"""
version: 1
service: {{name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta}}
trunks:
  sim: {{dial: "PJSIP/{{number}}@sim", caller_id: "0739112", max_calls: 1, allow: ["+628"]}}
default_agency: damkar
agencies:
  damkar: {{name: Damkar, code: "13", lines: [{{mobile: "{MOBILE_A}", trunk: sim, ring_for: 5, accept_for: 3}}]}}
  pln: {{name: PLN, code: "14", lines: [{{mobile: "{MOBILE_B}", trunk: sim, ring_for: 5, accept_for: 3}}]}}
"""
    )
    await exchange.phones({MOBILE_A: HUMAN, MOBILE_B: VOICEMAIL})
    async with command(
        exchange, "--agency", "pln", "--tries", "2", "--patience", "0", "--again-after", "0"
    ) as process:
        run = await begun(process)
        await channel_of(exchange, "sim", "Up")
        caller = Caller()
        calling = await exchange.dial(caller)
        await calling.answered(within=5)
        (over,) = (message.at for message in exchange.phone(MOBILE_B).received("BYE"))
        (rung,) = (message.at for message in exchange.phone(MOBILE_A).received("INVITE"))
        assert over <= rung
        assert await process.wait() == 1
    found = (await results(exchange, run, 1))[MOBILE_B]
    while found["attempt"] == 1:
        found = (await results(exchange, run, 1))[MOBILE_B]
    assert (found["result"], found["detail"]) == ("not_tried", "trunk_full")
    calling.hang_up()
    record = await exchange.record(caller)
    assert record.tried == ((MOBILE_A, "accepted"),)
    await exchange.quiet()


async def test_who_kills_the_command_ends_its_test_calls(exchange: Exchange) -> None:
    await exchange.reload_plan(_PLAN)
    await exchange.phones({"2101": VOICEMAIL, "2102": SILENT})
    async with command(exchange, "--line", "2101", "--line", "2102") as process:
        run = await begun(process)
        await channel_of(exchange, "2101", "Up")
        await channel_of(exchange, "2102", "Ringing")
        process.kill()
        await exchange.quiet(within=2)
    found = await results(exchange, run, 2)
    assert {(row["result"], row["detail"]) for row in found.values()} == {("interrupted", "stopped")}


async def test_a_daemon_that_dies_leaves_no_test_behind(exchange: Exchange) -> None:
    await exchange.reload_plan(_PLAN)
    await exchange.phones({"2101": VOICEMAIL, "2102": SILENT})
    async with command(exchange, "--line", "2101", "--line", "2102") as process:
        run = await begun(process)
        name = await channel_of(exchange, "2101", "Up")
        await channel_of(exchange, "2102", "Ringing")
        await exchange.daemon.kill()
        assert await process.wait() == 1
        assert "Time to Hangup: 0" not in await exchange.asterisk.ask(f"core show channel {name}")
        await exchange.daemon.start()
        await exchange.quiet(within=5)
    found = await results(exchange, run, 2)
    assert {(row["result"], row["detail"]) for row in found.values()} == {("interrupted", "daemon_restarted")}
    assert not exchange.daemon.said("fault")


async def test_an_orderly_stop_ends_them_too(exchange: Exchange) -> None:
    await exchange.reload_plan(_PLAN)
    await exchange.phones({"2101": VOICEMAIL})
    async with command(exchange, "--line", "2101") as process:
        run = await begun(process)
        await channel_of(exchange, "2101", "Up")
        await exchange.daemon.stop()
        await exchange.quiet(within=2)
    await exchange.daemon.start()
    found = await results(exchange, run, 1)
    assert (found["2101"]["result"], found["2101"]["detail"]) == ("interrupted", "stopped")
