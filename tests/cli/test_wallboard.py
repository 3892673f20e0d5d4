"""`pbx112 wallboard` where its address cannot be used."""

from __future__ import annotations

import pytest

from pbx112.cli.errors import EX_CONFIG
from tests.cli.conftest import Pbx112


@pytest.mark.parametrize(("host", "again"), [("192.0.2.1", True), ("127.0.0.1", False)])
def test_an_address_that_may_come_is_tried_again(
    pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch, host: str, again: bool
) -> None:
    """The room's network is there some time after the machine; systemd starts nothing again that ends with 78."""
    monkeypatch.setenv("PBX112_WALLBOARD_PASSWORD", "correct-horse-9")
    monkeypatch.setenv("PBX112_WALLBOARD_HOST", host)
    monkeypatch.setattr("pbx112.log.configure", lambda _: None)  # for the tests after this one
    if not again:

        async def refused(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pbx112.wallboard.server.serve", refused)
    ended = pbx112("wallboard")
    assert f"the wallboard cannot be served at {host}:8112" in ended.stderr
    assert (ended.exit_code == EX_CONFIG) is not again
