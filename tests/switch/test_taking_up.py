"""What is taken up after a restart: the journal read back, and Asterisk's channels told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbx112.ari import AriSettings, Bridge, Channel
from pbx112.ari import events as rest
from pbx112.ari.model import Dialplan
from pbx112.cdr.fallback import Position
from pbx112.cdr.fallback_story import FallbackCall
from pbx112.journal import Draft, Entry, Journal
from pbx112.model import asks, stimuli
from pbx112.model.events import (
    TOLD_AFTER_THE_END,
    CallArrived,
    CallEnded,
    CallEvent,
    CallMarked,
    Instant,
    Outcome,
    StageEntered,
)
from pbx112.model.state import Call
from pbx112.model.stimuli import Resumed
from pbx112.switch.fallback import Takeover
from pbx112.switch.live import now, urgent_first
from pbx112.switch.reconcile import Found, call_of, compare
from pbx112.switch.record import draft, told
from pbx112.switch.requests import BRIDGE_NAME
from pbx112.switch.switch import Switch

from ..model.desk import Desk, agency, extension, mobile, plan

NOWHERE = AriSettings(url="http://127.120.0.1:9", user="u", password="p", app="pbx112")
ARRIVED = CallArrived("c1", "0812", None, False, "112")
DAY = 86_400 * 10**9


async def a_journal(folder: Path) -> Journal:
    return await Journal.open(
        folder / "journal.db",
        closing=[CallEnded.__name__],
        late=[kind.__name__ for kind in TOLD_AFTER_THE_END],
        gap=lambda lost, why: Draft("", 0, 0, "", "JournalGap", b"{}"),
        on_alarm=lambda what: None,
    )


async def kept(journal: Journal, call_id: str, at: Instant, *events: CallEvent) -> None:
    await journal.append([draft(call_id, event, at, "plan") for event in events])


async def recovered(journal: Journal) -> Switch:
    """A switch that has taken up what the journal holds, and finds no Asterisk."""
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"))))
    running = asyncio.create_task(switch.run())
    while switch._connection is None:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return switch


async def test_an_event_that_cannot_be_read_costs_no_call(tmp_path: Path) -> None:
    """A journal that a later version wrote, or a damaged one."""
    journal = await a_journal(tmp_path)
    at = now()
    await kept(journal, "c1", at, ARRIVED)
    await journal.append(
        [Draft("c1", at.utc_us, at.mono_ns, "", "FromTheFuture", b'{"kind":"FromTheFuture"}')]
    )
    with capture_logs() as logs:
        switch = await recovered(journal)
    assert [call.call_id for call in switch.live_calls()] == ["c1"]
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "journal: an event cannot be read"
    ]
    await journal.close()


async def test_a_call_without_its_arrival_is_closed_once(tmp_path: Path) -> None:
    """Its beginning fell into a gap: it must not stay open for ever."""
    journal = await a_journal(tmp_path)
    await kept(journal, "c1", now(), StageEntered("damkar", "first", 1, ()))
    switch = await recovered(journal)
    await journal.append([])
    assert switch.live_calls() == []
    assert await journal.open_subjects() == []
    assert (await journal.of_subject("c1"))[-1].kind == "CallEnded"
    await journal.close()


async def test_a_call_whose_end_the_journal_lost_ends_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it has no record, and the journal cannot be pruned any more: for months."""
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"))))
    long_ago = now().before(40 * 86_400)
    await kept(journal, "c1", long_ago, ARRIVED)
    await kept(journal, "c2", long_ago, StageEntered("damkar", "first", 1, ()))
    switch.arrived(Channel("c3"))
    await journal.append([])
    surveyed: list[list[str]] = []

    async def survey(ari: object, app: str, calls: list[Call], plan: object) -> Found:
        surveyed.append([call.call_id for call in calls])
        return Found({call.call_id: Resumed(caller_gone=True) for call in calls}, (), (), ())

    monkeypatch.setattr("pbx112.switch.left_open.survey", survey)
    looks = switch._left_open
    await looks.look()
    await looks.look()
    assert surveyed == [], "without Asterisk nobody knows"
    monkeypatch.setattr(Switch, "connected", True)
    await looks.look()
    assert surveyed == [], "their ends may be on their way"
    await looks.look()
    assert surveyed == [["c1"]]
    async with asyncio.timeout(5):
        while "c1" in switch.calls:
            await asyncio.sleep(0)
    await journal.append([])
    assert await journal.open_subjects() == ["c3"]
    for call_id in ("c1", "c2"):
        assert (await journal.of_subject(call_id))[-1].kind == "CallEnded"
    assert await journal.prune(9, long_ago.utc_us + 1) == 2
    await journal.close()


async def test_moments_of_an_earlier_boot_are_put_in_their_place(tmp_path: Path) -> None:
    """The machine was up for longer before: no deadline may lie days ahead."""
    journal = await a_journal(tmp_path)
    present = now()
    before = Instant(present.utc_us - 5_000_000, present.mono_ns + DAY)
    await kept(journal, "c1", before, ARRIVED)
    [(at, _)] = told(await journal.of_subject("c1"), present)
    assert present.mono_ns - at.mono_ns == 5 * 10**9
    await journal.close()


async def test_a_hang_up_that_cannot_be_asked_for_now_is_owed(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"))))
    for _ in range(2):
        assert await switch.ask(asks.Hangup("c1-leg1")) is None
    assert len(switch._debts) == 1
    await journal.close()


def channel(id_: str, state: str = "Up", app: str = "") -> Channel:
    return Channel(id_, state=state, dialplan=Dialplan(app_name="Stasis" if app else "", app_data=app))


def test_a_second_exchange_daemon_on_the_same_asterisk_keeps_its_calls() -> None:
    """It has an application of its own; its legs and bridges look like ours."""
    channels = [
        channel("theirs", app="other,intake"),
        channel("theirs-leg1", "Ringing"),
        channel("gone-leg1", "Ringing"),
        channel("ours", app="pbx112,intake"),
        channel("ours-leg1", "Ringing"),
    ]
    bridges = [Bridge(f"{call}-bridge", name=BRIDGE_NAME) for call in ("theirs", "gone", "ours")]
    found = compare("pbx112", {}, channels, bridges, 0, plan(agency("damkar", extension("2101"))))
    assert [arrival.id for arrival in found.arrivals] == ["ours"]
    assert found.orphans == ("gone-leg1", "ours-leg1")
    assert found.bridges == ("gone-bridge", "ours-bridge")


def test_a_phone_that_is_up_but_not_ours_yet_is_not_joined() -> None:
    desk = Desk(plan(agency("damkar", extension("2101"))))
    desk.arrives()
    assert desk.call is not None
    known = {"c1": desk.call}
    caller = channel("c1", app="pbx112,intake")
    assert compare("pbx112", known, [caller, channel("c1-leg1")], [], 0, desk.plan).resumed["c1"].up == ()
    in_hand = channel("c1-leg1", app="pbx112,leg")
    assert compare("pbx112", known, [caller, in_hand], [], 0, desk.plan).resumed["c1"].up == (1,)


def test_the_recordings_of_a_call() -> None:
    assert call_of("112-lab-17.5") == "lab-17.5"
    assert call_of("112-lab-17.5-leg3") == "lab-17.5"
    assert call_of("holiday") is None


def test_the_answer_goes_first_then_hang_ups_and_lines() -> None:
    """A line rung again must be free; what the caller hears follows."""
    desk = Desk(plan(agency("damkar", extension("2101"), mobile("+6281200000001"), ring="all")))
    desk.arrives()
    ring, lines = asks.Ring("c1"), desk.asked(asks.Originate)
    hang_up, answer = asks.Hangup("c1-leg1"), asks.Answer("c1")
    assert urgent_first([ring, hang_up, *lines, answer]) == [answer, hang_up, *lines, ring]
    join = asks.Join(1, "c1-bridge", ("c1", "c1-leg1"))
    assert urgent_first([answer, join, hang_up]) == [answer, join, hang_up], (
        "nobody waits for the others to stop"
    )


async def test_a_caller_whose_call_has_ended_is_no_new_one(tmp_path: Path) -> None:
    """Its entry into our application was told late, or twice: the record is closed, and stays one."""
    journal = await a_journal(tmp_path)
    switch = await recovered(journal)
    channel = Channel("c1", dialplan=Dialplan("pbx112-intake", "112", 2, "Stasis", "pbx112,intake"))
    switch.on_event(rest.StasisStart(channel=channel, args=("intake",)))
    switch.on_event(rest.ChannelHangupRequest(channel=channel, cause=16))
    while switch.live_calls():
        await asyncio.sleep(0.01)
    switch.on_event(rest.StasisStart(channel=channel, args=("intake",)))
    assert switch.live_calls() == []
    assert [entry.kind for entry in await journal.of_subject("c1")].count("CallArrived") == 1
    await journal.close()


async def test_a_mark_of_a_call_that_has_left_the_journal_begins_none(tmp_path: Path) -> None:
    """The daemon has run for months: an agency's phone marks its last call, which was pruned long ago."""
    journal = await a_journal(tmp_path)
    today = now()
    await kept(journal, "c1", today.before(40 * 86_400), ARRIVED, CallEnded(Outcome.ANSWERED, "staff"))
    assert await journal.prune(9, today.utc_us) == 2
    await kept(journal, "c1", today, CallMarked("2101", disposition="prank"))
    await kept(journal, "c2", today, ARRIVED, CallEnded(Outcome.ANSWERED, "staff"))
    assert await journal.prune(9, today.utc_us + 1) == 3, "what is younger can still leave"
    await kept(journal, "c1", today, CallMarked("2101", disposition="normal"))
    await recovered(journal)
    assert [entry.kind for entry in await journal.of_subject("c1")] == ["CallMarked"]
    await journal.close()


async def test_a_caller_whom_we_cannot_read_is_the_fallbacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours: else it would be known, and nobody would ever serve it."""
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"))))
    asked: list[asks.Request] = []

    async def ask(request: asks.Request) -> None:
        asked.append(request)

    def faulty(*_: object, **__: object) -> None:
        raise ImportError("phonenumbers.data.region_XK")

    monkeypatch.setattr(switch, "ask", ask)
    monkeypatch.setattr("pbx112.switch.switch.arrival", faulty)
    switch.arrived(Channel("c1"))
    await asyncio.sleep(0)
    assert asked == [asks.ToFallback("c1")]
    assert "c1" not in switch.calls, "the sweep finds it again if it stays"
    await journal.close()


async def test_a_call_that_even_giving_up_cannot_end_gives_its_circuit_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", mobile("+6281200000001"))))
    switch.arrived(Channel("c1"))
    assert switch.calls.load_beside(None) == {"gsm": 1}

    def faulty(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(switch, "record", faulty)
    switch.on_event(rest.ChannelDestroyed(channel=Channel(id="c1-leg1"), cause=17))
    async with asyncio.timeout(5):
        while "c1" in switch.calls:
            await asyncio.sleep(0)
    assert switch.calls.load_beside(None) == {}
    await journal.close()


async def test_what_the_fallback_did_with_a_call_of_ours_is_added_to_it_while_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"))))
    switch.arrived(Channel("c1"))
    live = switch.calls.get("c1")
    assert live is not None
    live.tell(stimuli.GivenUp("internal error"))
    at = now()
    arrived = CallArrived("c1", "0812", None, False, "112", via="fallback")
    events = ((at, arrived), (at, CallEnded(Outcome.FALLBACK_UNANSWERED, "caller")))

    async def none_is_written(subjects: Sequence[str]) -> dict[str, list[Entry]]:
        return {subject: [] for subject in subjects}

    with monkeypatch.context() as disk:
        disk.setattr(journal, "of_subjects", none_is_written)
        takeover = Takeover(tmp_path / "fallback.csv", journal, switch)
        await takeover._adopt([FallbackCall("c1", "plan", events)], Position(0, 0, ()))
    assert live.ended
    kinds = [entry.kind for entry in await journal.of_subject("c1")]
    assert kinds.count("CallArrived") == kinds.count("CallEnded") == 1
    await journal.close()


async def test_a_caller_whose_arrival_failed_inside_the_daemon_is_in_the_records_by_the_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in the first decision: nothing of the call is written, the fallback has it, and tells all."""
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101"))))
    with monkeypatch.context() as fault:
        fault.setattr("pbx112.switch.live.arrive", lambda *_: 1 / 0)
        switch.arrived(Channel("c1"))
    async with asyncio.timeout(5):
        while "c1" in switch.calls:
            await asyncio.sleep(0)
    assert switch._debts, "given to the fallback as soon as Asterisk can be asked"
    at = now()
    arrived = CallArrived("c1", "0812", None, False, "112", via="fallback")
    events = ((at, arrived), (at, CallEnded(Outcome.FALLBACK_UNANSWERED, "caller")))
    takeover = Takeover(tmp_path / "fallback.csv", journal, switch)
    await takeover._adopt([FallbackCall("c1", "plan", events)], Position(0, 0, ()))
    assert [entry.kind for entry in await journal.of_subject("c1")] == ["CallArrived", "CallEnded"]
    await journal.close()
