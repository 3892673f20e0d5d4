"""What the fallback did with a call of ours is journalled as the rest of that call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pbx112.cdr.fallback_story import FallbackCall
from pbx112.model.events import CallArrived, CallEnded, CallerLeft, Instant, Outcome
from pbx112.switch.switch import Switch

THEN = Instant(5_000_000, 5_000_000_000)
TOLD = FallbackCall(
    "1.1",
    "0123456789abcdef",
    (
        (THEN, CallArrived("1.1", "", None, False, "112", via="fallback")),
        (THEN, CallerLeft(16)),
        (THEN, CallEnded(Outcome.ABANDONED_RINGING, "caller")),
    ),
)


@pytest.mark.parametrize(
    ("accepted", "outcome"), [(True, Outcome.ANSWERED), (False, Outcome.ABANDONED_RINGING)]
)
def test_who_had_been_answered_before_is_not_abandoned(accepted: bool, outcome: Outcome) -> None:
    adopted: list[Any] = []
    call = SimpleNamespace(arrived=Instant(1_000_000, 7), legs=(), described=False, accepted=accepted)
    live = SimpleNamespace(call=call, ended=False, adopt=adopted.extend)
    history = Switch.take_back(cast(Switch, SimpleNamespace(_calls={"1.1": live})), TOLD)
    at = Instant(5_000_000, 4_000_000_007)
    assert list(history) == adopted == [(at, CallerLeft(16)), (at, CallEnded(outcome, "caller"))]
