"""Which Asterisk it is, by what it says of itself, and what that one has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import msgspec


class Version(NamedTuple):
    """Asterisk's release: `Version(22, 10, 1)`. A build from git without a number is `UNKNOWN`."""

    major: int
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self)) if self.major else "unknown"


UNKNOWN = Version(0)

_RELEASE = re.compile(r"(?:Asterisk\s+)?(?:certified[/-])?(\d{1,3})\.(\d{1,4})(?:\.(\d{1,4}))?(?!\d)")
_BRANCH = re.compile(r"(?:Asterisk\s+)?GIT-(?:certified[/-])?(\d{1,3})(?:\.(\d{1,4}))?(?=[-.]|$)")


def parse_version(text: str) -> Version:
    """The release that a version string names; never raises.

    Reads releases (`16.28.0~dfsg-0+deb11u4`), certified ones (`certified/20.7-cert5`, `certified-22.8-cert1`)
    and builds from a release branch (`GIT-22-0a1b2c3`, as its `.0`); all else (`GIT-master-…`) is `UNKNOWN`.
    """
    match = _RELEASE.match(text.strip()) or _BRANCH.match(text.strip())
    return Version(*(int(part or 0) for part in match.groups())) if match else UNKNOWN


# The first release of each branch that has a feature; a later branch than any named here has it from its start.
_REST_OVER_WEBSOCKET = (Version(20, 14), Version(21, 9), Version(22, 4))
_TIMEOUT_IS_CAUSE_19 = (Version(20, 14), Version(21, 9), Version(22, 4))
_TECH_CAUSE = (Version(20, 17), Version(22, 7), Version(23, 1))
_READY_MADE_LOCATIONS = (Version(18, 15), Version(19, 7), Version(20))
# asterisk/asterisk#1907, #1962: channel locks against the channel container; the three were released together.
_DEADLOCKS_UNDER_ARI = (Version(20, 19), Version(22, 9), Version(23, 3))
_END_OF_LIFE = (16, 17, 18, 19, 21)


def _has(version: Version, since: tuple[Version, ...]) -> bool:
    branch = next((first for first in since if first.major == version.major), None)
    return version >= branch if branch else version.major > since[-1].major


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    """An Asterisk. `text` is its version in its own words, `started` its start time: it changes with a restart."""

    version: Version
    text: str
    systemname: str = ""
    entity_id: str = ""
    started: str = ""

    @property
    def rest_over_websocket(self) -> bool:
        """Whether requests can go over the events' WebSocket."""
        return _has(self.version, _REST_OVER_WEBSOCKET)

    @property
    def tech_cause(self) -> bool:
        """Whether events carry the SIP status of a hang-up."""
        return _has(self.version, _TECH_CAUSE)

    @property
    def timeout_is_cause_19(self) -> bool:
        """Whether a dialling that ran into its time limit ends with cause 19 (before: 16)."""
        return _has(self.version, _TIMEOUT_IS_CAUSE_19)

    @property
    def ready_made_locations(self) -> bool:
        """Whether it knows `<discard_config>` and its like, by which an endpoint reads location documents."""
        return _has(self.version, _READY_MADE_LOCATIONS)

    @property
    def deadlocks(self) -> bool:
        """Whether this very release is known to lock up under ARI's load."""
        return self.version in _DEADLOCKS_UNDER_ARI

    @property
    def lacks(self) -> tuple[str, ...]:
        """What of 112 this release cannot do as a newer one, each with its remedy."""
        if self.version == UNKNOWN:
            return ()
        found = []
        if not self.tech_cause:
            found.append(
                f"Asterisk {self.version} does not tell the SIP status of a line that failed: the records have its "
                "cause alone; install 22.7 or 20.17, or newer"
            )
        if not self.ready_made_locations:
            found.append(
                f"Asterisk {self.version} reads no location document, and leaves an endpoint out that names "
                "<discard_config>; take the line geoloc_incoming_call_profile out of pjsip.conf (the Geolocation "
                "header is kept without it)"
            )
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an administrator should know about this release, each with its remedy."""
        found = []
        if self.deadlocks:
            found.append(
                f"Asterisk {self.version} is known to deadlock under ARI load; install the next release"
            )
        if self.version == UNKNOWN:
            found.append(
                f"cannot tell the release of Asterisk {self.text!r}; its newer abilities stay unused"
            )
        elif self.version.major in _END_OF_LIFE or self.version.major < 16:
            found.append(f"Asterisk {self.version.major} gets no security fixes any more; install 22")
        return tuple(found)


class _System(msgspec.Struct):
    version: str = ""
    entity_id: str = ""


class _Config(msgspec.Struct):
    name: str = ""


class _Status(msgspec.Struct):
    startup_time: str = ""


class InfoAnswer(msgspec.Struct):
    """The answer to `GET /asterisk/info`, as far as we read it."""

    system: _System = msgspec.field(default_factory=_System)
    config: _Config = msgspec.field(default_factory=_Config)
    status: _Status = msgspec.field(default_factory=_Status)

    def info(self) -> AsteriskInfo:
        """The same in our words."""
        text = self.system.version
        return AsteriskInfo(
            parse_version(text), text, self.config.name, self.system.entity_id, self.status.startup_time
        )
