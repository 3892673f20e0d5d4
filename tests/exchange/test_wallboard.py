"""The wallboard in a real Chromium, beside a real exchange: a call appears and disappears, and old data are told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from lab.browser import Browser
from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import Answers
from lab.processes import eventually
from lab.wallboard import Wallboard
from pbx112.wallboard.login import GUESSES
from tests.exchange.plans import plan
from tests.exchange.test_standby import standby_of


@pytest.fixture
async def board(exchange: Exchange) -> AsyncIterator[Wallboard]:
    async with Wallboard(exchange) as board:
        yield board


async def test_a_call_on_the_wall(exchange: Exchange, board: Wallboard) -> None:
    await exchange.reload_plan(plan(takers_ring_for=15))
    await exchange.phones({"1101": Answers(after=1.5)})
    async with Browser(exchange.folder / "chromium.log") as browser:
        await browser.screen(1920, 1080)
        await board.enter(browser, "not-the-password")
        await browser.until("document.querySelector('.wrong:not([hidden])') !== null")
        await board.enter(browser)
        await browser.until("document.querySelector('#calls .none') !== null")
        assert "Uji 112" in await browser.text("header")
        before = (await board.picture())["today"]["calls"]

        calling = await exchange.dial(Caller(number="081311112222"))
        await browser.until("document.querySelector('.call')?.innerText.includes('Berdering')")
        await browser.until("document.querySelector('#takers').innerText.includes('Berdering')")
        assert "…222" in await browser.text(".call") and "1111222" not in await browser.text()
        await calling.answered()
        await browser.until("document.querySelector('.call.talks')?.innerText.includes('1101')")
        await browser.until("document.querySelector('#takers').innerText.includes('Bicara')")
        calling.hang_up()
        await browser.until("document.querySelector('.call') === null")
        await browser.until(f"parseInt(document.querySelector('#figures b').innerText) === {before + 1}")

        assert browser.refused == []
        assert all(address.startswith(board.url) for address in browser.asked if "about:" not in address)
        for width, height in ((1920, 1080), (1366, 768), (390, 844)):
            await browser.screen(width, height, mobile=width < 500)
            assert await browser.run("document.documentElement.scrollWidth <= innerWidth"), width


async def test_it_outlives_the_daemon_and_says_when_it_is_old(exchange: Exchange, board: Wallboard) -> None:
    await exchange.reload_plan(plan())
    async with Browser(exchange.folder / "chromium.log") as browser:
        await board.enter(browser)
        await browser.until("document.querySelector('#calls .none') !== null")
        async with standby_of(exchange):
            await exchange.daemon.kill()
            await exchange.standby.says("connected")
        await browser.until("document.querySelector('#alerts').innerText.includes('tidak berjalan')")
        await exchange.daemon.start()
        await browser.until("document.querySelector('#alerts').innerText === ''")
        await board.stop()
        await browser.until("document.body.classList.contains('old')", 15)
        await browser.until("document.querySelector('#alerts').innerText.includes('DATA LAMA')")
        await board.start()  # its screens come back without a new login
        await browser.until("!document.body.classList.contains('old')", 15)


async def test_nobody_looks_without_the_password(exchange: Exchange, board: Wallboard) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as web:

        async def status(method: str, path: str, **more: object) -> int:
            async with web.request(method, board.url + path, allow_redirects=False, **more) as said:  # type: ignore[arg-type]
                policy = said.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'") and "unsafe" not in policy
                return said.status

        assert await status("GET", "/") == 303
        assert [await status("GET", path) for path in ("/picture", "/events")] == [401, 401]
        forged = {"Cookie": "pbx112_wallboard=9999999999.00"}
        assert await status("GET", "/events", headers=forged) == 401
        assert [await status("GET", path) for path in ("/board.py", "/%2e%2e/login.py", "//etc/passwd")] == [
            404
        ] * 3
        assert await status("PUT", "/login") == 404
        assert await status("POST", "/login", data=b"password=" + b"x" * 100_000) == 303
        for _ in range(GUESSES - 1):
            assert await status("POST", "/login", data={"password": "guess"}) == 303
        assert await status("POST", "/login", data={"password": board.password}) == 429
    said = board.log.read_text()
    assert "guess" not in said and board.password not in said


async def test_screens_that_do_not_read_harm_nobody(exchange: Exchange, board: Wallboard) -> None:
    """Forty streams that take nothing, and one more that is refused; the board goes on."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(limit=0)
    ) as web:
        async with web.post(board.url + "/login", data={"password": board.password}) as said:
            assert said.status == 200
        streams = [await web.get(board.url + "/events") for _ in range(40)]
        assert {stream.status for stream in streams} == {200}
        async with web.get(board.url + "/events") as refused:
            assert refused.status == 503
        async with web.get(board.url + "/picture") as picture:
            assert (await picture.json())["daemon"] == "serves"
        for stream in streams:
            stream.close()

        async def has_room() -> bool:
            async with web.get(board.url + "/events") as again:
                return again.status == 200

        await eventually(has_room, 10, pause=0.2)
