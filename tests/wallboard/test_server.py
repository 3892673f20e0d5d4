"""The wallboard's answers to those who mean no good."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from lab.network import free_net
from pbx112.settings import load_settings
from pbx112.wallboard.login import ALL_GUESSES, GUESSES, Door
from pbx112.wallboard.server import COOKIE, Wallboard
from pbx112.wallboard.source import Source
from pbx112.web import serving

PASSWORD = "correct-horse-9"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    settings = load_settings(ari_password="x", journal=tmp_path / "journal.db", agencies=tmp_path / "none")
    board, host = Wallboard(Source(settings), Door(PASSWORD)), f"{free_net()}.0.1"
    async with serving(board.answer, host, 8112, most=10, longest=20):
        yield f"http://{host}:8112"


async def test_only_who_is_logged_in_can_log_out(url: str) -> None:
    """The browser of a screen sends no session with a form of another site (SameSite): nothing is taken from it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as web:
        async with web.post(f"{url}/login", data={"password": PASSWORD}, allow_redirects=False) as said:
            session = said.cookies[COOKIE].value
        async with web.post(f"{url}/logout", allow_redirects=False) as said:
            assert (said.status, COOKIE in said.cookies) == (303, False)
        mine = {"Cookie": f"{COOKIE}={session}"}
        async with web.post(f"{url}/logout", headers=mine, allow_redirects=False) as said:
            assert (said.status, said.cookies[COOKIE].value) == (303, "")


async def test_who_guesses_without_end_fills_no_log(url: str) -> None:
    async with aiohttp.ClientSession() as web:
        with capture_logs() as logs:
            for _ in range(GUESSES + 20):
                async with web.post(f"{url}/login", data={"password": "guessed"}, allow_redirects=False):
                    pass
    actions = Counter(line["action"] for line in logs)
    assert actions == {"wallboard_refused": GUESSES, "wallboard_locked": 1}


async def test_behind_a_proxy_who_guesses_locks_out_itself_alone(url: str) -> None:
    """The proxy is on this machine, and writes behind what the browser said whom it saw."""

    async def knocks(password: str, seen: str) -> int:
        form, by = {"password": password}, {"X-Forwarded-For": seen}
        async with web.post(f"{url}/login", data=form, headers=by, allow_redirects=False) as said:
            return said.status if "wrong" not in said.headers.get("Location", "") else 401

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as web:
        with capture_logs() as logs:
            said = [await knocks("guessed", f"192.0.2.{n}, 198.51.100.7") for n in range(GUESSES + 2)]
        assert said == [401] * GUESSES + [429] * 2
        assert {line["peer"] for line in logs if "peer" in line} == {"198.51.100.7"}
        assert await knocks(PASSWORD, "198.51.100.7") == 429
        assert await knocks(PASSWORD, "198.51.100.8") == 303


async def test_the_address_of_a_screen_is_known_again_after_a_restart(url: str) -> None:
    """Its session outlived the process, and guessing from many addresses shall not stop it once that is over."""
    session = Door(PASSWORD).knock(PASSWORD, "192.0.2.1")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as web:
        async with web.get(
            url, headers={"Cookie": f"{COOKIE}={session}", "X-Forwarded-For": "192.0.2.1"}
        ) as said:
            assert said.status == 200
        codes = set()
        for n in range(ALL_GUESSES + 1):
            by = {"X-Forwarded-For": f"2001:db8:{n:x}::1"}
            async with web.post(
                f"{url}/login", data={"password": "guessed"}, headers=by, allow_redirects=False
            ) as said:
                codes.add(said.status)
        assert 429 in codes
        for address, status in (("192.0.2.2", 429), ("192.0.2.1", 303)):
            by = {"X-Forwarded-For": address}
            async with web.post(
                f"{url}/login", data={"password": PASSWORD}, headers=by, allow_redirects=False
            ) as said:
                assert said.status == status
