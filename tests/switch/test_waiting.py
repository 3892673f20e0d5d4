"""Whose turn it is, as the switch keeps it; and what has been placed over a trunk within the hour."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbx112.ari import AriSettings
from pbx112.ari import events as rest
from pbx112.ari.model import Channel, Dialplan
from pbx112.journal import Draft, Journal
from pbx112.model.events import (
    CallBackPlaced,
    CallEnded,
    Instant,
    LegEnded,
    LegOffered,
    LegResult,
    LineTestPlaced,
    Target,
)
from pbx112.model.state import Ended, Reaching, Waiting
from pbx112.switch.live import now
from pbx112.switch.record import draft
from pbx112.switch.switch import Switch
from pbx112.switch.trunks import BLOCK, HOUR, TrunkHours

from ..model.desk import agency, extension, plan

NOWHERE = AriSettings(url="http://127.120.0.1:9", user="u", password="p", app="pbx112")
MOBILE = Target("damkar", "+62812", "mobile", "PJSIP/+62812@gsm", "A", 25.0, "press_1", 12.0, trunk="gsm")
SECOND = 10**9


async def a_journal(folder: Path) -> Journal:
    return await Journal.open(
        folder / "journal.db",
        closing=[CallEnded.__name__],
        gap=lambda lost, why: Draft("", 0, 0, "", "JournalGap", b"{}"),
        on_alarm=pytest.fail,
    )


def arrives(switch: Switch, call_id: str) -> None:
    channel = Channel(call_id, name="PJSIP/gsm-1", state="Ring", dialplan=Dialplan(exten="112"))
    switch.on_event(rest.StasisStart(channel=channel, args=("intake",)))


async def hangs_up(switch: Switch, call_id: str) -> None:
    switch.on_event(rest.ChannelDestroyed(channel=Channel(id=call_id), cause=16))
    for _ in range(5):
        await asyncio.sleep(0)


def where(switch: Switch, kind: type) -> list[str]:
    return [call.call_id for call in switch.live_calls() if isinstance(call.situation, kind)]


async def test_one_call_ends_and_one_goes_on_in_the_order_of_arrival(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101")), at_once=2))
    for number in range(1, 7):
        arrives(switch, f"c{number}")
    assert where(switch, Reaching) == ["c1", "c2"]
    assert where(switch, Waiting) == ["c3", "c4", "c5", "c6"]
    await hangs_up(switch, "c4")
    assert where(switch, Reaching) == ["c1", "c2"], "one who waits makes no room"
    await hangs_up(switch, "c2")
    assert where(switch, Reaching) == ["c1", "c3"]
    await hangs_up(switch, "c1")
    await hangs_up(switch, "c3")
    assert where(switch, Reaching) == ["c5", "c6"]
    assert where(switch, Waiting) == []
    await switch.stop()
    await journal.close()


async def test_another_plan_with_more_room_lets_as_many_go_on(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, plan(agency("damkar", extension("2101")), at_once=1))
    for number in range(1, 6):
        arrives(switch, f"c{number}")
    switch.use_plan(plan(agency("damkar", extension("2101")), at_once=3))
    for _ in range(10):
        await asyncio.sleep(0)
    assert where(switch, Reaching) == ["c1", "c2", "c3"]
    assert not where(switch, Ended)
    await switch.stop()
    await journal.close()


def offered(call_id: str, at: Instant, *, placed: bool = True) -> Draft:
    return draft(call_id, LegOffered(1, f"{call_id}-leg1", MOBILE, placed), at, "plan")


async def test_the_hour_is_read_back_from_the_journal_block_by_block(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    present = now()

    def ago(seconds: int) -> Instant:
        return Instant(present.utc_us - seconds * 1_000_000, present.mono_ns - seconds * SECOND)

    await journal.append([offered(f"old{n}", ago(3601)) for n in range(5)])
    await journal.append([offered(f"c{n}", ago(3000)) for n in range(BLOCK + 7)])
    await journal.append([offered(f"no{n}", ago(10), placed=False) for n in range(3)])
    earlier_boot = Instant(present.utc_us - 7200 * 1_000_000, present.mono_ns - 5 * SECOND)
    await journal.append([offered("boot", earlier_boot)])
    hours = TrunkHours()
    hours.place("gsm", present.mono_ns + 1)
    await hours.recover(journal, present)
    assert hours.within_hour(present.mono_ns + 1) == {"gsm": BLOCK + 8}
    assert hours.within_hour(present.mono_ns - 3000 * SECOND + HOUR) == {"gsm": 1}, (
        "an hour later only the last"
    )
    await journal.close()


async def test_tests_and_calls_back_count_for_the_hour_after_a_restart_too(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    present = now()
    before = present.before(60)
    await journal.append(
        [
            draft("c1", CallBackPlaced("1101", "+6281300000001", "gsm"), before, "plan"),
            draft("", LineTestPlaced("run", "damkar", MOBILE.number, 1, "gsm"), before, "plan"),
            draft("", LineTestPlaced("run", "damkar", "2101", 1), before, "plan"),
        ]
    )
    hours = TrunkHours()
    await hours.recover(journal, present)
    assert hours.within_hour(present.mono_ns) == {"gsm": 2}
    await journal.close()


def test_the_alarm_is_raised_once_until_the_trunk_is_used_again() -> None:
    hours = TrunkHours()
    refused = (
        LegOffered(1, "c1-leg1", MOBILE, placed=False),
        LegEnded(1, LegResult.UNAVAILABLE, detail="trunk_hour_full"),
    )
    with capture_logs() as logs:
        hours.heed(None, refused)
        hours.heed(None, refused)
        assert len(logs) == 1
        hours.place("gsm", 1)
        hours.heed(None, refused)
    assert [line["trunk"] for line in logs] == ["gsm", "gsm"]
