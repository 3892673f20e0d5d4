"""The administrator sees who waits, how long somebody waited, and how near each trunk is to its limits."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pbx112.journal import Draft
from pbx112.model import events as ev
from pbx112.switch.live import now
from tests.cdr import calls
from tests.cli.conftest import Pbx112, Write

ARRIVED = ev.CallArrived("in-1", "+6281311112222", "+6281311112222", True, "112")
QUEUED = ev.CallQueued("overload", ("sound:pbx112/waiting",), 120.0)
WAITED: list[calls.Timed] = [
    (0.0, ARRIVED),
    (0.0, QUEUED),
    (0.0, ev.CallerAnswered()),
    (4.0, ev.PromptHeard("waiting", played=True)),
    (24.0, ev.WaitAnnounced(2)),
    (30.0, ev.CallAdmitted("room")),
    (30.0, ev.StageEntered("damkar", "first", 1, ())),
    (32.0, ev.CallerLeft(16)),
    (32.0, ev.CallEnded(ev.Outcome.ABANDONED_RINGING, "caller")),
]


def just_now(call_id: str, *events: ev.CallEvent) -> list[Draft]:
    at = now()
    return [Draft(call_id, at.utc_us, at.mono_ns, "p", type(e).__name__, ev.encode(e)) for e in events]


def test_the_live_calls_tell_who_waits(pbx112: Pbx112, write: Write) -> None:
    write(just_now("call-1", ARRIVED, QUEUED))
    shown = pbx112("status").stdout
    assert "Live calls: 1, 1 of them waiting" in shown
    assert "waits for its turn" in shown


def test_a_call_that_waited_tells_how_long(pbx112: Pbx112, write: Write) -> None:
    write(calls.drafts("call-1", WAITED))
    lines = [" ".join(line.split()) for line in pbx112("cdr", "call-1").stdout.splitlines()]
    assert "ring 32.0 s" in lines and "waited 30.0 s of these" in lines
    story = "\n".join(lines)
    assert "has to wait: as many calls are served as may be; goes on after 120 s in any case" in story
    assert "is told to wait, time 2" in story
    assert "goes on: it is its turn" in story


def test_the_trunks_tell_how_near_they_are_to_their_limits(pbx112: Pbx112, write: Write) -> None:
    """Calls of the past hour, ended or not; not those of before, and not those that were refused."""
    offered = ev.LegOffered(1, "leg-1", calls.MOBILE)
    refused = ev.LegOffered(2, "leg-2", calls.MOBILE, placed=False)
    write([*calls.drafts("call-0", calls.answered()), *just_now("call-1", ARRIVED, offered, refused)])
    [line] = [line for line in pbx112("status").stdout.splitlines() if re.match(r" *gsm ", line)]
    assert line.split() == ["gsm", "1", "of", "4", "1", "of", "300", "not", "watched"]
    plan = Path(os.environ["PBX112_AGENCIES"])
    plan.write_text(plan.read_text().replace('allow: ["+628"]', 'allow: ["+628"], max_per_hour: 1'))
    assert "1 of 1; full, its lines are passed over" in pbx112("status").stdout
