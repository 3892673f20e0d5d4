"""`pbx112 wallboard`."""

from __future__ import annotations

import asyncio
import signal

from pbx112 import log
from pbx112.cli.errors import EX_CONFIG, Failed
from pbx112.cli.options import Agencies, ari_settings, settings_for


def wallboard(agencies: Agencies = None) -> None:
    """Serve the wallboard of the 112 room until SIGTERM: one page, read-only, behind a password.

    \b
    By systemd:   systemctl start pbx112-wallboard; then http://127.0.0.1:8112 in a browser
    By hand:      PBX112_WALLBOARD_PASSWORD=… pbx112 wallboard
    For the room: a reverse proxy with TLS before it; see docs/admin

    It reads the daemon's journal and asks Asterisk for the lines, as `status` does; the daemon does not know of it,
    and may restart. PBX112_WALLBOARD_PASSWORD (or …_PASSWORD_FILE) is the password. Numbers are masked.
    """
    from pbx112.wallboard.login import password_of
    from pbx112.wallboard.server import serve

    settings = settings_for(agencies)
    ari_settings(settings)
    password = password_of(settings)
    log.configure(settings.log_level)
    try:
        asyncio.run(until_told(serve(settings, password)))
    except OSError as error:
        where = f"{settings.wallboard_host}:{settings.wallboard_port}"
        why = error.strerror or str(error)
        remedy = "see PBX112_WALLBOARD_HOST and PBX112_WALLBOARD_PORT; does another wallboard run?"
        # An address that is not there yet, as after a power cut, may come: systemd is to start us again.
        code = EX_CONFIG if isinstance(error, PermissionError) else 1
        raise Failed(f"the wallboard cannot be served at {where} ({why}); {remedy}", code=code) from None


async def until_told(work: object) -> None:
    """Do `work` until SIGTERM or SIGINT."""
    assert asyncio.iscoroutine(work)
    doing = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, doing.cancel)
    try:
        await doing
    except asyncio.CancelledError:
        return
