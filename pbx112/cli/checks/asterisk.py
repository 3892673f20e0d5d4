"""Asterisk as ARI shows it: version, rights, modules, dialplan, lines and trunks, prompts."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from pbx112.ari import (
    AriError,
    AriHttp,
    AsteriskInfo,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Unauthorized,
    Version,
)
from pbx112.cli.checks.endpoints import check_endpoints, check_incoming, strangers
from pbx112.cli.checks.findings import CHOOSE_ONE, Section, is_example
from pbx112.cli.checks.listening import is_near, open_to_others
from pbx112.cli.checks.modules import check_modules, check_second_count
from pbx112.cli.checks.plan_file import Places
from pbx112.cli.checks.prompts import check_prompts
from pbx112.cli.options import ari_settings
from pbx112.plan.dialplan import made
from pbx112.plan.types import Plan
from pbx112.settings import Settings

SAFE_SINCE = {20: Version(20, 20, 1), 22: Version(22, 10, 1)}
"""The first releases without the holes in ARI of 2026 (a read-only user's `api_key`, dialplan functions)."""

SECONDS = 5.0
"""How long each request may take."""

MOST_ASKED = 300
"""How many of the office's other endpoints are looked at."""

NOBODY = "pbx112-check-no-such-channel"


async def check_asterisk(settings: Settings, plan: Plan | None, places: Places | None) -> Section:
    """All that ARI tells. Without a plan, what depends on it is left out. Bounded: 5 s for each request."""
    section = Section(f"Asterisk ({settings.ari_url})")
    password = settings.ari_password.get_secret_value()
    if not password:
        remedy = "set it, as in ari.conf, in the environment or in /etc/pbx112/pbx112.env"
        section.wrong("PBX112_ARI_PASSWORD is not set: Asterisk was not asked", remedy)
        return section
    if is_example(password):
        section.wrong("PBX112_ARI_PASSWORD is still the example's", CHOOSE_ONE)
    async with AriHttp(ari_settings(settings, request_timeout=SECONDS)) as ari:
        try:
            info = await ari.asterisk_info()
        except AriError as error:
            _unreached(section, settings, error)
            return section
        check_version(section, info)
        _way(section, settings.ari_url)
        steps = [_rights(section, ari), _daemon(section, ari), _modules(section, ari, plan)]
        if plan is not None:
            steps += [_dialplan(section, ari, plan), check_prompts(section, ari, plan)]
        if plan is not None and places is not None:
            steps.append(_endpoints(section, ari, plan, places))
        for step in steps:
            try:
                await step
            except AriError as error:
                section.doubt(
                    f"one thing could not be looked at: {error}", "see Asterisk's log, and check again"
                )
    return section


def _unreached(section: Section, settings: Settings, error: AriError) -> None:
    user = settings.ari_user
    match error:
        case Unauthorized():
            remedy = f"PBX112_ARI_USER and PBX112_ARI_PASSWORD must be those of a user in ari.conf ([{user}])"
            section.wrong(f"Asterisk refuses user {user!r} or its password", remedy)
        case NotSent() if "certificate" in str(error):
            remedy = "PBX112_ARI_CA: the file (PEM) of who signed it; PBX112_ARI_URL: a host that it is for"
            section.wrong(f"Asterisk's certificate is not believed: {error}", remedy)
        case NotSent():
            remedy = "is it running (`systemctl status asterisk`)? http.conf: enabled=yes, bindaddr, bindport"
            section.wrong(f"Asterisk cannot be reached at {settings.ari_url}", remedy)
        case NotFound() | Rejected():
            remedy = "ari.conf: enabled=yes; modules res_ari and res_ari_asterisk loaded; PBX112_ARI_URL without /ari"
            section.wrong(f"a web server answers, but no ARI ({error.status} {error.message})", remedy)
        case OutcomeUnknown():
            remedy = "is it overloaded, or locked up? see its load, and `asterisk -rx 'core show channels'`"
            section.wrong("Asterisk does not answer in time", remedy)
        case _:
            section.wrong(f"Asterisk fails: {error}", "see /var/log/asterisk/messages")


def check_version(section: Section, info: AsteriskInfo) -> None:
    """Say what an administrator should know about this release."""
    warnings = [warning.partition("; ") for warning in (*info.warnings, *info.lacks)]
    safe = SAFE_SINCE.get(info.version.major)
    if safe is not None and info.version < safe:
        warnings.append(
            (f"Asterisk {info.version} lacks security fixes for ARI", "; ", f"install {safe} or newer")
        )
    for what, _, remedy in warnings:
        (section.wrong if info.deadlocks and "deadlock" in what else section.doubt)(what, remedy)
    if not warnings:
        section.right(f"Asterisk {info.text}")
    if not info.systemname:
        remedy = "asterisk.conf, [options]: systemname=kaur1 (letters and digits), then restart Asterisk"
        section.doubt(
            "Asterisk's systemname is not set: two machines could give the same id to two calls", remedy
        )


def _way(section: Section, url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return
    if not is_near(host):
        remedy = "use the same machine (127.0.0.1), or https with http.conf's tlsenable, and PBX112_ARI_CA"
        section.doubt(f"ARI's password crosses the network to {host} unencrypted", remedy)
        return
    port = parts.port or 80
    for address in open_to_others(port):
        remedy = (
            "http.conf: bindaddr=127.0.0.1 (from elsewhere: tlsbindaddr), restart Asterisk; and a firewall"
        )
        section.doubt(f"ARI listens without TLS on {address}:{port}, not for this machine alone", remedy)


async def _rights(section: Section, ari: AriHttp) -> None:
    """Try a request that needs write access and can do nothing."""
    user = ari.settings.user
    try:
        await ari.hangup(NOBODY)
    except NotFound:
        section.right(f"ARI user {user!r} may act")
    except Unauthorized:
        section.wrong(
            f"ARI user {user!r} may only read",
            f"ari.conf, [{user}]: read_only=no, then `module reload res_ari`",
        )


async def _daemon(section: Section, ari: AriHttp) -> None:
    try:
        await ari.application()
    except NotFound:
        remedy = "start it: `systemctl start pbx112`"
        section.doubt("no daemon is connected now: calls go to the fallback dialplan", remedy)
    else:
        section.right("the daemon is connected")


async def _modules(section: Section, ari: AriHttp, plan: Plan | None) -> None:
    dials = [line.dial for _, line in plan.lines()] if plan else []
    modules = await ari.modules()
    check_modules(section, modules, pjsip=any(dial.upper().startswith("PJSIP/") for dial in dials))
    check_second_count(section, modules)


async def _dialplan(section: Section, ari: AriHttp, plan: Plan) -> None:
    loaded = await _global(ari, "PBX112_PLAN")
    reload = "`pbx112 dialplan --write` and `asterisk -rx 'dialplan reload'`"
    if not loaded:
        remedy = f"{reload}; extensions.conf must have the line: #include pbx112.conf"
        section.wrong("the dialplan is not loaded: 112 is not let in, and there is no fallback", remedy)
    elif loaded != plan.hash:
        section.wrong(f"the dialplan is out of date: of plan {loaded[:20]}, not of {plan.hash}", reload)
    elif await _global(ari, "PBX112_MADE") != made(plan):
        section.wrong("the dialplan is out of date: another version of pbx112 wrote it", reload)
    else:
        section.right("the dialplan is loaded and up to date")


async def _global(ari: AriHttp, name: str) -> str:
    try:
        return await ari.global_variable(name)
    except NotFound:
        return ""


async def _endpoints(section: Section, ari: AriHttp, plan: Plan, places: Places) -> None:
    there = await ari.endpoints()
    check_endpoints(section, plan, places, there)
    contexts: dict[str, str] = {}
    for name in strangers(plan, there)[:MOST_ASKED]:
        with suppress(NotFound):
            contexts[name] = (await ari.pjsip_endpoint(name)).get("context", "")
    check_incoming(section, contexts)
