"""A real Chromium without a screen, driven over its own protocol (CDP), to see what people see."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from lab.processes import LabError, Process, eventually

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
ANSWER_WITHIN = 15.0
"""Seconds."""


class Browser:
    """One page. `log` is where Chromium's own words go."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._profile = tempfile.TemporaryDirectory(prefix="pbx112-chromium-", ignore_cleanup_errors=True)
        self._numbers = itertools.count(1)
        self.refused: list[str] = []
        """What the page was not allowed to do (its Content Security Policy), and what failed in it."""
        self.asked: list[str] = []
        """Every address that the page asked for."""

    async def __aenter__(self) -> Self:
        profile = Path(self._profile.name)
        command = ("chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank")
        self._process = await Process.start("chromium", command, self._log)
        told = profile / "DevToolsActivePort"
        await eventually(lambda: told.exists() and told.read_text().count("\n") >= 1, 30)
        port = told.read_text().split()[0]
        self._web = aiohttp.ClientSession()
        async with self._web.get(f"http://127.0.0.1:{port}/json/list") as listed:
            [page] = [each for each in await listed.json() if each["type"] == "page"]
        self._socket = await self._web.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listening = asyncio.create_task(self._listen())
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.ask(f"{domain}.enable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._socket.close()
        await self._web.close()
        await self._process.stop()
        self._profile.cleanup()

    async def ask(self, method: str, **params: Any) -> Any:
        """One request of the protocol. Raises :class:`LabError`."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        said = await asyncio.wait_for(answer, ANSWER_WITHIN)
        if "error" in said:
            raise LabError(f"chromium: {method}: {said['error']}")
        return said["result"]

    async def screen(self, width: int, height: int, *, mobile: bool = False) -> None:
        """From here on a screen of this size."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    async def go(self, url: str) -> None:
        """Open a page."""
        await self.ask("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """What an expression in the page gives. Raises :class:`LabError` where it fails."""
        said = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise LabError(f"chromium: {script}: {said['exceptionDetails']}")
        return said["result"].get("value")

    async def until(self, condition: str, within: float = 10) -> None:
        """Wait until an expression in the page is true. Raises :class:`LabError`."""

        async def holds() -> bool:
            try:
                return bool(await self.run(condition))
            except LabError:  # the page is just being replaced
                return False

        try:
            await eventually(holds, within, pause=0.05)
        except TimeoutError:
            failed = self._log.with_suffix(".png")
            await self.picture(failed)
            raise LabError(f"chromium: not true within {within:g} s: {condition}; see {failed}") from None

    async def text(self, selector: str = "body") -> str:
        """What can be read there."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    async def picture(self, file: Path, *, scale: float = 1.0) -> None:
        """A PNG of what is on the screen, made smaller by `scale`."""
        seen = await self.run("({width: innerWidth, height: innerHeight})")
        clip = {"x": 0, "y": 0, **seen, "scale": scale}
        said = await self.ask("Page.captureScreenshot", format="png", clip=clip)
        file.write_bytes(base64.b64decode(said["data"]))

    async def _listen(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if (answer := self._answers.pop(said.get("id", 0), None)) is not None:
                if not answer.done():
                    answer.set_result(said)
                continue
            params = said.get("params", {})
            match said.get("method"):
                case "Log.entryAdded" if params["entry"]["level"] == "error":
                    self.refused.append(params["entry"]["text"])
                case "Runtime.exceptionThrown":
                    self.refused.append(str(params["exceptionDetails"]))
                case "Network.requestWillBeSent":
                    self.asked.append(params["request"]["url"])
