"""Faults that come at the worst moment: between a decision and its request, at a stop, on a full disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from lab.cable import Cable
from lab.callers import Caller
from lab.daemon import Daemon
from lab.exchange import Exchange
from lab.network import SIP, free_udp_ports
from lab.phones import BUSY, SILENT, Answers
from lab.processes import Process, eventually
from pbx112.journal import Reader, verify
from tests.sip import Telephone

from .plans import plan

SOON = Answers(after=0.2)
GONE_WITHIN = 5.0
"""Seconds within which what belongs to no live call is gone (law 6)."""


@asynccontextmanager
async def wire(exchange: Exchange) -> AsyncIterator[Cable]:
    """The daemon, started anew, reaches Asterisk by a wire of ours, and as before at the end."""
    between = Cable(exchange.ari_url, exchange.network.extension("cable"))
    await between.open()
    direct = exchange.daemon.settings["ari_url"]
    try:
        await exchange.daemon.stop()
        exchange.daemon.settings["ari_url"] = between.url
        await exchange.daemon.start()
        yield between
    finally:
        exchange.daemon.settings["ari_url"] = direct
        await exchange.daemon.stop()
        await between.close()


def open_calls(exchange: Exchange) -> list[str]:
    """The calls that the journal says have not ended."""
    with Reader(exchange.folder / "journal" / "journal.db") as reader:
        return reader.open_subjects()


async def test_a_hang_up_that_asterisk_never_heard_is_asked_for_again(exchange: Exchange) -> None:
    """The agency hangs up; the caller's hang-up is lost on the way, and the connection breaks."""
    await exchange.reload_plan(plan(call_takers=False, incidents=False))
    await exchange.phones({"2201": Answers(after=0.2, talk=1.0)})
    async with wire(exchange) as between:
        caller = Caller()
        calling = await exchange.dial(caller)
        await calling.answered()
        between.silence_requests()
        await exchange.phone("2201").sipp.until_sent("BYE")
        await eventually(lambda: not open_calls(exchange), 5)
        between.restore()
        between.cut()
        await calling.ended(within=GONE_WITHIN)
        assert calling.hung_up_by_exchange
        record = await exchange.record(caller)
        assert (record.outcome, record.tried[0]) == ("answered", ("2201", "accepted"))
        assert exchange.phone("2201").rang == 1
        await exchange.quiet(within=GONE_WITHIN)


async def test_a_call_that_had_ended_does_not_begin_again(exchange: Exchange) -> None:
    """Killed between the end of the call in the journal and the caller's hang-up: the next daemon hangs up."""
    await exchange.reload_plan(plan(call_takers=False, incidents=False))
    await exchange.phones({"2201": Answers(after=0.2, talk=1.0)})
    async with wire(exchange) as between:
        caller = Caller()
        calling = await exchange.dial(caller)
        await calling.answered()
        between.silence_requests()
        record = await exchange.record(caller)
        await exchange.daemon.kill()
        between.restore()
        await exchange.daemon.start()
        await calling.ended(within=GONE_WITHIN)
        await exchange.quiet(within=GONE_WITHIN)
        assert (await exchange.record(caller)).call["last_seq"] == record.call["last_seq"]
        assert exchange.phone("2201").rang == 1


async def test_a_call_id_that_is_no_text_costs_nobody_the_call(exchange: Exchange) -> None:
    """Asterisk tells nothing of such a caller, and of nobody in its list of channels while that one is there."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    here = exchange.network.incoming_trunk
    hostile = await Telephone(here, next(free_udp_ports(here)), "").open()
    try:
        talk = hostile.call("112", "081211112222", (exchange.network.exchange, SIP), "\udcff\udcfe@lab")
        await exchange.phone("1101").until_rung(within=6)
        await exchange.daemon.kill()
        await exchange.daemon.start()
        await exchange.phones({"1101": SOON, "1102": BUSY})
        caller = Caller(talk=0.5)
        calling = await exchange.dial(caller)
        await calling.ended()
        assert (await exchange.record(caller)).outcome == "answered"
        assert not talk.over.is_set(), "and it is still being served"
        talk.cancel()
    finally:
        hostile.close()
    await exchange.quiet()


async def test_a_restart_in_the_middle_of_a_talk_is_noticed_by_nobody(exchange: Exchange) -> None:
    """The bridge that stands is used again; the recording that runs goes on."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller()
    calling = await exchange.dial(caller)
    await calling.answered()
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await asyncio.sleep(0.5)  # what the restart asks of Asterisk has been asked
    assert not calling.hung_up_by_exchange
    calling.hang_up()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried == (("1101", "accepted"), ("1102", "busy"))
    assert record.call["resumed"] == 2
    assert [e["kind"] for e in record.events].count("RecordingFailed") == 0
    await exchange.quiet(within=GONE_WITHIN)


async def test_time_without_asterisk_is_held_against_no_line(exchange: Exchange) -> None:
    """The connection is gone for longer than everybody may ring: the caller is still there, and so are the lines."""
    await exchange.reload_plan(plan(takers_ring_for=1))
    await exchange.phones({"1101": Answers(after=9), "1102": SILENT, "2101": SOON})
    async with wire(exchange) as between:
        caller = Caller(talk=0.2)
        calling = await exchange.dial(caller)
        await exchange.phone("1101").until_rung()
        lost = len(exchange.daemon.said("disconnected"))
        await between.close()
        await eventually(lambda: len(exchange.daemon.said("disconnected")) > lost)
        await asyncio.sleep(2)  # the time limit of the call takers, and more
        await between.open()
        await calling.answered(within=10)
        await calling.ended()
        record = await exchange.record(caller)
        assert record.tried == (("1101", "no_answer"), ("1102", "no_answer"), ("2101", "accepted"))
        await exchange.quiet()


async def test_whoever_calls_while_the_daemon_stops_reaches_a_phone(exchange: Exchange) -> None:
    """Its last records cannot be delivered, so that it takes its time."""
    await exchange.reload_plan(plan(takers_ring_for=10))
    await exchange.phones({"1101": Answers(after=2.0), "1102": SILENT})
    await exchange.stop_postgres()
    callers = [Caller(talk=0.3) for _ in range(32)]
    stopping: asyncio.Task[None] | None = None
    callings = []
    for number, caller in enumerate(callers):
        callings.append(await exchange.dial(caller))
        if number == 10:
            stopping = asyncio.create_task(exchange.daemon.stop())
    assert stopping is not None
    await asyncio.gather(*(calling.answered(within=15) for calling in callings))
    await stopping
    await exchange.start_postgres()
    await exchange.daemon.start()
    outcomes = [(await exchange.record(caller)).outcome for caller in callers]
    assert set(outcomes) <= {"answered", "fallback_answered"}
    assert "fallback_answered" in outcomes
    await exchange.quiet()


async def test_a_line_that_is_rung_again_stops_ringing_first(exchange: Exchange) -> None:
    """A phone with one line would be busy with its own call."""
    await exchange.reload_plan(plan(call_takers=False, incidents=False))
    await exchange.phones({"2201": SILENT})
    caller = Caller(patience=4.5)
    calling = await exchange.dial(caller)
    await exchange.phone("2201").sipp.until_received("INVITE", times=2)
    seen = [m.method for m in exchange.phone("2201").messages if m.method in ("INVITE", "CANCEL")]
    assert seen[:3] == ["INVITE", "CANCEL", "INVITE"]
    await calling.ended()
    await exchange.quiet()


async def test_an_agency_that_vanishes_from_the_plan_while_it_rings(exchange: Exchange) -> None:
    await exchange.reload_plan(
        plan(call_takers=False, incidents=False).replace(
            "default_agency: satpol_pp", "default_agency: damkar"
        )
    )
    await exchange.phones({"2101": SILENT, "2201": SOON})
    caller = Caller(talk=0.2)
    calling = await exchange.dial(caller)
    await exchange.phone("2101").until_rung()
    text = plan(call_takers=False, incidents=False)
    await exchange.reload_plan(text[: text.index("  damkar:")] + text[text.index("  satpol_pp:\n    name") :])
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    assert record.tried[0] == ("2101", "no_answer") and record.tried[-1] == ("2201", "accepted")
    await exchange.quiet()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 1 MiB below `folder`."""
    disk = folder / "small-disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@asynccontextmanager
async def journal_on(exchange: Exchange, disk: Path) -> AsyncIterator[Path]:
    """The daemon, started anew, keeps its journal on `disk`, and where it was at the end."""
    before = dict(exchange.daemon.settings)
    try:
        await exchange.daemon.stop()
        journal = disk / "journal.db"
        exchange.daemon.settings |= {"journal": str(journal), "fallback_records": str(disk / "fallback.csv")}
        await exchange.daemon.start()
        yield journal
    finally:
        await exchange.daemon.stop()
        exchange.daemon.settings = before


async def test_the_journals_disk_is_full_and_calls_go_on(exchange: Exchange, tmp_path: Path) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    with small_disk(tmp_path) as disk:
        async with journal_on(exchange, disk) as journal:
            caller_before, callers = Caller(), [Caller(talk=0.3) for _ in range(5)]
            talking = await exchange.dial(caller_before)
            await talking.answered()
            alarms = len(exchange.daemon.said("alarm"))
            fill(disk / "ballast")
            callings = [await exchange.dial(caller) for caller in callers]
            for calling in callings:
                await calling.answered(within=3)
                assert calling.setup_seconds < 2
                await calling.ended()
            talking.hang_up()
            await talking.ended()
            await exchange.quiet(within=GONE_WITHIN)
            assert any("wait in memory" in line["event"] for line in exchange.daemon.said("alarm")[alarms:])
            (disk / "ballast").unlink()
            for caller in (caller_before, *callers):
                assert (await exchange.record(caller)).outcome == "answered"
        verdict = await asyncio.to_thread(verify, journal)
        assert verdict.sound, verdict.why


def fill(ballast: Path) -> None:
    """Until not one byte more fits."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue


async def test_a_second_daemon_under_the_same_name_takes_over(exchange: Exchange, tmp_path: Path) -> None:
    """The older one stops acting, and says why; a call that it had is not ended by that."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    first = exchange.daemon
    second = Daemon(
        tmp_path / "second.log",
        first.settings
        | {
            "journal": str(tmp_path / "journal.db"),
            "fallback_records": str(tmp_path / "none.csv"),
            "node": "two",
        },
    )
    talking = await exchange.dial(Caller())
    await talking.answered()
    try:
        await second.start()
        await eventually(lambda: first.pid is None, 10)
        assert "another pbx112 has connected to Asterisk as 'pbx112'" in first.log.read_text()
        caller = Caller(talk=0.2)
        calling = await exchange.dial(caller)
        await calling.answered()
        await calling.ended()
        assert (await exchange.record(caller)).call["node"] == "two"
        assert not talking.hung_up_by_exchange
    finally:
        await second.stop()
    talking.hang_up()
    await talking.ended()


async def test_a_daemon_that_starts_before_asterisk_and_postgres_serves_when_they_come(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(plan())
    await exchange.daemon.stop()
    await exchange.stop_postgres()
    await exchange.asterisk.stop()
    starting = asyncio.create_task(exchange.daemon.start())
    await eventually(lambda: "ari_not_connected" in exchange.daemon.log.read_text(), 10)
    await exchange.asterisk.start()
    await starting
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller(talk=0.2)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    await exchange.start_postgres()
    assert (await exchange.record(caller)).outcome == "answered"


async def run(environment: dict[str, str], log: Path) -> Process:
    """`pbx112 run` once more."""
    return await Process.start(
        "pbx112", [sys.executable, "-m", "pbx112", "run"], log, environment=environment
    )
