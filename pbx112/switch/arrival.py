"""A caller's channel as the arrival of a call: who calls, read with caution, and since when the caller waits."""

from __future__ import annotations

from pbx112.ari import Channel, seconds_of
from pbx112.model.caller import harmless, read_caller
from pbx112.model.events import LATEST
from pbx112.model.stimuli import Arrived
from pbx112.plan.types import Plan

from .ledger import Ledger

AT_ONCE = 0.5
"""Seconds: so soon a daemon hears of a caller in whose way nothing is."""


def arrival(channel: Channel, plan: Plan, ledger: Ledger, utc_us: int, *, noted: bool) -> Arrived:
    """What `channel` says of its caller at `utc_us`; `noted`: the intake dialplan wrote down what the trunk says."""
    caller = read_caller(channel.caller.number, plan.service.country)
    return Arrived(
        channel=channel.id,
        caller_raw=caller.raw,
        caller=caller.e164,
        callable=caller.callable,
        dialled=harmless(channel.dialplan.exten),
        source=harmless(channel.name.rpartition("-")[0]),
        noted=noted,
        nuisance=ledger.nuisance(caller.e164, plan.nuisance, utc_us),
        late=_heard_late(channel, utc_us),
    )


def _heard_late(channel: Channel, utc_us: int) -> float:
    """Seconds that a caller's channel had been there before `utc_us`, by Asterisk, whose clock is ours; 0 where we hear
    of it at once, or where the clock was set meanwhile."""
    late = utc_us / 1e6 - seconds_of(channel.creationtime)
    return round(late, 3) if AT_ONCE < late < LATEST else 0.0
