"""More citizens call than are served at once: who comes last hears so, waits with music, and has its turn."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise

from lab.callers import Caller, Calling
from lab.exchange import Exchange
from lab.network import SIP, free_udp_ports
from lab.phones import SILENT, Answers
from lab.processes import eventually
from lab.records import told_of
from pbx112.journal import Reader
from tests.sip import Telephone

from .plans import plan


def served_at_once(calls: int, longest: float = 120) -> str:
    text = plan(takers_ring_for=30)
    return text.replace("menu_wait: 2", f"menu_wait: 2, max_calls: {calls}, max_wait: {longest:g}")


def journalled(exchange: Exchange, kind: str) -> list[str]:
    """The open calls of which this is told, in that order."""
    with Reader(exchange.folder / "journal" / "journal.db") as reader:
        stories = reader.of_subjects(reader.open_subjects()).values()
    entries = sorted((entry for story in stories for entry in story), key=lambda entry: entry.seq)
    return [entry.subject for entry in entries if entry.kind == kind]


def kinds(exchange: Exchange) -> list[str]:
    """The kinds of all events of open calls."""
    with Reader(exchange.folder / "journal" / "journal.db") as reader:
        stories = reader.of_subjects(reader.open_subjects()).values()
    return [entry.kind for story in stories for entry in story]


async def queued(exchange: Exchange, callers: int) -> None:
    """Wait until so many open calls were told to wait."""
    await eventually(lambda: len(journalled(exchange, "CallQueued")) >= callers, 5)


async def dialled(exchange: Exchange, callers: int) -> tuple[list[Caller], list[Calling]]:
    """So many citizens, one after the other; each is known before the next one dials."""
    who = [Caller() for _ in range(callers)]
    calling = []
    for caller in who:
        calling.append(await exchange.dial(caller))
        await eventually(lambda: len(journalled(exchange, "CallArrived")) == len(calling), 5)
    return who, calling


async def test_the_third_caller_waits_and_is_answered_when_the_first_has_hung_up(exchange: Exchange) -> None:
    await exchange.reload_plan(served_at_once(2))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    who, calling = await dialled(exchange, 3)
    await calling[2].answered(within=3)
    assert not calling[1].sipp.received(200), "who is served still hears it ring"
    await eventually(lambda: "PromptHeard" in kinds(exchange), 8)
    await exchange.phones({"1101": Answers(after=0.2), "1102": SILENT})
    calling[0].hang_up()
    await exchange.phone("1101").until_rung()
    await eventually(lambda: len(journalled(exchange, "LegAccepted")) == 1, 5)
    calling[1].hang_up()
    calling[2].hang_up()
    record = await exchange.record(who[2])
    assert record.outcome == "answered"
    assert record.tried[0][1] == "accepted"
    told = [event["kind"] for event in record.events]
    assert told.index("CallQueued") < told.index("PromptHeard") < told.index("CallAdmitted")
    assert told.index("CallAdmitted") < told.index("LegOffered")
    assert 0 < record.call["wait_seconds"] < record.call["ring_seconds"]
    assert (await exchange.record(who[0])).call["wait_seconds"] == 0
    await exchange.quiet()


async def test_who_waits_hears_the_word_then_music_then_the_word_again(exchange: Exchange) -> None:
    """Never 2 s of nothing."""
    await exchange.reload_plan(served_at_once(1))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    [first] = (await dialled(exchange, 1))[1]
    telephone = Telephone(
        exchange.network.incoming_trunk, next(free_udp_ports(exchange.network.incoming_trunk)), ""
    )
    await telephone.open()
    waiting = telephone.call("112", "081234567899", (exchange.network.exchange, SIP))
    await waiting.until(waiting.connected)
    await eventually(lambda: kinds(exchange).count("PromptHeard") == 1, 10)
    spoken = len(telephone.sounds)
    assert spoken > 100, "two seconds of voice at least"
    await eventually(lambda: "WaitAnnounced" in kinds(exchange), 25)
    assert len(telephone.sounds) - spoken > 500, "ten seconds of music at least"
    await eventually(lambda: kinds(exchange).count("PromptHeard") == 2, 10)
    moments = [*telephone.sounds, asyncio.get_running_loop().time()]
    assert max(after - before for before, after in pairwise(moments)) < 2
    waiting.hang_up()
    telephone.close()
    first.hang_up()
    await exchange.quiet()


async def test_who_hangs_up_while_waiting_is_in_the_record(exchange: Exchange) -> None:
    await exchange.reload_plan(served_at_once(1))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    who, calling = await dialled(exchange, 2)
    await calling[1].answered(within=3)
    calling[1].hang_up()
    record = await exchange.record(who[1])
    assert (record.outcome, record.call["ended_by"], record.legs) == ("abandoned_waiting", "caller", ())
    assert record.call["wait_seconds"] == record.call["ring_seconds"]
    calling[0].hang_up()
    await exchange.quiet()


async def test_nobody_waits_longer_than_the_plan_says(exchange: Exchange) -> None:
    await exchange.reload_plan(served_at_once(1, longest=5))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    who, calling = await dialled(exchange, 2)
    await eventually(lambda: journalled(exchange, "CallAdmitted") == journalled(exchange, "CallQueued"), 9)
    await eventually(lambda: exchange.phone("1101").rang == 2, 5)
    for each in calling:
        each.hang_up()
    record = await exchange.record(who[1])
    assert record.outcome == "abandoned_ringing"
    assert 4.9 < record.call["wait_seconds"] < 6
    await exchange.quiet()


async def test_a_daemon_killed_while_two_wait_keeps_their_order(exchange: Exchange) -> None:
    await exchange.reload_plan(served_at_once(1))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    who, calling = await dialled(exchange, 3)
    await queued(exchange, 2)
    waiting = journalled(exchange, "CallQueued")
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await eventually(lambda: len(journalled(exchange, "CallResumed")) == 3, 5)
    assert journalled(exchange, "CallAdmitted") == []
    calling[0].hang_up()
    await eventually(lambda: journalled(exchange, "CallAdmitted") == waiting[:1], 5)
    calling[1].hang_up()
    await eventually(lambda: journalled(exchange, "CallAdmitted") == waiting[1:], 5)
    calling[2].hang_up()
    for caller in who[1:]:
        record = await exchange.record(caller)
        assert (record.outcome, record.call["resumed"]) == ("abandoned_ringing", 1)
    await exchange.quiet()


async def test_a_plan_with_more_room_lets_them_go_on_in_their_order(exchange: Exchange) -> None:
    await exchange.reload_plan(served_at_once(1))
    await exchange.phones({"1101": SILENT, "1102": SILENT})
    _, calling = await dialled(exchange, 4)
    await queued(exchange, 3)
    waiting = journalled(exchange, "CallQueued")
    await exchange.reload_plan(served_at_once(3))
    await eventually(lambda: len(journalled(exchange, "CallAdmitted")) == 2, 5)
    assert journalled(exchange, "CallAdmitted") == waiting[:2]
    for each in calling:
        each.hang_up()
    await exchange.quiet()


async def test_a_stopping_daemon_leaves_who_waits_to_the_dialplan(exchange: Exchange) -> None:
    await exchange.reload_plan(served_at_once(1).replace('{extension: "1102"}', '{extension: "2199"}'))
    await exchange.phones({"1101": Answers(after=0.5)})
    calling = await exchange.dial(Caller())
    await calling.answered()
    await eventually(lambda: journalled(exchange, "LegAccepted") != [], 5)
    waits = await exchange.dial(Caller())
    await queued(exchange, 1)
    await exchange.daemon.stop()
    await eventually(lambda: exchange.phone("1101").rang == 2, 5)
    await exchange.daemon.start()
    for each in (calling, waits):
        each.hang_up()
    await exchange.quiet()


async def test_while_all_call_takers_talk_callers_wait_in_line_also_over_a_restart(
    exchange: Exchange,
) -> None:
    """The third is rung through as soon as one is free; the fourth has the menu when its time is over."""
    await exchange.reload_plan(plan(then="menu", takers_ring="in_order", line=10))
    await exchange.phones({"1101": Answers(after=0.1), "1102": Answers(after=0.1)})
    who, calling = [Caller(talk=60) for _ in range(4)], []
    for caller in who:
        calling.append(await exchange.dial(caller))
        await exchange.told(caller, "CallArrived")
        if len(calling) < 3:
            await exchange.told(caller, "LegAccepted", leg=1)
    for waits in calling[2:]:
        await waits.answered(within=3)
    waiting = journalled(exchange, "CallQueued")
    assert len(waiting) == 2
    await exchange.daemon.kill()
    await exchange.daemon.start()
    await eventually(lambda: len(journalled(exchange, "CallResumed")) == 4, 5)
    calling[1].hang_up()
    await exchange.told(who[2], "LegAccepted", leg=1)
    assert journalled(exchange, "CallAdmitted") == waiting[:1]
    await exchange.told(who[3], "MenuOffered")
    for each in (calling[0], *calling[2:]):
        each.hang_up()
    third, fourth = [await exchange.record(caller) for caller in who[2:]]
    assert third.tried == (("1102", "accepted"),), "1101 talks: its phone is left alone"
    assert (fourth.outcome, fourth.legs) == ("abandoned_menu", ())
    assert 9.9 < fourth.call["wait_seconds"] < 11
    await exchange.quiet()


async def test_a_caller_who_was_greeted_is_told_that_somebody_else_is_tried(exchange: Exchange) -> None:
    """While the next telephone rings; and never 2 s of nothing."""
    text = plan(answer="on_arrival", takers_ring_for=8)
    await exchange.reload_plan(text.replace('"2101", ring_for: 2', '"2101", ring_for: 9'))
    await exchange.phones({"1101": SILENT, "1102": SILENT, "2101": Answers(after=7)})
    here = exchange.network.incoming_trunk
    telephone = Telephone(here, next(free_udp_ports(here)), "")
    await telephone.open()
    caller = telephone.call("112", "081234567898", (exchange.network.exchange, SIP))
    await caller.until(caller.connected)
    asked = partial(told_of, exchange.dsn, "081234567898")
    greeted = await asked("PromptHeard", prompt="greeting", played=True)
    rings = await asked("LegOffered", leg=3)
    spoken = await asked("PromptHeard", prompt="next", played=True)
    accepted = await asked("LegAccepted", leg=3)
    assert greeted["at"] < rings["at"] < spoken["at"] < accepted["at"]
    assert (await exchange.phone("2101").until_rung()).at.timestamp() < spoken["at"].timestamp() - 1
    moments = [*telephone.sounds, asyncio.get_running_loop().time()]
    assert max(after - before for before, after in pairwise(moments)) < 2
    caller.hang_up()
    telephone.close()
    await exchange.quiet()
