"""A real Asterisk with nothing but ARI and Local channels, in a mount namespace of its own.

`ASTERISK_ROOT` is a folder with Asterisk installed (`/` for the system's own). It is only read.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

from pbx112.ari import AriError, AriHttp, AriSettings

USER, PASSWORD = "pbx112-test", "correct horse"
PORT = 8088

MODULES = """
    pbx_config chan_bridge_media res_sorcery_config res_http_websocket res_websocket_client res_timing_timerfd
    codec_ulaw codec_gsm format_pcm format_wav format_gsm
    bridge_simple bridge_softmix bridge_holding bridge_builtin_features
    app_stasis app_echo app_senddtmf func_channel func_callerid res_musiconhold
    res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop
    res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels
    res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings
""".split()  # noqa: SIM905 (a list of 35 names is not better read with quotes)

DIALPLAN = """
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

FILES = {
    "asterisk.conf": """
[directories]
astetcdir => /mnt/etc
astmoddir => {modules}
astvarlibdir => /mnt/lib
astdbdir => /mnt/lib
astkeydir => /mnt/lib
astdatadir => /usr/share/asterisk
astspooldir => /mnt/spool
astrundir => /mnt/run
astlogdir => /mnt/log
[options]
systemname = ari-test
""",
    "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
    "http.conf": "[general]\nenabled=yes\nbindaddr={address}\nbindport={port}\n",
    "ari.conf": "[general]\nenabled=yes\n[{user}]\ntype=user\npassword={password}\n",
    "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in MODULES),
    "extensions.conf": DIALPLAN,
    "musiconhold.conf": "[default]\nmode=files\ndirectory=/usr/share/asterisk/moh\n",
    **{
        f"{name}.conf": "" for name in ("cdr", "cel", "features", "acl", "manager", "udptl", "ccss", "stasis")
    },
}

ENTER = """
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/mnt" &&
exec chroot "$1" /usr/sbin/asterisk -f -C /mnt/etc/asterisk.conf
"""


class Asterisk:
    """One Asterisk on `address`, with its files below `folder`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.root = Path(os.environ.get("ASTERISK_ROOT", "/"))
        if not (self.root / "usr/sbin/asterisk").exists():
            raise RuntimeError(f"no Asterisk below {self.root}: set ASTERISK_ROOT to a folder that has one")
        self.folder, self.address = folder, address
        self.url = f"http://{address}:{PORT}"
        for name in ("etc", "lib", "spool/recording", "run", "log"):
            (folder / name).mkdir(parents=True)
        modules = next(self.root.glob("usr/lib/*/asterisk/modules")).relative_to(self.root)
        for name, text in FILES.items():
            text = text.replace("{modules}", f"/{modules}").replace("{address}", address)
            text = text.replace("{port}", str(PORT)).replace("{user}", USER).replace("{password}", PASSWORD)
            (folder / "etc" / name).write_text(text)

    def settings(self, app: str = "tests", **changes: object) -> AriSettings:
        """How to reach it."""
        return AriSettings(**({"url": self.url, "user": USER, "password": PASSWORD, "app": app} | changes))  # type: ignore[arg-type]

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    "unshare",
                    "--mount",
                    "--propagation",
                    "private",
                    "sh",
                    "-c",
                    ENTER,
                    "enter",
                    self.root,
                    self.folder,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if not asyncio.run(self._answers(within=20)):
            raise RuntimeError((self.folder / "output").read_text(errors="replace"))

    async def _answers(self, within: float) -> bool:
        deadline = time.monotonic() + within
        async with AriHttp(self.settings()) as ari:
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    await ari.modules()
                    await ari.asterisk_info()
                    return True
                except AriError:
                    await asyncio.sleep(0.05)
        return False

    def stop(self) -> None:
        """Kill it and wait for its end (each program on the way is replaced by the next: the child is Asterisk)."""
        self.process.kill()
        self.process.wait()
