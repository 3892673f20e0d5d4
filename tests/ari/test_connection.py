"""The connection to a real Asterisk: made, lost, found again, taken away."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import time

import pytest

from lab.cable import cable
from pbx112.ari import (
    AriClient,
    AriError,
    AriHttp,
    AriSettings,
    AsteriskInfo,
    Event,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Replaced,
    Unauthorized,
    UnknownEvent,
)
from pbx112.ari.events import ChannelDestroyed, ChannelStateChange, Dial, StasisStart

from .asterisk import Asterisk
from .conftest import Listener, connected, running

FAR_END = "127.114.0.9"
"""Where the client finds the cable's near end."""

TRANSPORTS = pytest.mark.parametrize("transport", ["http", "websocket"])


async def until_trouble(client: AriClient, words: str) -> None:
    async with asyncio.timeout(10):
        while words not in client.trouble:
            await asyncio.sleep(0.01)


async def test_a_wrong_password_is_said_in_clear_words_and_tried_again(
    asterisk: Asterisk, app: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = asterisk.settings(app, password="wrong horse", unauthorized_pause=0.05)
    listener = Listener()
    client = AriClient(settings, listener)
    async with running(client):
        await until_trouble(client, "ari.conf")
        with pytest.raises(NotSent, match="refuses the ARI user 'pbx112'"):
            await client.channels()
    output = capsys.readouterr().out
    assert "ari.conf" in output
    assert "wrong horse" not in output + repr(settings)
    assert listener.connects == []
    with pytest.raises(Unauthorized):
        async with AriHttp(settings) as ari:
            await ari.asterisk_info()


async def test_a_password_mended_in_asterisk_needs_no_restart_of_ours(
    own_asterisk: Asterisk, app: str
) -> None:
    settings = own_asterisk.settings(app, password="a new horse", unauthorized_pause=0.1)
    listener = Listener()
    client = AriClient(settings, listener)
    config = own_asterisk.folder / "etc/ari.conf"
    async with running(client):
        await until_trouble(client, "ari.conf")
        config.write_text(config.read_text().replace(own_asterisk.settings().password, settings.password))
        async with AriHttp(own_asterisk.settings()) as admin:
            await admin.request("PUT", ("asterisk", "modules", "res_ari.so"))
        await listener.until(lambda: bool(listener.connects))


async def test_the_event_filter_spares_us_what_we_do_not_want(asterisk: Asterisk, app: str) -> None:
    async with connected(asterisk.settings(app), events={StasisStart, ChannelDestroyed}) as (ari, listener):
        await ari.originate("Local/answers@phones", channel_id=f"{app}-1", app_args="", timeout=5)
        await listener.event(StasisStart)
        await ari.hangup(f"{app}-1")
        await listener.event(ChannelDestroyed, lambda gone: gone.channel.id == f"{app}-1")
        answer = await ari.request("GET", ("applications", app))
        assert '"events_allowed":[{"type":"ApplicationReplaced"},{"type":"ChannelDestroyed"}' in str(answer)
    assert {type(event) for event in listener.events} == {StasisStart, ChannelDestroyed}


async def test_a_filter_that_an_earlier_client_left_is_lifted(asterisk: Asterisk, app: str) -> None:
    async with connected(asterisk.settings(app), events={StasisStart}) as (ari, listener):
        await ari.originate("Local/rings@phones", channel_id=f"{app}-1", app_args="", timeout=30)
    async with connected(asterisk.settings(app, transport="websocket")) as (ari, listener):
        await ari.hangup(f"{app}-1")
        await listener.event(ChannelDestroyed)
        await ari.originate("Local/answers@phones", channel_id=f"{app}-2", app_args="", timeout=5)
        await listener.event(StasisStart)
        await listener.event(UnknownEvent, lambda event: event.type == "ChannelVarset")
        await ari.hangup(f"{app}-2")
    assert {ChannelStateChange, Dial} <= {type(event) for event in listener.events}


@TRANSPORTS
async def test_a_cut_connection_is_found_again_and_the_calls_with_it(
    asterisk: Asterisk, app: str, transport: str
) -> None:
    async with (
        cable(asterisk.url, FAR_END) as net,
        connected(asterisk.settings(app, url=net.url, transport=transport)) as (ari, listener),
    ):
        channel_id = f"{app}-1"
        await ari.originate("Local/answers@phones", channel_id=channel_id, app_args="", timeout=5)
        await listener.event(StasisStart)
        net.cut()
        await listener.until(lambda: len(listener.connects) == 2)
        assert len(listener.disconnects) == 1
        assert channel_id in (await ari.application()).channel_ids
        await ari.hangup(channel_id)
        await listener.event(ChannelDestroyed, lambda gone: gone.channel.id == channel_id)
        assert ari.counters.connections == 2


async def test_a_restarted_asterisk_is_found_again(own_asterisk: Asterisk, app: str) -> None:
    async with connected(own_asterisk.settings(app)) as (ari, listener):
        await own_asterisk.kill()
        await listener.until(lambda: len(listener.disconnects) == 1)
        assert not ari.connected
        with pytest.raises(NotSent):
            await ari.channels()
        await until_trouble(ari, "cannot connect")
        await own_asterisk.start()
        await listener.until(lambda: len(listener.connects) == 2)
        before, after = listener.connects
        assert before.started != after.started
        assert await ari.channels() == []


@TRANSPORTS
async def test_a_peer_gone_silent_is_noticed_within_five_seconds(
    asterisk: Asterisk, app: str, transport: str
) -> None:
    async with (
        cable(asterisk.url, FAR_END) as net,
        connected(asterisk.settings(app, url=net.url, transport=transport, request_timeout=30.0)) as (
            ari,
            listener,
        ),
    ):
        net.silence()
        since = time.monotonic()
        request = asyncio.create_task(ari.channel("nobody"))
        await listener.until(lambda: bool(listener.disconnects), within=5)
        assert time.monotonic() - since < 5
        assert not ari.connected
        if transport == "websocket":  # over HTTP it has a connection, and a time limit, of its own
            with pytest.raises(OutcomeUnknown, match="connection was lost"):
                await request
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)


async def test_a_frozen_asterisk_is_noticed_within_five_seconds(own_asterisk: Asterisk, app: str) -> None:
    async with connected(own_asterisk.settings(app)) as (ari, listener):
        os.kill(own_asterisk.pid, signal.SIGSTOP)
        since = time.monotonic()
        await listener.until(lambda: bool(listener.disconnects), within=5)
        assert time.monotonic() - since < 5
        assert "PONG" in listener.disconnects[0]
        os.kill(own_asterisk.pid, signal.SIGCONT)
        await listener.until(lambda: len(listener.connects) == 2)
        assert ari.connected


@TRANSPORTS
async def test_whoever_is_replaced_stops_acting_at_once(asterisk: Asterisk, app: str, transport: str) -> None:
    first = Listener()
    client = AriClient(asterisk.settings(app, transport=transport), first, events={StasisStart})
    async with running(client) as task:
        await first.until(lambda: bool(first.connects))
        async with connected(asterisk.settings(app), events={StasisStart}) as (second, listener):
            with pytest.raises(Replaced, match=app):
                await asyncio.wait_for(asyncio.shield(task), 5)
            assert len(first.disconnects) == 1
            with pytest.raises(NotSent):
                await client.originate("Local/answers@phones", channel_id=f"{app}-1", app_args="", timeout=5)
            await second.originate("Local/answers@phones", channel_id=f"{app}-2", app_args="", timeout=5)
            assert (await listener.event(StasisStart)).channel.id == f"{app}-2"
            assert listener.disconnects == []
            await second.hangup(f"{app}-2")
    assert first.events == []


async def test_nothing_is_sent_before_there_is_a_connection(app: str) -> None:
    settings = AriSettings("http://127.114.0.9:9", "user", "secret", app)
    client = AriClient(settings, Listener())
    with pytest.raises(NotSent, match="not started"):
        await client.channels()
    with pytest.raises(NotSent, match="cannot connect"):
        async with AriHttp(settings) as ari:
            await ari.channels()


@TRANSPORTS
async def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown(
    asterisk: Asterisk, app: str, transport: str
) -> None:
    settings = asterisk.settings(app, transport=transport, request_timeout=0.3)
    async with (
        cable(asterisk.url, FAR_END) as net,
        connected(dataclasses.replace(settings, url=net.url)) as (ari, _),
    ):
        with pytest.raises(NotFound):
            await ari.channel("nobody")
        net.silence()
        with pytest.raises(OutcomeUnknown) as caught:
            await ari.originate("Local/answers@phones", channel_id=f"{app}-1", app_args="", timeout=5)
        assert caught.value.status is None


async def test_a_request_that_was_cut_off_may_have_been_done_and_asking_again_is_safe(
    asterisk: Asterisk, app: str
) -> None:
    async with (
        cable(asterisk.url, FAR_END) as net,
        connected(asterisk.settings(app, url=net.url, transport="websocket")) as (ari, listener),
    ):
        net.silence_answers()
        request = asyncio.create_task(
            ari.originate("Local/rings@phones", channel_id=f"{app}-1", app_args="", timeout=30)
        )
        async with AriHttp(asterisk.settings(app)) as other, asyncio.timeout(5):
            while f"{app}-1" not in {channel.id for channel in await other.channels()}:
                await asyncio.sleep(0.01)
        net.cut()
        with pytest.raises(OutcomeUnknown):
            await request
        net.restore()
        await listener.until(lambda: len(listener.connects) == 2)
        assert (await ari.channel(f"{app}-1")).id == f"{app}-1"
        await ari.hangup(f"{app}-1")


async def test_too_many_unanswered_requests_are_refused_as_not_sent(asterisk: Asterisk, app: str) -> None:
    async with cable(asterisk.url, FAR_END) as net:
        settings = asterisk.settings(
            app, url=net.url, transport="websocket", max_in_flight=10, request_timeout=0.5
        )
        async with connected(settings) as (ari, _):
            net.silence()
            results = await asyncio.gather(*(ari.channel("x") for _ in range(15)), return_exceptions=True)
    assert [type(result) for result in results] == [OutcomeUnknown] * 10 + [NotSent] * 5


class Clumsy(Listener):
    """A handler with faults."""

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        raise RuntimeError("a fault in the handler")

    async def on_connect(self, info: AsteriskInfo) -> None:
        await super().on_connect(info)
        if len(self.connects) == 1:
            raise RuntimeError("a fault while connecting")

    def on_disconnect(self, reason: str) -> None:
        super().on_disconnect(reason)
        raise RuntimeError("a fault while disconnecting")


async def test_a_faulty_handler_kills_neither_the_reader_nor_the_client(asterisk: Asterisk, app: str) -> None:
    listener = Clumsy()
    client = AriClient(asterisk.settings(app), listener, events={StasisStart, ChannelDestroyed})
    async with running(client):
        await listener.until(lambda: len(listener.connects) == 2)
        assert "a fault while connecting" in listener.disconnects[0]
        await client.originate("Local/answers@phones", channel_id=f"{app}-1", app_args="", timeout=5)
        await listener.event(StasisStart)
        await client.hangup(f"{app}-1")
        await listener.event(ChannelDestroyed, lambda gone: gone.channel.id == f"{app}-1")
        assert client.counters.handler_errors == len(listener.events) + len(listener.disconnects)


class Slow(Listener):
    """A handler that takes its time to take up the calls, and asks Asterisk while doing so."""

    async def on_connect(self, info: AsteriskInfo) -> None:
        await self.client.channels()
        await super().on_connect(info)
        await asyncio.Event().wait()

    client: AriClient


async def test_events_come_while_the_handler_takes_up_the_calls(asterisk: Asterisk, app: str) -> None:
    listener = Slow()
    listener.client = AriClient(asterisk.settings(app), listener, events={StasisStart})
    async with running(listener.client):
        await listener.until(lambda: bool(listener.connects))
        await listener.client.originate("Local/answers@phones", channel_id=f"{app}-1", app_args="", timeout=5)
        await listener.event(StasisStart)
        await listener.client.hangup(f"{app}-1")
    assert listener.disconnects == ["stopped"]


async def test_a_server_without_ari_is_explained(own_asterisk: Asterisk, app: str) -> None:
    client = AriClient(own_asterisk.settings(app, url=own_asterisk.url + "/elsewhere"), Listener())
    async with running(client):
        await until_trouble(client, "no ARI under")


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8088", "ftp://127.0.0.1", "http://user:secret@127.0.0.1:8088", "http://", "http://h:1?x"],
)
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ARI URL") as caught:
        AriSettings(url, "user", "password", "app")
    assert "secret" not in str(caught.value)


def test_no_error_is_outside_the_family() -> None:
    assert all(issubclass(kind, AriError) for kind in (NotSent, OutcomeUnknown, NotFound, Unauthorized))
    assert not issubclass(Replaced, AriError)
