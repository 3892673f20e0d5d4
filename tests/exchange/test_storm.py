"""A short storm: every kind of fault once, and every call accounted for."""

from __future__ import annotations

from pathlib import Path

from lab.sipp import read_messages
from lab.storm.callers import read_calls
from lab.storm.faults import KINDS, schedule
from lab.storm.run import storm
from lab.storm.tally import Recorded, accounted

SEED, RATE, SECONDS = 112, 12.0, 110.0


def test_the_same_seed_brings_the_same_faults_and_a_storm_has_them_all() -> None:
    assert schedule(SEED, SECONDS) == schedule(SEED, SECONDS) != schedule(SEED + 1, SECONDS)
    assert {fault.kind for fault in schedule(SEED, SECONDS)} == set(KINDS)
    assert len(schedule(1, 300)) >= 20


async def test_nothing_is_lost(tmp_path: Path) -> None:
    told: list[str] = []
    result = await storm(tmp_path / "storm", seed=SEED, rate=RATE, seconds=SECONDS, tell=told.append)
    assert [why for why in result.faults_found() if why not in result.silences()] == [], result
    assert result.accepted == round(RATE * SECONDS)
    assert result.listened > 10
    assert result.recovery_s_max < 10, result.recoveries


def test_whatever_is_lost_is_found(tmp_path: Path) -> None:
    """The tally itself: each thing that may not be is told."""
    file = tmp_path / "callers.messages"
    file.write_text("".join(_call(number) for number in range(1, 5)))
    seen = read_calls(read_messages(file))
    numbers = [call.number for call in seen]
    assert numbers == ["0811", "0812", "0813", "0814"]
    rows = [
        Recorded("0811", "answered", "daemon", 0),
        Recorded("0812", "answered", "daemon", 0),
        Recorded("0812", "answered", "fallback", 1),
        Recorded("0813", "unanswered", "daemon", 0),
    ]
    found = accounted(seen, rows)
    assert (found["invited"], found["accepted"], found["recorded"]) == (4, 4, 3)
    assert (found["outcomes_missing"], found["outcomes_double"], found["results_missing"]) == (1, 1, 1)
    assert (found["stayed"], found["reached_or_fallback"], found["dropped_by_us"]) == (4, 2, 4)


def _call(number: int) -> str:
    """A call that is answered, and then ended by the exchange."""
    common = f"From: <sip:081{number}@127.0.0.1>;tag=1\nCall-ID: {number}@lab\n"
    return "".join(
        f"----------------------------------------------- 2026-11-24 08:00:0{second}.000000\n"
        f"UDP message {way} [10] bytes:\n\n{first}\n{common}CSeq: {of}\n\n"
        for second, way, first, of in (
            (1, "sent", "INVITE sip:112@127.0.0.1 SIP/2.0", "1 INVITE"),
            (2, "received", "SIP/2.0 100 Trying", "1 INVITE"),
            (3, "received", "SIP/2.0 200 OK", "1 INVITE"),
            (4, "received", "BYE sip:caller@127.0.0.1 SIP/2.0", "2 BYE"),
        )
    )
