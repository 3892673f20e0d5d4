from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.ari import AsteriskInfo, Version, parse_version
from pbx112.ari.version import UNKNOWN


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("22.10.1+dfsg+~cs6.17.60671434-1", Version(22, 10, 1)),
        ("22.10.1~dfsg+~cs6.15.60671435-1", Version(22, 10, 1)),
        ("16.28.0~dfsg-0+deb11u4", Version(16, 28, 0)),
        ("20.6.0~dfsg+~cs6.13.40431414-2build5", Version(20, 6, 0)),
        ("Asterisk 18.10.0", Version(18, 10, 0)),
        ("certified/20.7-cert5", Version(20, 7, 0)),
        ("certified-22.8-cert1", Version(22, 8, 0)),
        ("GIT-certified/20.7-cert5-1a2b3c4", Version(20, 7, 0)),
        ("23.0.0-rc1", Version(23, 0, 0)),
        ("GIT-22-0a1b2c3M", Version(22, 0, 0)),
        ("GIT-20.14-0a1b2c3", Version(20, 14, 0)),
        ("GIT-master-0a1b2c3", UNKNOWN),
        ("UNKNOWN__and_probably_unsupported", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_release_is_read_from_what_asterisk_says(text: str, version: Version) -> None:
    assert parse_version(text) == version


@given(st.text() | st.from_regex(r"\A(GIT-|certified/)?[0-9.]*"))
def test_no_text_is_too_strange(text: str) -> None:
    version = parse_version(text)
    info = AsteriskInfo(version, text)
    assert isinstance(info.warnings, tuple)
    assert isinstance(info.rest_over_websocket, bool)


@pytest.mark.parametrize(
    ("text", "rest_over_websocket", "tech_cause", "timeout_is_cause_19"),
    [
        ("16.28.0", False, False, False),
        ("18.26.4", False, False, False),
        ("20.13.0", False, False, False),
        ("20.14.0", True, False, True),
        ("20.17.0", True, True, True),
        ("21.9.0", True, False, True),
        ("22.3.0", False, False, False),
        ("22.4.0", True, False, True),
        ("22.7.0", True, True, True),
        ("23.0.0", True, False, True),
        ("23.1.0", True, True, True),
        ("24.0.0", True, True, True),
        ("GIT-master-0a1b2c3", False, False, False),
    ],
)
def test_what_a_release_has(
    text: str, rest_over_websocket: bool, tech_cause: bool, timeout_is_cause_19: bool
) -> None:
    info = AsteriskInfo(parse_version(text), text)
    assert info.rest_over_websocket is rest_over_websocket
    assert info.tech_cause is tech_cause
    assert info.timeout_is_cause_19 is timeout_is_cause_19


def test_an_administrator_is_warned_of_a_release_that_locks_up_or_is_out_of_care() -> None:
    def warnings(text: str) -> str:
        return " ".join(AsteriskInfo(parse_version(text), text).warnings)

    assert "deadlock" in warnings("22.9.0") and "deadlock" in warnings("20.19.0")
    assert "security fixes" in warnings("18.26.4") and "security fixes" in warnings("16.28.0")
    assert "cannot tell" in warnings("GIT-master-0a1b2c3")
    assert warnings("22.10.1") == warnings("20.20.1") == warnings("22.9.1") == ""


def test_what_an_older_release_cannot_do_is_said() -> None:
    def lacks(text: str) -> str:
        return " ".join(AsteriskInfo(parse_version(text), text).lacks)

    assert "SIP status" in lacks("16.28.0") and "<discard_config>" in lacks("16.28.0")
    assert "SIP status" in lacks("22.6.0") and "<discard_config>" not in lacks("22.6.0")
    assert "<discard_config>" in lacks("18.14.0") and "<discard_config>" not in lacks("18.15.0")
    assert lacks("22.10.1") == lacks("20.17.0") == lacks("GIT-master-0a1b2c3") == ""
