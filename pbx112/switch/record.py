"""An event as the journal takes it."""

from __future__ import annotations

from pbx112.journal import Draft
from pbx112.model.events import Event, Instant, encode


def draft(call_id: str, event: Event, at: Instant, plan: str) -> Draft:
    """`event` of call `call_id` ("" for the service's own), decided under the plan with hash `plan`."""
    return Draft(call_id, at.utc_us, at.mono_ns, plan, type(event).__name__, encode(event))
