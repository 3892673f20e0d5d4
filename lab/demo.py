"""`make demo`: the 112 stories on a whole exchange, what happened beside what the record says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from lab import seen
from lab.baresip import baresip
from lab.callers import Caller, Calling
from lab.exchange import Exchange, sip_address
from lab.network import Network, free_net, is_free
from lab.phones import Answers, Phone, codes
from lab.processes import LabError
from lab.records import Record, noted_of, record_of
from lab.service import HOME, willing_phones
from lab.stories import DESK, HEAD, SOON, STORIES, Story

EXAMPLE = Path(__file__).parent.parent / "agencies.yaml"
CLOCKS = 0.4
"""Seconds by which the caller's clock and the record may differ: each measures at its own end."""

console = Console(highlight=False)


@dataclass(frozen=True)
class Row:
    """One thing that happened, and what the record says of it."""

    what: str
    happened: str
    recorded: str
    agrees: bool


async def demo(*, once: bool) -> bool:
    """Play all stories; whether every record is true. Without `once` the exchange stays up until Ctrl-C."""
    net = Network().prefix
    folder = HOME / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    async with Exchange(folder, HEAD, net=net if is_free(net) else free_net()) as exchange:
        console.print(f"[bold]The exchange is up[/bold] ({time.monotonic() - start:.1f} s)\n")
        true = 0
        stories = [story for story in STORIES if story.without != "Postgres" or exchange.owns_postgres]
        for number, story in enumerate(stories, start=1):
            true += await _tell(number, story.title, story.tells, play_story(exchange, story), exchange)
        told = len(stories) + 1
        tells = "The call taker presses *13, #31, #61: fire brigade and support join; marked, handed over."
        true += await _tell(told, "The operator's desk", tells, _play_desk(exchange), exchange)
        told += 1
        tells = "The only call taker talks; the second citizen waits with music and is next."
        true += await _tell(told, "All call takers talk", tells, _play_line(exchange), exchange)
        told += 1
        tells = "1101 dials *1120 and is not rung; 1102 takes the call; 1101 dials *1121."
        true += await _tell(told, "A call taker logs out", tells, _play_codes(exchange), exchange)
        told += 1
        tells = "The citizen's phone plays 440 Hz, the desk phone 880 Hz: each must hear the other's tone."
        true += await _tell(told, "Sound passes both ways", tells, _play_sound(exchange), exchange)
        if len(stories) < len(STORIES):
            console.print(
                "[yellow]The story without the database is left out: PBX112_DSN is not ours to stop.[/yellow]"
            )
        colour = "green" if true == told else "red"
        console.print(
            f"[bold {colour}]{true} of {told} records are true[/bold {colour}] "
            f"({time.monotonic() - start:.0f} s)"
        )
        if not once and sys.stdout.isatty():
            await _stay(exchange)
    return true == told


async def _tell(number: int, title: str, tells: str, playing: object, exchange: Exchange) -> bool:
    assert asyncio.iscoroutine(playing)
    console.print(f"[bold]{number}. {title}[/bold]")
    console.print(Padding(f"[dim]{tells}[/dim]", (0, 0, 0, 3)))
    try:
        rows: list[Row] = await playing
        await exchange.quiet()
    except (LabError, TimeoutError, OSError) as error:
        console.print(f"   [red]✗ {error or 'took too long'}[/red]", markup=True)
        for name, words in exchange.last_words().items():
            console.print(f"--- {name}\n{words}", markup=False)
        return False
    table = Table("", "what happened", "what the record says", "", box=None, padding=(0, 2))
    for row in rows:
        table.add_row(
            row.what, row.happened, row.recorded, "[green]✓[/green]" if row.agrees else "[red]✗[/red]"
        )
    console.print(table)
    console.print()
    return all(row.agrees for row in rows)


# --- one story --------------------------------------------------------------------------------------------------


async def play_story(exchange: Exchange, story: Story) -> list[Row]:
    """Play it, and compare what the phones and the caller saw with the record and with what the story promises."""
    await exchange.reload_plan(story.plan())
    await exchange.phones(story.phones)
    phones = {number: exchange.phone(number) for number in story.phones}
    async with _stopped(exchange, story.without):
        calling = await exchange.dial(story.caller)
        async with _told(exchange, calling, phones):
            await calling.ended()
    record = await exchange.record(story.caller)
    return [
        _outcome(story, calling, record),
        *_legs(story, calling, phones, record),
        *_times(calling, record),
    ]


def _outcome(story: Story, calling: Calling, record: Record) -> Row:
    happened = "answered" if seen.seconds_until_answered(calling) is not None else "abandoned_ringing"
    if story.without == "pbx112":
        happened = f"fallback_{happened}"
    via = "the dialplan alone" if story.without == "pbx112" else "the daemon"
    recorded = {"daemon": "the daemon", "fallback": "the dialplan alone"}[str(record.call["via"])]
    return Row(
        "the call",
        f"{happened}, by {via}",
        f"{record.outcome}, by {recorded}",
        happened == record.outcome == story.outcome and via == recorded,
    )


def _legs(story: Story, calling: Calling, phones: dict[str, Phone], record: Record) -> list[Row]:
    rows = []
    for position, (line, wanted) in enumerate(story.tried):
        happened = seen.result_of(phones.get(line), calling)
        recorded = record.tried[position] if position < len(record.tried) else ("nothing", "")
        rows.append(
            Row(line, happened, " ".join(recorded), happened == wanted and recorded == (line, happened))
        )
    for line, result in record.tried[len(story.tried) :]:
        rows.append(Row(line, "was not to be rung", result, False))
    return rows


def _times(calling: Calling, record: Record) -> list[Row]:
    rang = seen.seconds_until_answered(calling)
    if rang is None:
        return []
    recorded = float(record.call["ring_seconds"])
    return [Row("until answered", f"{rang:.2f} s", f"{recorded:.2f} s", abs(rang - recorded) < CLOCKS)]


@asynccontextmanager
async def _stopped(exchange: Exchange, what: str) -> AsyncIterator[None]:
    """While the call is on, this is not there."""
    match what:
        case "pbx112":
            await exchange.daemon.stop()
            console.print("   [yellow]pbx112 is stopped[/yellow]")
        case "Postgres":
            await exchange.stop_postgres()
            console.print("   [yellow]Postgres is stopped[/yellow]")
    try:
        yield
    finally:
        match what:
            case "pbx112":
                await exchange.daemon.start()
                console.print("   [yellow]pbx112 is back[/yellow]")
            case "Postgres":
                await exchange.start_postgres()
                console.print("   [yellow]Postgres is back[/yellow]")


@asynccontextmanager
async def _told(exchange: Exchange, calling: Calling, phones: dict[str, Phone]) -> AsyncIterator[None]:
    """Meanwhile, what callers and phones see is printed as they see it."""
    printed: set[seen.Fact] = set()

    def tell() -> None:
        for fact in seen.facts(calling, phones):
            if fact not in printed:
                printed.add(fact)
                after = (fact.at - calling.sipp.messages[0].at).total_seconds()
                console.print(f"   [dim]{after:5.2f} s[/dim]  {fact.who} {fact.what}")

    async def follow() -> None:
        while True:
            tell()
            await asyncio.sleep(0.05)

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    await exchange.quiet()
    tell()


# --- the operator's desk ------------------------------------------------------------------------------------------


async def _play_desk(exchange: Exchange) -> list[Row]:
    """A citizen, a call taker, two agencies, a mark; the call taker hangs up, the others talk on."""
    await exchange.reload_plan(DESK)
    pressed = Answers(after=0.5, keys=codes("*13", "#31", "#61"), talk=12.0)
    await exchange.phones({"1101": pressed, "2101": SOON, "2121": SOON})
    caller = Caller(talk=60.0)
    calling = await exchange.dial(caller)
    for leg in (2, 3):
        await exchange.told(caller, "LegAccepted", leg=leg)
    await exchange.told(caller, "LegEnded", leg=1)
    dropped = calling.hung_up_by_exchange
    calling.hang_up()
    await calling.ended()
    record = await exchange.record(caller)
    marks = [json.loads(event["body"]) for event in record.events if event["kind"] == "CallMarked"]
    legs = ", ".join(" ".join(leg) for leg in record.tried)
    said = ", ".join(str(mark.get("disposition") or mark.get("incident")) for mark in marks)
    everybody = "1101 accepted, 2101 accepted, 2121 accepted"
    return [
        Row("who was on the call", everybody, legs, legs == everybody),
        Row("the marks", "kebakaran, normal", said, said == "kebakaran, normal"),
        Row(
            "the call taker hung up",
            "the caller stays",
            f"ended by {record.call['ended_by']}",
            not dropped and record.call["ended_by"] == "caller",
        ),
    ]


async def _play_line(exchange: Exchange) -> list[Row]:
    """Two citizens and one call taker, who takes the second as soon as the first has hung up."""
    await exchange.reload_plan(DESK)
    await exchange.phones({"1101": SOON})
    first, second = Caller(talk=60.0), Caller(talk=60.0)
    talking = await exchange.dial(first)
    await exchange.told(first, "LegAccepted", leg=1)
    waiting = await exchange.dial(second)
    await exchange.told(second, "PromptHeard", prompt="waiting")
    talking.hang_up()
    await exchange.told(second, "LegAccepted", leg=1)
    waiting.hang_up()
    await waiting.ended()
    record = await exchange.record(second)
    legs = ", ".join(" ".join(leg) for leg in record.tried)
    waited = float(record.call["wait_seconds"])
    return [
        Row("the second citizen", "waits with music", f"waited {waited:.2f} s", waited > 0),
        Row("and then", "1101 accepted", legs, legs == "1101 accepted" and record.outcome == "answered"),
    ]


async def _play_codes(exchange: Exchange) -> list[Row]:
    """One of two call takers logs out by a code, and in again."""
    await exchange.reload_plan(
        DESK.replace('{extension: "1101"}', '{extension: "1101"}, {extension: "1102"}')
    )
    await exchange.phones({"1102": SOON})
    rows = []
    for code, state in (("*1120", "logged_out"), ("*1121", "ready")):
        here, address = exchange.network.exchange, exchange.addresses()["1101"]
        async with baresip(exchange.folder / "codes", "1101", address, here, 880) as phone:
            await phone.dial(f"sip:{code}@{here}")
            noted = await noted_of(exchange.dsn, "LineStateChanged", by="1101", state=state)
        rows.append(Row(f"1101 dials {code}", state, str(noted["state"]), noted["state"] == state))
        await exchange.quiet()
        if state == "logged_out":
            caller = Caller(talk=1.0)
            await (await exchange.dial(caller)).ended()
            record = await exchange.record(caller)
            legs = ", ".join(" ".join(leg) for leg in record.tried)
            rows.append(Row("who was rung", "1102 accepted", legs, legs == "1102 accepted"))
    return rows


# --- sound ------------------------------------------------------------------------------------------------------


async def _play_sound(exchange: Exchange) -> list[Row]:
    await exchange.reload_plan(STORIES[0].plan())
    await exchange.phones({})
    net, folder, citizen_number = exchange.network, exchange.folder / "sound", "081271129999"
    desk_at = exchange.addresses()["2101"]
    async with (
        baresip(folder / "desk", "2101", desk_at, net.exchange, 880) as desk,
        baresip(folder / "citizen", citizen_number, net.incoming_trunk, net.exchange, 440) as citizen,
    ):
        await citizen.dial(f"sip:112@{net.exchange}")
        await desk.hears(440)
        await citizen.hears(880)
        heard = f"desk hears {desk.heard():g} Hz, citizen hears {citizen.heard():g} Hz"
        await citizen.hang_up()
    record = await record_of(exchange.dsn, citizen_number)
    legs = ", ".join(" ".join(leg) for leg in record.tried)
    return [
        Row(
            "the sound", heard, f"talked {record.call['talk_seconds']:.2f} s", record.call["talk_seconds"] > 0
        ),
        Row("the call", "2101 accepted", legs, legs == "2101 accepted" and record.outcome == "answered"),
    ]


async def _stay(exchange: Exchange) -> None:
    """Up until Ctrl-C, with the example plan and phones that answer."""
    await exchange.reload_plan(EXAMPLE.read_text(encoding="utf-8"))
    await exchange.phones(willing_phones(exchange), remember=False)
    enough = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, enough.set)
    console.print(
        f"\nThe exchange stays up with {EXAMPLE.name}: call 112 at {sip_address(exchange.network.exchange)} "
        f"from {exchange.network.incoming_trunk}. Ctrl-C ends it."
    )
    await enough.wait()


def play(*, once: bool) -> None:
    """Run the demo; exit code 1 where a record is not true."""
    try:
        true = asyncio.run(demo(once=once))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if true else 1)


if __name__ == "__main__":
    play(once="--once" in sys.argv[1:])
