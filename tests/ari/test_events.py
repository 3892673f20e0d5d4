"""Whatever arrives on the socket is an event, an answer, or malformed; never an accident."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.ari import Channel, Event, UnknownEvent
from pbx112.ari.events import (
    TYPES,
    ChannelDestroyed,
    Dial,
    Malformed,
    RestResponse,
    StasisStart,
    decode,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
CHANNEL = {
    "id": "1763950249.1",
    "name": "PJSIP/trunk-00000001",
    "state": "Up",
    "protocol_id": "abc@198.51.100.1",
    "caller": {"name": "Budi", "number": "+628123"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "intake",
        "exten": "112",
        "priority": 3,
        "app_name": "Stasis",
        "app_data": "pbx112",
    },
    "creationtime": "2026-11-24T02:10:49.798+0000",
    "language": "id",
}
HEADER = {"timestamp": "2026-11-24T02:10:49.798+0000", "asterisk_id": "02:fc", "application": "pbx112"}


def encoded(**fields: Any) -> bytes:
    return json.dumps(HEADER | fields).encode()


def test_a_caller_that_enters_is_read_in_full() -> None:
    event = decode(encoded(type="StasisStart", args=["caller", "112"], channel=CHANNEL))
    assert isinstance(event, StasisStart)
    assert event.args == ("caller", "112")
    assert event.replace_channel is None
    assert event.channel.caller.number == "+628123"
    assert event.channel.dialplan.exten == "112"


def test_an_old_asterisk_lacks_fields_and_a_new_one_has_more() -> None:
    old = decode(encoded(type="ChannelDestroyed", cause=16, cause_txt="Normal Clearing", channel={"id": "1"}))
    assert isinstance(old, ChannelDestroyed)
    assert (old.cause, old.tech_cause, old.channel) == (16, None, Channel(id="1"))
    new = decode(encoded(type="ChannelDestroyed", cause=17, tech_cause=486, mood="calm", channel=CHANNEL))
    assert isinstance(new, ChannelDestroyed)
    assert new.tech_cause == 486


def test_the_type_may_stand_anywhere_in_the_message() -> None:
    event = decode(json.dumps({"peer": CHANNEL, "dialstatus": "RINGING", "type": "Dial"}).encode())
    assert isinstance(event, Dial)
    assert (event.peer.id, event.dialstatus, event.caller) == (CHANNEL["id"], "RINGING", None)


def test_an_unknown_type_is_kept_as_it_came() -> None:
    data = encoded(type="EarthquakeFelt", magnitude=5.1)
    assert decode(data) == UnknownEvent(type="EarthquakeFelt", raw=data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"[]",
        b"{}",
        b"null",
        b'{"type":null}',
        b'{"type":["StasisStart"]}',
        encoded(type="StasisStart"),
        encoded(type="StasisStart", channel=None),
        encoded(type="StasisStart", channel={"name": "no id"}),
        encoded(type="StasisStart", channel=CHANNEL, args="caller"),
        encoded(type="ChannelDestroyed", channel=CHANNEL, cause="sixteen"),
        encoded(type="RESTResponse", status_code=200),
        b"[" * 100_000,
        b'{"type":"New","a":' * 5_000,
    ],
)
def test_what_is_no_event_is_called_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)


def accepts(data: bytes) -> None:
    try:
        message = decode(data)
    except Malformed:
        return
    assert isinstance(message, Event | RestResponse)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    accepts(data)


@given(JSON)
def test_any_json(value: Any) -> None:
    accepts(json.dumps(value).encode())


FIELDS = sorted({field for kind in TYPES for field in kind.__struct_fields__})


@given(
    st.sampled_from([*(kind.__name__ for kind in TYPES), "RESTResponse"]),
    st.dictionaries(st.sampled_from(FIELDS), st.just(CHANNEL) | JSON, max_size=6),
)
def test_any_known_event_with_any_fields(name: str, fields: dict[str, Any]) -> None:
    accepts(json.dumps({"type": name} | fields).encode())
