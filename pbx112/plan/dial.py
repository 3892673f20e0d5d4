"""What a dial string reaches."""

from __future__ import annotations

Key = tuple[str, str]
"""Technology in lower case, and the endpoint's name."""


def endpoint_of(dial: str) -> Key:
    """The endpoint that a dial string reaches: `PJSIP/2101` and `PJSIP/+628…@gsm` name `2101` and `gsm`; so does
    `IAX2/gsm/+628…`. A device that Asterisk names (`PJSIP/2101`) is itself."""
    technology, _, rest = dial.partition("/")
    name = rest.partition("@")[2] or rest
    return technology.lower(), name.partition("/")[0]
