"""A line of the log that concerns a call names it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from pbx112.ari import AriHttp, AriSettings
from pbx112.ari.errors import ServerError
from pbx112.model import asks
from pbx112.switch.requests import Final, perform, settle

NOWHERE = AriSettings(url="http://127.120.0.1:9", user="u", password="p", app="pbx112")


@pytest.mark.parametrize(
    "request_", [asks.Hangup("17.1-leg2"), asks.DropBridge("17.1-bridge"), asks.ToFallback("17.1")]
)
async def test_a_failed_request_names_its_call(request_: Final, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*_: object, **__: object) -> None:
        raise ServerError("DELETE", "/x", "no", 500)

    for name in ("hangup", "delete_bridge", "continue_in_dialplan"):
        monkeypatch.setattr(AriHttp, name, refuses)
    async with AriHttp(NOWHERE) as ari:
        with capture_logs() as said:
            await settle(ari, request_)
            await perform(ari, request_)
    assert [(line["call_id"], line["action"]) for line in said] == [("17.1", type(request_).__name__)] * 2
