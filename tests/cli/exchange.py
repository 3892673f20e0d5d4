"""A real Asterisk as an office would have it: phones, a gateway, AMI, and users of either kind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab import config
from lab.network import AMI, Network
from pbx112.ari import AriHttp
from pbx112.plan.load import parse_plan
from pbx112.sounds import texts
from tests.ari.asterisk import PASSWORD, PHONES, Asterisk

AMI_PASSWORD = "only-looks-7"
READER, READER_PASSWORD = "reader", "reads-only-4"

PLAN = """\
version: 1
service: {name: Layanan 112, number: "112", timezone: Asia/Jakarta}
trunks:
  gsm: {dial: "PJSIP/{number}@gsm", allow: ["+628"]}
call_takers:
  lines:
    - {extension: "1101", name: Meja 1}
    - {extension: "1102", name: Meja 2}
  then: damkar
agencies:
  damkar:
    name: Pemadam
    code: "13"
    lines:
      - {extension: "2101", name: Pos}
      - {mobile: "+6281200000001", trunk: gsm, name: Piket}
default_agency: damkar
"""

PROMPTS = len(texts(parse_plan(PLAN.encode(), "agencies.yaml").plan))
"""How many prompts its callers and staff may hear."""

MANAGER = f"""
[general]
enabled=yes
bindaddr={{address}}
port={AMI}
[pbx112]
secret={AMI_PASSWORD}
read=system,call,reporting
write=reporting
[greedy]
secret={AMI_PASSWORD}
read=all
write=all
"""


class Office(Asterisk):
    """Asterisk with PJSIP endpoints, AMI and a second ARI user that may only read."""

    def __init__(self, folder: Path, network: Network, without: tuple[str, ...] = ()) -> None:
        shipped = config.shipped(network.exchange, PASSWORD)
        modules = shipped["modules.conf"]
        for name in without:
            modules = modules.replace(f"require={name}.so", f"noload={name}.so")
        parties = config.Parties(("1101", "1102", "2101"), ("gsm",))
        reader = f"[{READER}]\ntype=user\nread_only=yes\npassword={READER_PASSWORD}\n"
        files = {
            "modules.conf": modules,
            "pjsip.conf": config.pjsip(network, parties, unregistered=["1102"]),
            "manager.conf": MANAGER.format(address=network.exchange),
            "ari.conf": shipped["ari.conf"] + reader,
            "extensions.conf": f'[general]\nclearglobalvars=yes\n#tryinclude "pbx112.conf"\n{PHONES}',
        }
        super().__init__(folder, network, files)

    @property
    def dialplan(self) -> Path:
        """What `pbx112 dialplan --write` writes."""
        return self.folder / "etc" / "pbx112.conf"

    def reload_dialplan(self) -> None:
        """As `asterisk -rx 'dialplan reload'`."""

        async def reload() -> None:
            async with AriHttp(self.settings()) as ari:
                await ari.request("PUT", ("asterisk", "modules", "pbx_config.so"))

        asyncio.run(reload())
