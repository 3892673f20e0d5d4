"""`pbx112 run`."""

from __future__ import annotations

import asyncio

import uvloop

from pbx112 import log
from pbx112.cli.options import Agencies, ari_settings, settings_for


def run(agencies: Agencies = None) -> None:
    """Serve: answer calls until SIGTERM. SIGHUP reads agencies.yaml again, without touching a live call.

    \b
    By systemd:   systemctl start pbx112; after a change of the plan: systemctl reload pbx112
    By hand:      PBX112_LOG_LEVEL=debug pbx112 run --agencies agencies.yaml

    It writes one line of JSON for each fact to standard error. A second one with the same journal waits as a standby,
    and takes over when the first ends or hangs. Exit code 75: another one has taken over under our name.
    """
    from pbx112.daemon import (
        serve,  # here, so that all other commands start without what only the daemon needs
    )

    settings = settings_for(agencies)
    ari_settings(settings)  # a URL that cannot be used is told before anything starts
    log.configure(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
