"""What the trunk says of the caller and the caller's place, as the intake dialplan noted it, made harmless.

No XML is read here: the location document (PIDF-LO) comes from the far side, and Asterisk has already flattened it
to `shape="Circle",crs="2d",pos="-4.79 103.36",radius="850"`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from .caller import harmless
from .events import CallerDescribed

NOTED = "PBX112_NOTED"
"""The channel variable in which the intake dialplan leaves its notes: the six texts of
:class:`CallerDescribed` in that order, URI-encoded, `&` between them."""

LONGEST = 320
"""Characters kept of each text."""

_NUMBER = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,15})?"
_POSITION = re.compile(rf"({_NUMBER}) +({_NUMBER})(?: +[+-]?[0-9]{{1,6}}(?:\.[0-9]{{1,15}})?)?")
_RADIUS = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,15})?")
_SHAPES = {(), ("Point",), ("Circle",)}


def read_notes(notes: str) -> CallerDescribed | None:
    """The event that the dialplan's notes come to; None where they say nothing. Never raises."""
    return describe([unquote(text) for text in notes.split("&")])


def describe(said: Sequence[str]) -> CallerDescribed | None:
    """The event that the six texts come to; those that lack are empty. None where all are."""
    texts = [harmless(text, LONGEST) for text in said[:6]]
    texts += [""] * (6 - len(texts))
    if not any(texts):
        return None
    where = point_of(texts[5])
    latitude, longitude, radius = where or (None, None, None)
    identity, access_network, diversion, history, geolocation, place = texts
    return CallerDescribed(
        identity, access_network, diversion, history, geolocation, place, latitude, longitude, radius
    )


def point_of(place: str) -> tuple[float, float, float | None] | None:
    """Latitude, longitude (degrees, WGS 84) and radius (metres, None for a point) of a flattened location; None
    where it is neither a point nor a circle on this earth (a polygon, a street address, nonsense)."""
    if tuple(_values(place, "shape")) not in _SHAPES:
        return None
    positions = _values(place, "pos")
    if len(positions) != 1 or (position := _POSITION.fullmatch(positions[0].strip())) is None:
        return None
    latitude, longitude = float(position[1]), float(position[2])
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    radii = [radius for radius in _values(place, "radius") if _RADIUS.fullmatch(radius.strip())]
    return latitude, longitude, float(radii[0]) if len(radii) == 1 else None


def _values(place: str, key: str) -> list[str]:
    return re.findall(rf'(?:^|,){key}="([^"]*)"', place)
