"""A real Asterisk as an office would have it: phones, a gateway, AMI, and users of either kind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pbx112.ari import AriHttp
from tests.ari.asterisk import MODULES, PORT, Asterisk

ADDRESS = "127.117.0.1"
AMI_PORT = 5038
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

PHONES = f"""
[udp]
type=transport
protocol=udp
bind={ADDRESS}:5060
[phone](!)
type=endpoint
disallow=all
allow=alaw
[1101](phone)
aors=1101
[1101]
type=aor
contact=sip:127.117.0.11:5060
[1102](phone)
aors=1102
[1102]
type=aor
max_contacts=1
[2101](phone)
aors=2101
[2101]
type=aor
contact=sip:127.117.0.21:5060
[gsm](phone)
aors=gsm
[gsm]
type=aor
contact=sip:127.117.0.30:5060
"""

AMI = f"""
[general]
enabled=yes
bindaddr={ADDRESS}
port={AMI_PORT}
[pbx112]
secret={AMI_PASSWORD}
read=system,call,reporting
write=reporting
[greedy]
secret={AMI_PASSWORD}
read=all
write=all
"""

MORE = """
    app_dial app_playback app_read app_stack chan_pjsip codec_alaw func_env func_hangupcause func_logic func_strings
    func_timeout func_uri res_pjproject res_pjsip res_pjsip_caller_id res_pjsip_pubsub res_pjsip_sdp_rtp
    res_pjsip_session res_rtp_asterisk res_sorcery_astdb res_sorcery_memory res_ari_sounds
""".split()  # noqa: SIM905 (a list of names is not better read with quotes)


class Office(Asterisk):
    """Asterisk with PJSIP endpoints, AMI and a second ARI user that may only read."""

    def __init__(self, folder: Path, address: str = ADDRESS, without: tuple[str, ...] = ()) -> None:
        super().__init__(folder, address)
        names = [name for name in [*MODULES, *MORE] if name not in without]
        data = folder / "data"
        data.mkdir()
        (data / "documentation").symlink_to("/usr/share/asterisk/documentation")
        self.sounds = data / "sounds" / "pbx112"
        self.sounds.mkdir(parents=True)
        settings = folder / "etc" / "asterisk.conf"
        settings.write_text(
            settings.read_text().replace("astdatadir => /usr/share/asterisk", "astdatadir => /mnt/data")
        )
        self._add("modules.conf", "".join(f"load={name}.so\n" for name in names), begin=True)
        self._add("pjsip.conf", PHONES)
        self._add("manager.conf", AMI)
        self._add("rtp.conf", "[general]\nicesupport=no\n")
        self._add("ari.conf", f"[{READER}]\ntype=user\nread_only=yes\npassword={READER_PASSWORD}\n")
        self._add(
            "extensions.conf", '[general]\nclearglobalvars=yes\n#tryinclude "pbx112.conf"\n', begin=True
        )

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

    def _add(self, name: str, text: str, *, begin: bool = False) -> None:
        file = self.folder / "etc" / name
        present = file.read_text() if file.exists() else ""
        if name == "modules.conf":
            present, text = "", "[modules]\nautoload=no\n" + text
        file.write_text(text + present if begin else present + text)


__all__ = ["ADDRESS", "AMI_PASSWORD", "AMI_PORT", "PLAN", "PORT", "READER", "READER_PASSWORD", "Office"]
