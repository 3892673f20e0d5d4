"""What can be asked of a real Asterisk, over HTTP and over the WebSocket, with the same answers and errors."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path

import pytest

from pbx112.ari import AriClient, Conflict, NotFound, NotInStasis, Rejected, Unavailable
from pbx112.ari.events import (
    BridgeDestroyed,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelEnteredBridge,
    ChannelHangupRequest,
    Dial,
    PlaybackFinished,
    RecordingFinished,
    RecordingStarted,
    StasisEnd,
    StasisStart,
)
from pbx112.ari.version import Version

from .asterisk import Asterisk
from .conftest import Listener

Both = tuple[AriClient, Listener]


async def answered(ari: AriClient, listener: Listener, extension: str = "answers") -> str:
    """A phone that has answered and whose channel is in Stasis; its id."""
    channel_id = f"leg-{uuid.uuid4().hex}"
    await ari.originate(
        f"Local/{extension}@phones", channel_id=channel_id, app_args="leg,1", timeout=5, formats="ulaw"
    )
    await listener.event(StasisStart, lambda start: start.channel.id == channel_id)
    return channel_id


async def test_says_which_asterisk_it_is(both: Both) -> None:
    ari, listener = both
    info = await ari.asterisk_info()
    assert info == ari.info == listener.connects[0]
    assert info.version >= Version(16)
    assert info.systemname == "lab"
    assert info.started


async def test_a_phone_that_answers_enters_stasis_with_our_id_and_arguments(both: Both) -> None:
    ari, listener = both
    channel_id = f"leg-{uuid.uuid4().hex}"
    made = await ari.originate(
        "Local/answers@phones",
        channel_id=channel_id,
        app_args="leg,1",
        timeout=5,
        caller_id='"Damkar, pos 1" <2101>',
        variables={"WHO": 'a "quoted", comma & <angle>'},
    )
    assert made.id == channel_id
    start = await listener.event(StasisStart, lambda start: start.channel.id == channel_id)
    assert start.args == ("leg", "1")
    assert start.application == ari.settings.app
    assert start.channel.state == "Up"
    assert start.channel.caller.number == "2101"
    assert start.channel.dialplan.app_data == f"{ari.settings.app},leg,1"
    assert await ari.get_channel_variable(channel_id, "WHO") == 'a "quoted", comma & <angle>'
    assert channel_id in {channel.id for channel in await ari.channels()}
    assert channel_id in (await ari.application()).channel_ids
    await ari.hangup(channel_id)


async def test_the_progress_of_a_dialling_is_told(both: Both) -> None:
    ari, listener = both
    channel_id = f"leg-{uuid.uuid4().hex}"
    await ari.originate("Local/rings@phones", channel_id=channel_id, app_args="", timeout=30)
    await listener.event(Dial, lambda dial: dial.peer.id == channel_id and dial.dialstatus == "RINGING")
    await ari.hangup(channel_id, "answered_elsewhere")
    gone = await listener.event(ChannelDestroyed, lambda gone: gone.channel.id == channel_id)
    assert gone.cause == 26


async def test_a_busy_phone_is_told_by_its_cause(both: Both) -> None:
    ari, listener = both
    channel_id = f"leg-{uuid.uuid4().hex}"
    await ari.originate("Local/busy@phones", channel_id=channel_id, app_args="", timeout=5)
    gone = await listener.event(ChannelDestroyed, lambda gone: gone.channel.id == channel_id)
    assert gone.cause == 17


async def test_a_phone_that_nobody_picks_up_stops_ringing_in_time(both: Both) -> None:
    ari, listener = both
    channel_id = f"leg-{uuid.uuid4().hex}"
    since = time.monotonic()
    await ari.originate("Local/rings@phones", channel_id=channel_id, app_args="", timeout=0.2)
    gone = await listener.event(ChannelDestroyed, lambda gone: gone.channel.id == channel_id)
    assert 0.9 <= time.monotonic() - since < 3
    assert gone.cause == (19 if listener.connects[0].timeout_is_cause_19 else 16)


async def test_a_repeated_request_is_a_conflict_and_not_a_second_call(both: Both) -> None:
    ari, listener = both
    channel_id = await answered(ari, listener)
    with pytest.raises(Conflict) as caught:
        await ari.originate("Local/answers@phones", channel_id=channel_id, app_args="", timeout=5)
    assert caught.value.status == 409
    await ari.hangup(channel_id)


async def test_what_is_gone_is_not_found(both: Both) -> None:
    ari, _ = both
    for request in (
        ari.channel("nobody"),
        ari.hangup("nobody"),
        ari.answer("nobody"),
        ari.play("nobody", ["sound:beep"], playback_id="p"),
        ari.stop_playback("nothing"),
        ari.delete_bridge("nowhere"),
        ari.add_channels("nowhere", ["nobody"]),
        ari.stop_recording("none"),
        ari.get_channel_variable("nobody", "X"),
    ):
        with pytest.raises(NotFound) as caught:
            await request
        assert caught.value.status == 404
        assert "not found" in caught.value.message.lower()


async def test_an_endpoint_that_nobody_can_reach_is_unavailable(both: Both) -> None:
    ari, _ = both
    with pytest.raises(Unavailable, match=r"^POST channels: 500 Allocation failed$"):
        await ari.originate("PJSIP/2101", channel_id="x", app_args="", timeout=5)


async def test_a_request_that_asterisk_does_not_understand_is_rejected(both: Both) -> None:
    ari, listener = both
    channel_id = await answered(ari, listener)
    with pytest.raises(Rejected, match="reason"):
        await ari.request("DELETE", ("channels", channel_id), query={"reason": "boredom"})
    with pytest.raises(Rejected):
        await ari.request("POST", ("channels",), body={"app": "x"})
    await ari.hangup(channel_id)


async def test_a_channel_that_the_dialplan_has_is_not_in_stasis(both: Both) -> None:
    ari, listener = both
    channel_id = await answered(ari, listener)
    await ari.create_bridge(bridge := f"bridge-{channel_id}")
    await ari.continue_in_dialplan(channel_id, "after", "s", 1)
    await listener.event(StasisEnd, lambda end: end.channel.id == channel_id)
    for request in (
        ari.answer(channel_id),
        ari.add_channels(bridge, [channel_id]),
        ari.start_moh(channel_id),
    ):
        with pytest.raises(NotInStasis):
            await request
    await ari.delete_bridge(bridge)
    await ari.hangup(channel_id)


async def test_a_bridge_joins_and_releases_channels_and_is_recorded(both: Both, asterisk: Asterisk) -> None:
    ari, listener = both
    legs = [await answered(ari, listener), await answered(ari, listener)]
    bridge = f"bridge-{uuid.uuid4().hex}"
    made = await ari.create_bridge(bridge, name="talk")
    assert (made.id, made.name, made.bridge_type) == (bridge, "talk", "mixing")
    with pytest.raises(Conflict):
        await ari.create_bridge(bridge)
    await ari.add_channels(bridge, legs, absorb_dtmf=True, mute=True, inhibit_connected_line_updates=True)
    await listener.event(ChannelEnteredBridge, lambda entered: set(legs) == set(entered.bridge.channels))
    with pytest.raises(NotFound):
        await ari.add_channels(bridge, [legs[0], "nobody"])
    name = f"calls/{bridge}"
    await ari.record_bridge(bridge, name=name, max_duration=60)
    await listener.event(RecordingStarted, lambda begun: begun.recording.name == name)
    with pytest.raises(Conflict):
        await ari.record_bridge(bridge, name=name, max_duration=60)
    await ari.stop_recording(name)
    finished = await listener.event(RecordingFinished, lambda done: done.recording.name == name)
    assert finished.recording.duration is not None
    assert Path(asterisk.folder, "spool/recording", f"{name}.wav").read_bytes().startswith(b"RIFF")
    await ari.remove_channels(bridge, legs[:1])
    members = {one.id: set(one.channels) for one in await ari.bridges()}[bridge]
    assert legs[0] not in members and legs[1] in members
    for leg in legs:
        await ari.hangup(leg)
    await ari.delete_bridge(bridge)
    await listener.event(BridgeDestroyed, lambda gone: gone.bridge.id == bridge)
    assert bridge not in {one.id for one in await ari.bridges()}


async def test_media_are_played_one_after_the_other_and_can_be_stopped(both: Both) -> None:
    ari, listener = both
    channel_id = await answered(ari, listener)
    first, second = uuid.uuid4().hex, uuid.uuid4().hex
    await ari.play(channel_id, ["sound:beep", "sound:no-such-sound,at-all"], playback_id=first, language="en")
    done = await listener.event(PlaybackFinished, lambda done: done.playback.id == first)
    assert done.playback.target_uri == f"channel:{channel_id}"
    await ari.play(channel_id, ["sound:demo-congrats"], playback_id=second)
    await ari.stop_playback(second)
    await listener.event(PlaybackFinished, lambda done: done.playback.id == second)
    await ari.start_moh(channel_id)
    await ari.stop_moh(channel_id)
    await ari.hangup(channel_id)


async def test_a_key_that_is_pressed_is_heard(both: Both) -> None:
    ari, listener = both
    channel_id = await answered(ari, listener, "presses")
    pressed = await listener.event(ChannelDtmfReceived, lambda key: key.channel.id == channel_id)
    assert pressed.digit == "1"
    await ari.hangup(channel_id)


async def test_a_caller_hears_ringing_and_is_answered(both: Both) -> None:
    ari, listener = both
    caller = f"caller-{uuid.uuid4().hex}"
    await ari.originate(
        "Local/112@intake",
        channel_id=caller,
        app_args="phone",
        timeout=9,
        variables={"__APP": ari.settings.app},
    )
    start = await listener.event(StasisStart, lambda start: start.args == ("caller",))
    assert start.channel.state == "Ring"
    await ari.ring(start.channel.id)
    await listener.event(Dial, lambda dial: dial.peer.id == caller and dial.dialstatus == "RINGING")
    await ari.ring_stop(start.channel.id)
    await ari.answer(start.channel.id)
    await listener.event(StasisStart, lambda start: start.channel.id == caller)
    await ari.set_channel_variable(start.channel.id, "CONNECTEDLINE(name,i)", "Damkar & Co")
    assert await ari.get_channel_variable(start.channel.id, "CONNECTEDLINE(name)") == "Damkar & Co"
    await ari.hangup(caller)
    request = await listener.event(ChannelHangupRequest, lambda asked: asked.channel.id == caller)
    assert request.soft


async def test_ids_full_of_tricks_reach_nothing_else(both: Both) -> None:
    ari, _ = both
    tricks = (
        "a/b?c=d#e%2F&f+g h",
        "Ümläut ☎",
        "\r\nHost: x",
        "\0",
        "${X}",
        "../bridges",
        "'; DROP",
        "%",
        "a" * 3000,
    )
    for trick in tricks:
        with pytest.raises(NotFound, match="Channel not found"):
            await ari.channel(trick)
    channel_id = f"a/b?c=d&e+f g{uuid.uuid4().hex}"
    await ari.originate("Local/rings@phones", channel_id=channel_id, app_args="", timeout=5)
    assert (await ari.channel(channel_id)).id == channel_id
    await ari.hangup(channel_id)
    for trick in ("", ".", "..", "\ud800"):
        with pytest.raises(Rejected):
            await ari.channel(trick)


async def test_values_full_of_tricks_arrive_as_they_are(both: Both) -> None:
    ari, listener = both
    channel_id = await answered(ari, listener)
    for value in ("a&b=c", "100%", "${EXTEN}", 'quo"te', "Ümläut ☎", "x\r\ny", "+62 812", "a" * 4000):
        await ari.set_channel_variable(channel_id, "TRICK", value)
        assert await ari.get_channel_variable(channel_id, "TRICK") == value
    for value in ("\ud800", "\0"):
        with pytest.raises(Rejected):
            await ari.set_channel_variable(channel_id, "TRICK", value)
    await ari.hangup(channel_id)


async def test_a_request_that_is_too_large_fails_alone(both: Both) -> None:
    ari, listener = both
    with pytest.raises(Rejected, match="too large"):
        await ari.set_channel_variable("nobody", "X", "x" * 100_000)
    assert await ari.global_variable("NOTHING") == ""
    assert listener.disconnects == []


async def test_a_thousand_requests_at_once_each_get_their_own_answer(both: Both) -> None:
    ari, _ = both

    async def ask(number: int) -> None:
        with pytest.raises(NotFound) as caught:
            await ari.channel(f"nobody-{number}")
        assert caught.value.path == f"channels/nobody-{number}"

    await asyncio.gather(*(ask(number) for number in range(1000)))


async def test_modules_and_endpoints_are_listed(both: Both) -> None:
    ari, _ = both
    assert {"res_ari.so": "Running"}.items() <= {one.name: one.status for one in await ari.modules()}.items()
    assert isinstance(await ari.endpoints(), list)
