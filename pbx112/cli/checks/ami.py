"""AMI: whether the daemon's user can log in, and that it may do no more than look."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from panoramisk import Manager  # type: ignore[import-untyped]

from pbx112.cli.checks.findings import CHOOSE_ONE, Section, is_example
from pbx112.cli.checks.listening import is_near, open_to_others
from pbx112.settings import Settings

SECONDS = 5.0
DANGEROUS = {"originate": "originate", "command": "command", "updateconfig": "config", "moduleload": "system"}
"""An AMI action that only a user with this right may take."""

_silent = logging.getLogger("pbx112.check.ami")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


async def check_ami(settings: Settings) -> Section:
    """Log in and out. Bounded: 5 s for each of three answers."""
    section = Section(f"AMI ({settings.ami_host}:{settings.ami_port})")
    password = settings.ami_password.get_secret_value() if settings.ami_password else ""
    if not password:
        remedy = "set it as in manager.conf where you want to see in time which phones are dead"
        section.doubt("PBX112_AMI_PASSWORD is not set: the state of lines is not watched", remedy)
        return section
    if is_example(password):
        section.wrong("PBX112_AMI_PASSWORD is still the example's", CHOOSE_ONE)
    if not (password + settings.ami_user).isprintable():
        section.wrong(
            "PBX112_AMI_USER or _PASSWORD contains a control character", "a line break pasted with it?"
        )
        return section
    _way(section, settings.ami_host, settings.ami_port)
    manager = Manager(
        host=settings.ami_host,
        port=settings.ami_port,
        username=settings.ami_user,
        secret=password,
        events="off",
        log=_silent,
        reconnect_timeout=3600,  # never: whoever checks wants to know of the first failure
    )
    try:
        await _log_in(section, manager, settings.ami_user)
    except TimeoutError:
        section.wrong("AMI does not answer", "is that AMI's port? `asterisk -rx 'manager show settings'`")
    except OSError as error:
        remedy = "manager.conf: enabled=yes, bindaddr and port as in PBX112_AMI_HOST and PBX112_AMI_PORT"
        section.wrong(f"AMI cannot be reached ({error.strerror or error})", remedy)
    finally:
        manager.close()
    return section


def _way(section: Section, host: str, port: int) -> None:
    if not is_near(host):
        remedy = "AMI stays on Asterisk's own machine, and pbx112 with it: PBX112_AMI_HOST=127.0.0.1"
        section.doubt(f"AMI's password crosses the network to {host} unencrypted", remedy)
        return
    for address in open_to_others(port):
        remedy = (
            "manager.conf: bindaddr=127.0.0.1, then `asterisk -rx 'module reload manager'`; and a firewall"
        )
        section.doubt(f"AMI listens without TLS on {address}:{port}, not for this machine alone", remedy)


async def _log_in(section: Section, manager: Any, user: str) -> None:
    connecting = manager.connect()
    try:
        await _answer(connecting)
    except TimeoutError:
        connecting.remove_done_callback(manager.connection_made)  # it cannot bear what the loop's end does
        connecting.cancel()
        raise
    answer = await _answer(manager.authenticated_future)
    if not answer.success:
        remedy = f"PBX112_AMI_USER and PBX112_AMI_PASSWORD must be those of [{user}] in manager.conf; see permit= there"
        section.wrong(f"AMI refuses user {user!r} or its password", remedy)
        return
    section.right(f"AMI lets user {user!r} in")
    allowed = {name.lower() for name in await _answer(manager.send_action({"Action": "ListCommands"}))}
    rights = sorted(right for action, right in DANGEROUS.items() if action in allowed)
    if rights:
        remedy = f"manager.conf, [{user}]: write=reporting is all it needs"
        section.doubt(f"AMI user {user!r} has rights it must not have: {', '.join(rights)}", remedy)


async def _answer(future: asyncio.Future[Any]) -> Any:
    """What `future` brings. It is not cancelled when its time is over: panoramisk's own callbacks on it would fail."""
    done, _ = await asyncio.wait([future], timeout=SECONDS)
    if not done:
        raise TimeoutError
    return future.result()
