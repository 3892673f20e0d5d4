"""Whether Asterisk knows the phones and trunks that the plan rings, and whether they are there now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pbx112.ari import Endpoint
from pbx112.cli.checks.findings import Section
from pbx112.cli.checks.plan_file import Places
from pbx112.plan.dial import Key, endpoint_of
from pbx112.plan.types import CALL_TAKERS, Plan

INTAKE = "pbx112-intake"
"""The context of the dialplan by which 112 is let in."""


def known(endpoints: Iterable[Endpoint]) -> dict[Key, Endpoint]:
    """Asterisk's endpoints by what a dial string calls them."""
    return {(endpoint.technology.lower(), endpoint.resource): endpoint for endpoint in endpoints}


def check_endpoints(section: Section, plan: Plan, places: Places, endpoints: Iterable[Endpoint]) -> None:
    """Say which extensions and trunks Asterisk does not know, and which have no contact now."""
    there = known(endpoints)
    asked = {technology for technology, _ in there} | {"pjsip"}
    _check_trunks(section, plan, places, there, asked)
    seen: dict[str, int] = {}
    sound = 0
    for owner, line in plan.lines():
        index = seen.get(owner, 0)
        seen[owner] = index + 1
        if line.kind == "mobile":
            continue
        whose = "call takers" if owner == CALL_TAKERS else owner
        what = f"{places.line(owner, index)}: {whose}: extension {line.number} ({line.name})"
        key = endpoint_of(line.dial)
        endpoint = there.get(key)
        if endpoint is not None and endpoint.state != "offline":
            sound += 1
        elif endpoint is not None:
            section.doubt(
                f"{what} has no contact now", "is the phone on, and registered? each call tries it again"
            )
        elif key[0] in asked:
            section.wrong(f"{what} is unknown to Asterisk", _define(key))
        else:
            section.doubt(
                f"{what}: Asterisk lists no {line.dial.partition('/')[0]} endpoints", "try it by a call"
            )
    if sound:
        section.right(f"{sound} extensions are known and reachable")


def _check_trunks(
    section: Section, plan: Plan, places: Places, there: dict[Key, Endpoint], asked: set[str]
) -> None:
    for trunk in plan.trunks.values():
        key = endpoint_of(trunk.dial.replace("{number}", "0"))
        endpoint = there.get(key)
        what = f"{places.trunk(trunk.key)}: trunk {trunk.key} ({key[1]})"
        if endpoint is None and key[0] in asked:
            section.wrong(f"{what} is unknown to Asterisk: no mobile can be rung over it", _define(key))
        elif endpoint is None:
            section.doubt(f"{what}: Asterisk lists no endpoints of this technology", "try it by a call")
        elif endpoint.state == "offline":
            remedy = (
                f"is the gateway on? see `asterisk -rx 'pjsip show endpoint {key[1]}'`, `contact=` of its aor"
            )
            section.wrong(f"{what} has no contact that answers: no mobile can be rung over it", remedy)
        else:
            section.right(f"trunk {trunk.key} is known and has a contact")


def strangers(plan: Plan, endpoints: Iterable[Endpoint]) -> list[str]:
    """The endpoints of PJSIP that the plan does not name: the office's own, and trunks over which 112 only comes in."""
    named = {endpoint_of(line.dial) for _, line in plan.lines()}
    named |= {endpoint_of(trunk.dial.replace("{number}", "0")) for trunk in plan.trunks.values()}
    return sorted(name for technology, name in known(endpoints).keys() - named if technology == "pjsip")


def check_incoming(section: Section, contexts: Mapping[str, str]) -> None:
    """Say which of the endpoints that the plan does not name lets 112 in: while it is down nobody is told. `contexts`
    are those of each."""
    for name in sorted(name for name, context in contexts.items() if context == INTAKE):
        key = re.sub("[^a-z0-9]", "_", f"in_{name}".lower())[:32]
        section.doubt(
            f"112 comes in over trunk {name}, which is not watched: while it is down, no alarm tells that nobody calls",
            f'name it under `trunks:` (`{key}: {{dial: "PJSIP/{{number}}@{name}", allow: ["+62"]}}`; nothing is '
            "dialled where no line names it), with `contact` and `qualify_frequency` in its aor",
        )


def _define(key: Key) -> str:
    if key[0] == "pjsip":
        return f"define the endpoint [{key[1]}] in pjsip.conf, then `asterisk -rx 'pjsip reload'`; or correct the plan"
    return f"define it in Asterisk as {key[0].upper()}/{key[1]}, or correct the plan"
