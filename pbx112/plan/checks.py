"""What the keys of `agencies.yaml` must mean together: references, loops, codes, menu keys.

Nothing is said here about a key that was found faulty before: its value is only a stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pbx112.plan.document import AgencyDoc, Document, IncidentDoc, Part
from pbx112.plan.finding import Finding, show, suggest
from pbx112.plan.line_checks import check_lines
from pbx112.plan.types import CALL_TAKERS, MENU, SUPERVISORS

RESERVED = (MENU, CALL_TAKERS, SUPERVISORS)
"""Words with a meaning of their own in `then` and in the records; no agency's key."""


def check_document(document: Document) -> list[Finding]:
    """Every error and warning that no single key shows."""
    return [
        *_agencies(document),
        *_codes(document),
        *_loops(document),
        *_incidents(document),
        *_menu_keys(document),
        *_incident_codes(document),
        *_call_takers(document),
        *check_lines(document),
    ]


def _agencies(document: Document) -> Iterator[Finding]:
    keys = document.keys_of("agencies")
    if document.sound("agencies") and not keys:
        yield document.finding("no agency is defined", "define at least one", "agencies")
    for key, agency in document.agencies.items():
        if key in RESERVED:
            yield agency.finding(f"agency {show(key)}: this key is reserved", "choose another key")
        yield from _agency_exists(document, f"agency {show(key)}", agency, "then", agency.then)
    yield from _agency_exists(document, "default_agency", document, "default_agency", document.default_agency)


def _agency_exists(
    document: Document,
    label: str,
    part: Part,
    key: str,
    name: str | None,
    item: int | None = None,
    also: Sequence[str] = (),
) -> Iterator[Finding]:
    known = document.keys_of("agencies")
    if name is None or name in known or not part.sound(key) or not document.sound("agencies"):
        return
    what = f"{label}: agency {show(name)} is not defined"
    yield part.finding(what, suggest(name, [*known, *also], "agencies"), key, item)


def _codes(document: Document) -> Iterator[Finding]:
    """A code with which another begins could not be told from the beginning of that other one."""
    extensions = {line.extension for _, owner in document.owners() for line in owner.lines}
    before: list[tuple[str, AgencyDoc]] = []
    for key, agency in document.agencies.items():
        if not agency.sound("code"):
            continue
        code = agency.code
        label = f"agency {show(key)}: code {show(code)}"
        if code == document.service.number:
            yield agency.finding(f"{label} is the service number", "choose another", "code")
        if code in extensions:
            yield agency.finding(f"{label} is also an extension", "choose another", "code")
        for other, its in before:
            if code == its.code:
                what = f"{label} is already that of {show(other)}"
                yield agency.finding(what, "choose another", "code")
            elif code.startswith(its.code) or its.code.startswith(code):
                what = f"{label} and {show(its.code)} of {show(other)} begin alike"
                yield agency.finding(what, "choose another; codes of one length never do", "code")
        before.append((key, agency))


def _loops(document: Document) -> Iterator[Finding]:
    """Each circle of `then` once, beginning where it begins in the file."""
    follows = {key: agency.then for key, agency in document.agencies.items() if agency.then}
    seen: set[str] = set()
    for first in follows:
        chain: list[str] = []
        key: str | None = first
        while key is not None and key not in seen:
            seen.add(key)
            chain.append(key)
            key = follows.get(key)
        if key is None or key not in chain:
            continue
        circle = chain[chain.index(key) :]
        start = min(circle, key=lambda name: document.agencies[name].line())
        at = circle.index(start)
        what = f"'then' goes in a circle: {' → '.join([*circle[at:], *circle[:at], start])}"
        yield document.agencies[start].finding(what, "remove or change one of these 'then'", "then")


def _incidents(document: Document) -> Iterator[Finding]:
    for key, incident in document.incidents.items():
        label = f"incident {show(key)}"
        yield from _agency_exists(document, f"{label}, primary", incident, "primary", incident.primary)
        yield from _support(document, label, incident)


def _support(document: Document, label: str, incident: IncidentDoc) -> Iterator[Finding]:
    for position, name in enumerate(incident.support):
        yield from _agency_exists(document, f"{label}, support", incident, "support", name, position)
        if name in incident.support[:position]:
            what = f"{label}: {show(name)} is twice in 'support'"
            yield incident.finding(what, "remove one of them", "support", position)
        elif name == incident.primary and incident.sound("primary"):
            what = f"{label}: {show(name)} is the primary agency and in 'support' too"
            yield incident.finding(what, "remove it from 'support'", "support", position)


def _menu_keys(document: Document) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    given = {incident.menu for incident in document.incidents.values()}
    free = " ".join(digit for digit in "1234567890" if digit not in given)
    remedy = f"choose another; free: {free}" if free else "leave one of them out of the menu"
    for key, incident in document.incidents.items():
        if incident.menu is None:
            continue
        if other := taken.get(incident.menu):
            what = f"incident {show(key)}: menu key {show(incident.menu)} is already that of {show(other)}"
            yield incident.finding(what, remedy, "menu")
        taken.setdefault(incident.menu, key)


def _incident_codes(document: Document) -> Iterator[Finding]:
    """As with agencies' codes; where an incident has none, its key in the caller's menu is its code."""
    before: list[tuple[str, str]] = []
    for key, incident in document.incidents.items():
        code = incident.code or incident.menu
        if code is None or incident.faulty("code") or incident.faulty("menu"):
            continue
        for other, its in before:
            if code == its and not incident.code and not document.incidents[other].code:
                continue  # said of the menu's keys already
            if code.startswith(its) or its.startswith(code):
                field = "code" if incident.code else "menu"
                what = (
                    f"incident {show(key)}: {field} {show(code)} and {show(its)} of {show(other)} begin alike"
                )
                remedy = "the operator's keys could not tell them apart: give one another `code`"
                yield incident.finding(what, remedy, field)
        before.append((key, code))


def _call_takers(document: Document) -> Iterator[Finding]:
    takers = document.call_takers
    if takers is None or not takers.sound("then"):
        return
    if takers.then != MENU:
        yield from _agency_exists(document, CALL_TAKERS, takers, "then", takers.then, also=[MENU])
        return
    in_menu = any(incident.gives("menu") for incident in document.incidents.values())
    if not in_menu and not document.faulty("incidents"):
        what = "call_takers: 'then' is menu, but no incident has a menu key"
        yield takers.finding(what, 'give incidents one (menu: "1"), or name an agency here', "then")
