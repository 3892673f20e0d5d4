"""Screens that hang on the wall for months: connections that break without a word, a disk that hangs, a clock that is
set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from lab.browser import Browser
from lab.network import free_net
from pbx112.settings import load_settings
from pbx112.wallboard.login import Door
from pbx112.wallboard.server import PAGE, TYPES, Wallboard
from pbx112.wallboard.source import Source
from pbx112.web import serving
from tests.cli.exchange import PLAN

PASSWORD = "correct-horse-9"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """It has made a picture."""
    file = tmp_path / "agencies.yaml"
    file.write_text(PLAN)
    source = Source(load_settings(ari_password="x", journal=tmp_path / "journal.db", agencies=file))
    assert source._plan.look()
    source._show()
    return source


@asynccontextmanager
async def stream_of(source: Source) -> AsyncIterator[aiohttp.StreamReader]:
    """What a screen gets, after the first words."""
    host = f"{free_net()}.0.1"
    async with (
        serving(Wallboard(source, Door(PASSWORD)).answer, host, 8112, most=10, longest=20),
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web,
    ):
        async with web.post(f"http://{host}:8112/login", data={"password": PASSWORD}, allow_redirects=False):
            pass
        async with web.get(f"http://{host}:8112/events") as said:
            assert await said.content.readuntil(b"\n\n") == b"retry: 1500\n\n"
            yield said.content


async def test_a_screen_that_comes_while_the_disk_hangs_gets_no_old_picture(source: Source) -> None:
    """It would take it for new, and its hours for those of the server's clock."""
    async with stream_of(source) as stream:
        assert (await stream.readuntil(b"\n\n")).startswith(b"data: {")
    source._made_at -= 3600
    async with stream_of(source) as stream:
        assert await stream.readuntil(b"\n\n") == b":\n\n"
        source._show()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.readuntil(b"\n\n"), 0.2)
        source._last = None
        source._show()
        assert (await stream.readuntil(b"\n\n")).startswith(b"data: {")


def test_pictures_go_on_where_the_clock_is_set_back(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them a screen says that its data are old, for as long as the clock was ahead."""
    assert source._last is not None
    before = source._last.at
    source._show()
    assert source._last.at == before, "nothing has changed, and it is not two seconds old"
    monkeypatch.setattr(time, "time_ns", lambda: (before - 3_600_000_000) * 1000)
    source._show()
    assert source._last.at == before - 3_600_000_000


async def test_a_page_asks_anew_where_its_stream_is_silent(source: Source, tmp_path: Path) -> None:
    """The server's power is cut: nothing tells the browser that the connection is over."""
    streams = 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal streams
        name = request.path[1:] or "board.html"
        if name == "favicon.ico":
            return web.Response(status=404)
        if name != "events":
            return web.Response(
                body=(PAGE / name).read_bytes(), headers={"Content-Type": TYPES[name.rpartition(".")[2]]}
            )
        streams += 1
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: " + source.picture + b"\n\n")
        await asyncio.sleep(60)
        return stream

    server = await asyncio.get_running_loop().create_server(web.Server(answer), "127.0.0.1", 0)
    try:
        async with Browser(tmp_path / "chromium.log") as browser:
            await browser.go(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
            await browser.until("document.querySelector('#service').innerText !== ''")
            await browser.until("document.body.classList.contains('old')", 15)
            assert streams == 1
            await browser.until("!document.body.classList.contains('old')", 20)
            assert streams == 2
    finally:
        server.close()
