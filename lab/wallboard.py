"""The wallboard beside an exchange, as systemd would run it; and its pictures for the documentation.

`python -m lab.wallboard FOLDER` plays a busy minute on an exchange of its own and writes the pictures.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from lab.browser import Browser
from lab.callers import Caller
from lab.exchange import Exchange
from lab.network import free_net
from lab.phones import SILENT, Answers, codes
from lab.processes import Process, Startable

PORT = 8112
SMALLER = 2 / 3
"""Of the pictures of the large screen, for the sake of the repository."""
COMMAND = (sys.executable, "-m", "pbx112", "wallboard")


class Wallboard(Startable):
    """`pbx112 wallboard` with the settings of an exchange's daemon."""

    def __init__(self, exchange: Exchange) -> None:
        self.password = secrets.token_urlsafe(12)
        self.url = f"http://{exchange.network.exchange}:{PORT}"
        self.log = exchange.folder / "wallboard.log"
        self.environment = exchange.daemon.environment | {
            "PBX112_WALLBOARD_HOST": exchange.network.exchange,
            "PBX112_WALLBOARD_PORT": str(PORT),
            "PBX112_WALLBOARD_PASSWORD": self.password,
        }
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        process = await Process.start("wallboard", COMMAND, self.log, environment=self.environment)
        self._process = process

        async def answers() -> bool:
            try:
                async with aiohttp.ClientSession() as web, web.get(self.url + "/login") as said:
                    return said.status == 200
            except aiohttp.ClientError:
                return False

        await process.ready(answers)

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await self._process.stop()

    async def picture(self) -> dict[str, Any]:
        """What it shows now, as the page gets it."""
        jar = aiohttp.CookieJar(unsafe=True)  # an address is no name
        async with aiohttp.ClientSession(cookie_jar=jar) as web:
            await web.post(self.url + "/login", data={"password": self.password})
            async with web.get(self.url + "/picture") as said:
                return dict(await said.json())

    async def enter(self, browser: Browser, password: str | None = None) -> None:
        """Log in as people do."""
        await browser.go(self.url)
        await browser.until("document.querySelector('#password') !== null")
        await browser.run(f"document.querySelector('#password').value = {password or self.password!r}")
        await browser.run("document.querySelector('form').submit()")


async def pictures(folder: Path) -> None:
    """A busy minute with the example plan, as it looks on the wall and on a phone."""
    plan = Path(__file__).parent.parent / "agencies.yaml"
    shots = Path(tempfile.mkdtemp(prefix="pbx112-pictures-"))
    away = ("2111", "2161", "2162", "2163", "2164")
    async with Exchange(shots, plan.read_text(), net=free_net(), unregistered=away) as exchange:
        numbers = exchange.addresses()
        phones = {number: Answers(after=2.0) for number in numbers if number not in away}
        await exchange.phones(phones | {"1101": Answers(after=1.5), "1102": SILENT})
        async with Wallboard(exchange) as board, Browser(shots / "chromium.log") as browser:
            await browser.screen(1920, 1080)
            await board.enter(browser)
            await browser.until("document.querySelector('#calls .none') !== null")
            await asyncio.gather(*(_served(exchange, talk) for talk in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)))
            calls_damkar = Answers(after=13.0, keys=codes("*13"))
            await exchange.phones(phones | {"1101": calls_damkar, "1102": SILENT})
            hidden = 'From: "" <sip:anonymous@anonymous.invalid>'
            for caller in (Caller(), Caller(from_header=hidden), Caller(number="085212345670")):
                await exchange.dial(caller)
                await asyncio.sleep(4)  # the picture shall show different waits
            await browser.until("document.querySelectorAll('.call.talks').length === 1", 20)
            await browser.until("document.querySelector('.call.talks .whom').innerText.includes(',')", 20)
            await browser.picture(folder / "wallboard.png", scale=SMALLER)
            await browser.run("document.getElementById('theme').click()")
            await browser.run("document.getElementById('language').click()")
            await browser.picture(folder / "wallboard-light.png", scale=SMALLER)
            await browser.run("document.getElementById('theme').click()")
            await browser.run("document.getElementById('language').click()")
            await browser.screen(390, 844, mobile=True)
            await browser.picture(folder / "wallboard-phone.png")
            await browser.screen(1920, 1080)
            await board.stop()
            await browser.until("document.body.classList.contains('old')", 20)
            await browser.picture(folder / "wallboard-old.png", scale=SMALLER)


async def _served(exchange: Exchange, talk: float) -> None:
    caller = Caller(talk=talk)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()


if __name__ == "__main__":
    _to = Path(sys.argv[1])
    _to.mkdir(parents=True, exist_ok=True)
    asyncio.run(pictures(_to))
