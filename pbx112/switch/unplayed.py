"""Sounds that could not be played, for the log. Asterisk (22.10.1) says so of the last of a list alone; of a missing
file within a list only that the next one begins at once (measured)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from pbx112.ari import Playback, seconds_of
from pbx112.model.caller import harmless

log = structlog.get_logger()

AT_ONCE = 0.02
"""Seconds (by Asterisk's clock) in which nothing can have been heard."""
AGAIN = 3600.0
"""Seconds after which the same sound is complained of again."""
FOLLOWED, COMPLAINTS = 2_000, 100
"""Playbacks watched at once, and sounds remembered; the oldest is forgotten first."""


class Unplayed:
    """Told of the beginning and end of each sound; complains of each file once an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: OrderedDict[str, float] = OrderedDict()
        self._complained: OrderedDict[str, float] = OrderedDict()

    def begins(self, playback: Playback, timestamp: str) -> None:
        """A sound begins."""
        self._began[playback.id] = seconds_of(timestamp)
        if len(self._began) > FOLLOWED:
            self._began.popitem(last=False)

    def ends(self, playback: Playback, timestamp: str, *, last: bool) -> None:
        """It is over, and was the `last` one; one that was stopped is `done`."""
        began = self._began.pop(playback.id, None)
        if began is None or (last and playback.state != "failed"):
            return
        if 0 <= seconds_of(timestamp) - began < AT_ONCE:
            self._complain(harmless(playback.media_uri))

    def _complain(self, media: str) -> None:
        now = self._clock()
        if now - self._complained.get(media, -AGAIN) < AGAIN:
            return
        self._complained.pop(media, None)
        self._complained[media] = now
        if len(self._complained) > COMPLAINTS:
            self._complained.popitem(last=False)
        log.error(
            "a sound could not be played and was left out; `pbx112 check` says what is missing, `pbx112 prompts DIR` "
            "speaks it, then `asterisk -rx 'module reload sounds'`",
            action="sound",
            sound=media,
        )
