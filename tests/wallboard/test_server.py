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
from pbx112.wallboard.login import GUESSES, Door
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
