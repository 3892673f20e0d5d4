"""The lab's Asterisk with the configuration that we ship, and places that answer, ring and press keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import lab.asterisk
from lab import config
from lab.network import ARI, Network, free_net, is_free
from lab.processes import LabError
from pbx112.ari import AriSettings

USER, PASSWORD = "pbx112", "correct horse"

PHONES = """
[phones]
exten => answers,1,Answer()
 same => n,Echo()
exten => rings,1,Ringing()
 same => n,Wait(60)
exten => busy,1,Hangup(17)
exten => presses,1,Answer()
 same => n,Wait(0.1)
 same => n,SendDTMF(1)
 same => n,Echo()
[intake]
exten => 112,1,Stasis(${APP},caller)
 same => n,Goto(after,s,1)
[after]
exten => s,1,Echo()
"""


class Asterisk(lab.asterisk.Asterisk):
    """One Asterisk on `network`, without any SIP phone unless `files` have some."""

    def __init__(
        self, folder: Path, network: Network | None = None, files: Mapping[str, str] | None = None
    ) -> None:
        self.network = network or Network(free_net())
        shipped = config.shipped(self.network.exchange, PASSWORD)
        super().__init__(folder, shipped | {"extensions.conf": PHONES, "pjsip.conf": ""} | dict(files or {}))
        self.url = f"http://{self.network.exchange}:{ARI}"

    def settings(self, app: str = "tests", **changes: object) -> AriSettings:
        """How to reach it."""
        return AriSettings(**({"url": self.url, "user": USER, "password": PASSWORD, "app": app} | changes))  # type: ignore[arg-type]

    async def start(self) -> None:
        """Start it where nobody else answers, and wait until it takes calls. Raises :class:`LabError`."""
        if not is_free(self.network.prefix):
            raise LabError(f"somebody else answers on {self.network.exchange}")
        await super().start()
