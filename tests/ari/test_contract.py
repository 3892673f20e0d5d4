"""Our types against Asterisk's own published description of its interface."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import msgspec
import pytest

from pbx112.ari import (
    Application,
    AriSettings,
    Bridge,
    Channel,
    Dialplan,
    Endpoint,
    Module,
    Operations,
    Party,
    Playback,
    Recording,
    ServerError,
)
from pbx112.ari.events import TYPES
from pbx112.ari.transport import Answer, Request

from .asterisk import Asterisk

RESOURCES = {
    "CallerID": Party,
    "DialplanCEP": Dialplan,
    "Channel": Channel,
    "Bridge": Bridge,
    "Playback": Playback,
    "LiveRecording": Recording,
    "Endpoint": Endpoint,
    "Application": Application,
    "Module": Module,
}


KINDS = {"string": str | list, "int": int, "boolean": bool, "containers": dict}


class Notebook(Operations):
    """Writes down what would be asked."""

    def __init__(self) -> None:
        self.settings = AriSettings("http://127.0.0.1", "user", "password", "app")
        self.requests: list[Request] = []

    async def _send(self, request: Request, *, apart: bool = False) -> Answer:
        self.requests.append(request)
        return Answer(200, "OK", b"")


@pytest.fixture(scope="module")
def published(asterisk: Asterisk) -> dict[str, Any]:
    """Every model that the installed Asterisk describes."""
    models: dict[str, Any] = {}
    for file in (asterisk.root / "usr/share/asterisk/rest-api").glob("*.json"):
        models |= json.loads(file.read_text()).get("models", {})
    return models


def fields(models: dict[str, Any], name: str) -> dict[str, Any]:
    """The fields of a model with those it inherits."""
    found: dict[str, Any] = dict(models[name]["properties"])
    for parent, model in models.items():
        if name in model.get("subTypes", ()):
            found |= fields(models, parent)
    return found


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_event_is_one_that_asterisk_sends(
    kind: type[msgspec.Struct], published: dict[str, Any]
) -> None:
    assert set(kind.__struct_fields__) <= set(fields(published, kind.__name__))


@pytest.mark.parametrize(("name", "kind"), RESOURCES.items())
def test_every_resource_is_as_asterisk_describes_it(
    name: str, kind: type[msgspec.Struct], published: dict[str, Any]
) -> None:
    described = fields(published, name)
    assert set(kind.__struct_fields__) <= set(described)
    for field in msgspec.structs.fields(kind):
        if field.required:
            assert described[field.name]["required"]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_we_require_nothing_of_an_event_that_asterisk_may_leave_out(
    kind: type[msgspec.Struct], published: dict[str, Any]
) -> None:
    described = fields(published, kind.__name__)
    for field in msgspec.structs.fields(kind):
        if field.required:
            assert described[field.name].get("required") is not False


async def test_every_parameter_that_we_send_is_one_that_asterisk_reads(asterisk: Asterisk) -> None:
    ari = Notebook()
    for asked in (
        ari.asterisk_info(),
        ari.global_variable("X"),
        ari.modules(),
        ari.endpoints(),
        ari.application(),
        ari.channels(),
        ari.channel("1"),
        ari.originate(
            "PJSIP/1",
            channel_id="1",
            app_args="a",
            timeout=1.5,
            caller_id="112",
            originator="2",
            variables={"A": "1"},
            formats="ulaw",
        ),
        ari.answer("1"),
        ari.ring("1"),
        ari.ring_stop("1"),
        ari.hangup("1", "busy"),
        ari.play("1", ["sound:a"], playback_id="2", language="id"),
        ari.stop_playback("2"),
        ari.start_moh("1", "default"),
        ari.stop_moh("1"),
        ari.continue_in_dialplan("1", "a", "s", 1),
        ari.get_channel_variable("1", "X"),
        ari.set_channel_variable("1", "X", "1"),
        ari.bridges(),
        ari.create_bridge("1", name="a"),
        ari.add_channels("1", ["1"], absorb_dtmf=True, mute=True, inhibit_connected_line_updates=True),
        ari.remove_channels("1", ["1"]),
        ari.delete_bridge("1"),
        ari.record_bridge("1", name="a", max_duration=1),
        ari.stop_recording("a"),
    ):
        with contextlib.suppress(ServerError):
            await asked
    published = [
        (re.compile(re.sub(r"{\w+}", "[^/]+", api["path"].strip("/"))), operation)
        for file in (asterisk.root / "usr/share/asterisk/rest-api").glob("*.json")
        for api in json.loads(file.read_text())["apis"]
        for operation in api.get("operations", ())
    ]
    for request in ari.requests:
        parameters = [
            {parameter["name"]: parameter["dataType"] for parameter in operation.get("parameters", ())}
            for path, operation in published
            if path.fullmatch(request.path) and operation["httpMethod"] == request.method
        ]
        assert len(parameters) == 1, request
        body = json.loads(request.body or "{}")
        query = request.target.partition("?")[2]
        asked_for = {pair.partition("=")[0] for pair in query.split("&") if pair}
        assert asked_for | set(body) <= set(parameters[0]), request
        for name, value in body.items():
            assert isinstance(value, KINDS[parameters[0][name]]), (request, name)
