"""A typed asyncio client of the Asterisk REST Interface (ARI), Asterisk 16 to 23; it knows nothing of 112.

Why our own: `docs/decisions/0001-own-ari-client.md`.
"""

from .client import AriClient, Counters, Handler
from .errors import (
    AriError,
    Conflict,
    NotFound,
    NotInStasis,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Replaced,
    ServerError,
    Unauthorized,
    Unavailable,
)
from .events import ALL, Event, UnknownEvent
from .http_client import AriHttp
from .model import (
    Application,
    Bridge,
    Channel,
    Dialplan,
    Endpoint,
    Module,
    Party,
    Playback,
    Recording,
    seconds_of,
)
from .operations import HangupReason, Operations
from .settings import AriSettings
from .version import AsteriskInfo, Version, parse_version

__all__ = [
    "ALL",
    "Application",
    "AriClient",
    "AriError",
    "AriHttp",
    "AriSettings",
    "AsteriskInfo",
    "Bridge",
    "Channel",
    "Conflict",
    "Counters",
    "Dialplan",
    "Endpoint",
    "Event",
    "Handler",
    "HangupReason",
    "Module",
    "NotFound",
    "NotInStasis",
    "NotSent",
    "Operations",
    "OutcomeUnknown",
    "Party",
    "Playback",
    "Recording",
    "Rejected",
    "Replaced",
    "ServerError",
    "Unauthorized",
    "Unavailable",
    "UnknownEvent",
    "Version",
    "parse_version",
    "seconds_of",
]
