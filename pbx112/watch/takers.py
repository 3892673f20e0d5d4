"""What each call taker does now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pbx112.model.state import Call
from pbx112.plan.types import Plan

State = Literal["ready", "ringing", "talking", "paused", "logged_out"]

STATES: tuple[State, ...] = ("ready", "ringing", "talking", "paused", "logged_out")


def taker_states(
    plan: Plan, calls: Iterable[Call], absent: Mapping[str, Literal["paused", "logged_out"]]
) -> dict[str, State]:
    """By the line's number, in the plan's order. Who talks or is rung is that, whatever was said at the desk."""
    if plan.call_takers is None:
        return {}
    states: dict[str, State] = {
        line.number: absent.get(line.number, "ready") for line in plan.call_takers.lines
    }
    for call in calls:
        for leg in call.live_legs():
            number = leg.target.number
            if number not in states:
                continue
            if leg.status == "accepted":
                states[number] = "talking"
            elif states[number] != "talking":
                states[number] = "ringing"
    return states
