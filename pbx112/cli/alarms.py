"""`pbx112 alarms`."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Annotated

import typer

from pbx112 import log
from pbx112.cli.errors import EX_CONFIG, Failed
from pbx112.cli.options import Agencies, plan_of, settings_for
from pbx112.cli.screen import complain, plain, say, waiting
from pbx112.settings import Settings


def alarms(
    agencies: Agencies = None,
    test: Annotated[
        bool,
        typer.Option(
            "--test", help="Send one test message to each destination, say what became of it, and end."
        ),
    ] = False,
) -> None:
    """Tell people by e-mail, Telegram, webhook or SMS what is amiss with 112, and when it is over.

    \b
    By systemd:  systemctl enable --now pbx112-alarms
    To try:      pbx112 alarms --test

    Who is told stands in /etc/pbx112/alarms.conf (or where PBX112_ALARMS says), one Apprise address on each line;
    deploy/alarms.conf has examples. It is a process of its own: that the daemon is gone is told too.

    Exit code of --test: 0 every message was delivered; 1 one was not; 78 nobody is named.
    """
    from pbx112.alarms.destinations import DestinationsError, read

    settings = settings_for(agencies, ari=False)
    if find_spec("apprise") is None:
        raise Failed(
            "alarms need packages that are not there; pip install 'pbx112[alarms]' into the same environment",
            code=EX_CONFIG,
        )
    try:
        destinations = read(settings.alarms)
    except DestinationsError as error:
        raise Failed(str(error), code=EX_CONFIG) from None
    for mistake in destinations.mistakes:
        complain(mistake)
    if destinations.open:
        complain(f"{settings.alarms}: everybody on this machine can read its secrets; chmod 640", "yellow")
    if not destinations.all:
        raise Failed(
            f"{settings.alarms}: names nobody who could be told; see deploy/alarms.conf", code=EX_CONFIG
        )
    if test:
        raise typer.Exit(asyncio.run(_test(settings)) or bool(destinations.mistakes))
    from pbx112.alarms.run import watch
    from pbx112.cli.wallboard import until_told

    log.configure(settings.log_level)
    asyncio.run(until_told(watch(settings)))


async def _test(settings: Settings) -> int:
    """One message to each; 0 where all have arrived."""
    from pbx112.alarms.destinations import read
    from pbx112.alarms.post import hand_over
    from pbx112.alarms.run import voice_of
    from pbx112.alarms.texts import test_message

    sent = test_message(voice_of(settings, plan_of(settings)))
    to = read(settings.alarms).all
    with waiting("sending a test message to each destination"):
        outcomes = await asyncio.gather(*(hand_over(each, sent) for each in to))
    for each, outcome in zip(to, outcomes, strict=True):
        if outcome.delivered:
            say(f"{settings.alarms}: {each}: delivered", "green")
        else:
            say(plain(f"{settings.alarms}: {each}: failed: {outcome.why}"), "red")
    return 0 if all(outcome.delivered for outcome in outcomes) else 1
