"""Who calls: what networks send, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.model.caller import LONGEST, for_display, read_caller


@pytest.mark.parametrize(
    ("sent", "e164"),
    [
        ("081234567890", "+6281234567890"),
        ("+6281234567890", "+6281234567890"),
        ("073961234", "+6273961234"),
        ("+4915112345678", "+4915112345678"),
    ],
    ids=["mobile", "international", "landline in Kaur", "a foreigner roaming"],
)
def test_a_subscribers_number_is_e164_and_may_be_called_back(sent: str, e164: str) -> None:
    caller = read_caller(sent, "ID")
    assert (caller.raw, caller.e164, caller.callable) == (sent, e164, True)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "anonymous",
        "112",
        "081234",
        "0000000000",
        "911123456789012",
        "+",
        "0812;PJSIP/666",
        "٠٨١٢٣٤٥٦٧٨٩٠",
    ],
)
def test_anything_else_is_kept_as_sent_and_never_called_back(sent: str) -> None:
    caller = read_caller(sent, "ID")
    assert (caller.raw, caller.e164, caller.callable) == (sent, None, False)


@given(st.text(max_size=600))
def test_whatever_is_sent_becomes_harmless(sent: str) -> None:
    caller = read_caller(sent, "ID")
    assert len(caller.raw) <= LONGEST
    assert caller.raw == "" or caller.raw.isprintable()
    assert caller.callable == (caller.e164 is not None)
    assert set(for_display(sent)) <= set("0123456789+*#anonymous")
