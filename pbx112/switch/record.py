"""An event as the journal takes it, and as it gives it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import structlog

from pbx112.journal import Draft, Entry
from pbx112.model.events import CallEvent, Event, Instant, decode, encode

log = structlog.get_logger()


def draft(call_id: str, event: Event, at: Instant, plan: str) -> Draft:
    """`event` of call `call_id` ("" for the service's own), decided under the plan with hash `plan`."""
    return Draft(call_id, at.utc_us, at.mono_ns, plan, type(event).__name__, encode(event))


def told(entries: Iterable[Entry], now: Instant) -> Iterator[tuple[Instant, CallEvent]]:
    """The events of a call that `entries` hold, as :func:`read` gives them."""
    for at, event in read(entries, now):
        if isinstance(event, CallEvent):
            yield at, event


def read(entries: Iterable[Entry], now: Instant) -> Iterator[tuple[Instant, Event]]:
    """All events that `entries` hold; what cannot be read (another version's) is left out.

    A monotonic clock that runs ahead of `now` is that of an earlier boot: such moments are put in their place by
    the wall clock, lest a deadline lie far in the future.
    """
    for entry in entries:
        try:
            event = decode(entry.body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            log.error(
                "journal: an event cannot be read",
                action="recover",
                call_id=entry.subject,
                seq=entry.seq,
                error=str(error),
            )
            continue
        mono = entry.mono_ns
        if mono > now.mono_ns:
            mono = now.mono_ns - max(0, now.utc_us - entry.utc_us) * 1000
        yield Instant(entry.utc_us, mono), event
