"""From which numbers pranks come: by the marks of the plan's time, over a restart, and within bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pbx112.ari import events as rest
from pbx112.ari.model import Channel, Dialplan, Party
from pbx112.model import stimuli, waiting
from pbx112.model.events import (
    CallArrived,
    CallEvent,
    CallMarked,
    Disposition,
    Instant,
    NuisanceLifted,
)
from pbx112.model.state import Questioned, Reaching, Waiting
from pbx112.plan.types import CallTakers, Nuisance
from pbx112.switch import pranks as bounds
from pbx112.switch.ledger import Ledger
from pbx112.switch.live import now
from pbx112.switch.pranks import Pranks
from pbx112.switch.record import draft
from pbx112.switch.switch import Switch

from ..model.desk import agency, extension, plan
from .test_line import picks_up, soon
from .test_waiting import NOWHERE, a_journal, hangs_up, where

NUMBER, OTHER = "+6281234567890", "+6281234567891"
RULE = Nuisance(2, 24, question=True)
HOUR = 3_600_000_000
START = 1_790_000_000_000_000
TAKERS = CallTakers("all", (extension("1101"),), "damkar")
PLAN = replace(plan(agency("damkar", extension("2101")), call_takers=TAKERS), nuisance=RULE)


def at(hours: float) -> Instant:
    return Instant(START + int(hours * HOUR), int(hours * HOUR) * 1000)


def arrival(number: str | None) -> CallArrived:
    return CallArrived("x", number or "", number, number is not None, "112")


def mark(said: Disposition = Disposition.PRANK) -> CallMarked:
    return CallMarked("1101", disposition=said)


def marked(number: str | None, *hours: float) -> Pranks:
    known = Pranks()
    for place, hour in enumerate(hours):
        known.heed(f"c{place}", arrival(number), at(hour))
        known.heed(f"c{place}", mark(), at(hour))
    return known


def count(known: Pranks, hours: float, number: str = NUMBER) -> int:
    return known.of(number, RULE, at(hours).utc_us)


def test_more_marks_than_are_borne_within_the_time_and_it_ends_by_itself() -> None:
    known = marked(NUMBER, 1, 2, 3)
    assert count(known, 3) == 3
    assert count(known, 24.9) == 3
    assert count(known, 25.1) == 0, "the first is too long ago"
    assert count(known, 3, OTHER) == 0
    assert known.all(RULE, at(3).utc_us) == [NUMBER]
    assert count(marked(NUMBER, 1, 2), 3) == 0, "two are borne"


def test_one_call_counts_once_and_what_was_said_last_counts() -> None:
    known = marked(NUMBER, 1, 2, 3)
    known.heed("c1", mark(), at(4))
    assert count(known, 4) == 3
    known.heed("c1", CallMarked("1101", incident="kebakaran"), at(4))
    assert count(known, 4) == 3, "an incident says nothing of it"
    known.heed("c1", mark(Disposition.NORMAL), at(5))
    assert count(known, 5) == 0


def test_a_supervisor_lifts_it_and_later_pranks_count_anew() -> None:
    known = marked(NUMBER, 1, 2, 3)
    known.heed("", NuisanceLifted("9001", NUMBER), at(4))
    assert count(known, 4) == 0
    for place in range(3):
        known.heed(f"d{place}", arrival(NUMBER), at(5))
        known.heed(f"d{place}", mark(), at(5))
    assert count(known, 5) == 3


def test_a_withheld_number_is_never_one() -> None:
    known = marked(None, 1, 2, 3, 4)
    assert known.all(RULE, at(4).utc_us) == []
    ledger = Ledger()
    assert ledger.nuisance(None, RULE, at(4).utc_us) == 0
    assert ledger.nuisance(NUMBER, None, at(4).utc_us) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALLS", "NUMBERS", "MARKS"):
        monkeypatch.setattr(bounds, name, 5)
    known = Pranks()
    for place in range(50):
        known.heed(f"c{place}", arrival(f"+62812{place % 10:07d}"), at(place / 100))
        known.heed(f"c{place}", mark(), at(place / 100))
        known.heed(f"d{place}", arrival(NUMBER), at(place / 100))
        known.heed(f"d{place}", mark(), at(place / 100))
    assert len(known._marked) == 5 and len(known._number_of) == 5
    assert count(known, 1) == 5, "the newest are kept"


async def arrives(switch: Switch, call_id: str, number: str) -> None:
    channel = Channel(
        call_id, name="PJSIP/gsm-1", state="Ring", caller=Party("", number), dialplan=Dialplan()
    )
    switch.on_event(rest.StasisStart(channel=channel, args=("intake",)))
    await soon()


async def test_a_restarted_daemon_knows_them_from_the_journal(tmp_path: Path) -> None:
    journal = await a_journal(tmp_path)
    present = now()
    told: list[tuple[str, CallEvent]] = []
    for place in range(3):
        told += [(f"c{place}", arrival(NUMBER)), (f"c{place}", mark())]
    ago = 30 * HOUR
    before = Instant(present.utc_us - ago, present.mono_ns - ago * 1000)
    for when, hours in ((before, 30), (present, 0)):
        await journal.append([draft(f"{call}-{hours}", event, when, "plan") for call, event in told])
    ledger = Ledger()
    await ledger.recover(journal, present, hours=48)
    assert ledger.nuisance(NUMBER, replace(RULE, within_hours=48), present.utc_us) == 6
    assert ledger.nuisance(NUMBER, RULE, present.utc_us) == 3
    assert ledger.nuisances(RULE, present.utc_us) == [NUMBER]
    await journal.close()


async def test_whoever_presses_nothing_is_served_after_who_came_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "QUESTION_WAIT", 0.0)
    journal = await a_journal(tmp_path)
    switch = Switch(NOWHERE, journal, PLAN)
    for place in range(3):
        await arrives(switch, f"p{place}", NUMBER)
        picks_up(switch, f"p{place}")
        switch.record(f"p{place}", [mark()], now())
        await hangs_up(switch, f"p{place}")
    await arrives(switch, "c1", OTHER)
    picks_up(switch, "c1")
    await arrives(switch, "bad", NUMBER)
    assert where(switch, Questioned) == ["bad"]
    await arrives(switch, "quick", NUMBER)
    switch.on_event(rest.ChannelDtmfReceived(channel=Channel("quick"), digit="1"))
    live = switch.calls.get("bad")
    assert live is not None
    live.tell(stimuli.PromptDone("question", played=True))
    live.tell(stimuli.TimePassed())
    await arrives(switch, "c2", "+6281234567892")
    assert sorted(where(switch, Waiting)) == ["bad", "c2", "quick"]
    served: list[str] = []
    for _ in range(3):
        talker = "c1" if not served else served[-1]
        await hangs_up(switch, talker)
        await soon()
        [next_one] = where(switch, Reaching)
        picks_up(switch, next_one)
        served.append(next_one)
    assert served == ["quick", "c2", "bad"]
    await switch.stop()
    await journal.close()
