"""Phones with sound: each plays a tone of its own and keeps what it hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.network import SIP
from lab.processes import LabError, Process, eventually
from lab.sound import tone_of, write_tone

CONTROL = 4444

KEY_EVERY = 0.35
"""Seconds from one key to the next: a finger's pace."""

_CONFIG = """\
poll_method epoll
sip_listen {address}:{port}
net_interface {address}
audio_source aufile,{tone}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports 20000-30000
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
snd_path {heard}
ctrl_tcp_listen {address}:{control}
"""

_ACCOUNT = "<sip:{user}@{exchange};transport=udp>;regint=0;answermode=auto;audio_codecs=pcma\n"


@dataclass
class Baresip:
    """A running phone at `address`."""

    process: Process
    address: str
    heard_in: Path
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def dial(self, uri: str, within: float = 20) -> None:
        """Call, and wait until somebody answers. Raises :class:`LabError` where the call ends instead."""
        await self._say("dial", uri)
        async with asyncio.timeout(within):
            async for event in self._events():
                if event.get("type") == "CALL_ESTABLISHED":
                    return
                if event.get("type") == "CALL_CLOSED":
                    raise LabError(f"the call to {uri} ended: {event.get('param', '')}")

    async def press(self, keys: str) -> None:
        """Press these keys, one after the other (RFC 4733)."""
        for key in keys:
            await self._say("sndcode", key)
            await asyncio.sleep(KEY_EVERY)

    async def transfer(self, uri: str) -> None:
        """Press its transfer key: blind, to this address."""
        await self._say("transfer", uri)

    async def hang_up(self) -> None:
        """End the call."""
        await self._say("hangup", "")

    async def hears(self, hertz: float, within: float = 10) -> None:
        """Wait until it has heard this tone for a second. Raises :class:`LabError` with what it heard instead."""
        try:
            await eventually(lambda: self.heard() == hertz, within, pause=0.2)
        except TimeoutError:
            raise LabError(f"{self.process.name} hears {self.heard()} Hz, not {hertz:g} Hz") from None

    def heard(self) -> float | None:
        """The tone that it hears (440 or 880 Hz); None for neither."""
        files = sorted(self.heard_in.glob("*-dec.wav"), key=lambda file: file.stat().st_mtime)
        return tone_of(files[-1]) if files else None

    async def stop(self) -> None:
        """Hang up and be gone."""
        self._writer.close()
        await self.process.stop()

    async def _say(self, command: str, parameters: str) -> None:
        text = json.dumps({"command": command, "params": parameters, "token": "lab"}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        await self._writer.drain()

    async def _events(self) -> AsyncIterator[dict[str, Any]]:
        """What the phone tells: netstrings of JSON."""
        while True:
            try:
                length = int((await self._reader.readuntil(b":"))[:-1])
                event = json.loads(await self._reader.readexactly(length))
                await self._reader.readexactly(1)
            except (asyncio.IncompleteReadError, ValueError) as error:
                raise LabError(f"{self.process.name} is gone:\n{self.process.last_words()}") from error
            yield event


async def start_baresip(
    folder: Path,
    user: str,
    address: str,
    exchange: str,
    hertz: float,
    port: int = SIP,
    *,
    account: str = _ACCOUNT,
    more: str = "",
) -> Baresip:
    """A phone for `user` on `address`:`port` that plays `hertz`, and answers whoever calls. `more` is added to its
    configuration."""
    heard = folder / "heard"
    heard.mkdir(parents=True, exist_ok=True)
    tone = write_tone(folder / "tone.wav", hertz)
    modules = _modules()
    config = _CONFIG.format(
        address=address, port=port, tone=tone, modules=modules, heard=heard, control=CONTROL
    )
    (folder / "config").write_text(config + more)
    (folder / "accounts").write_text(account.format(user=user, exchange=exchange))
    (folder / "contacts").write_text("")
    process = await Process.start(f"baresip {user}", ["baresip", "-f", folder], folder / "output.log")
    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def listens() -> bool:
        try:
            connections.append(await asyncio.open_connection(address, CONTROL))
        except OSError:
            return False
        return True

    await process.ready(listens)
    return Baresip(process, address, heard, *connections[0])


@asynccontextmanager
async def baresip(
    folder: Path, user: str, address: str, exchange: str, hertz: float, port: int = SIP
) -> AsyncIterator[Baresip]:
    """:func:`start_baresip`, gone at the end."""
    phone = await start_baresip(folder, user, address, exchange, hertz, port)
    try:
        yield phone
    finally:
        await phone.stop()


def _modules() -> Path:
    places = [Path("/usr/lib/baresip/modules"), *Path("/usr/lib").glob("*/baresip/modules")]
    return next((place for place in places if place.is_dir()), places[0])
