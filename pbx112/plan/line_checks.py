"""Whether the telephones of `agencies.yaml` can be dialled, and whether somebody stands by at every hour."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers

from pbx112.plan.document import AgencyDoc, Document, LineDoc, Owner, TrunkDoc
from pbx112.plan.duty import hours_claimed_twice, hours_without_duty, parse_duty
from pbx112.plan.finding import Finding, show, suggest
from pbx112.plan.types import NumberFormat


def check_lines(document: Document) -> Iterator[Finding]:
    """Errors and warnings about each owner's lines."""
    for label, owner in document.owners():
        for position, line in enumerate(owner.lines, start=1):
            yield from _line(document, f"{label}, line {position}", line)
        if isinstance(owner, AgencyDoc):
            for position, line in enumerate(owner.standby, start=1):
                yield from _standby(document, f"{label}, standby {position}", line)
        yield from _overlaps(label, owner)
        if isinstance(owner, AgencyDoc):
            yield from _round_the_clock(label, owner)
    yield from _given_twice(document)


def number_for_trunk(mobile: str, form: NumberFormat, country: str) -> str | None:
    """The E.164 number as the trunk wants it dialled; None where it has no national form in `country`."""
    if form == "e164":
        return mobile
    if form == "plain":
        return mobile.removeprefix("+")
    number = phonenumbers.parse(mobile)
    if number.country_code != phonenumbers.country_code_for_region(country):
        return None
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, national))


def _line(document: Document, label: str, line: LineDoc) -> Iterator[Finding]:
    if line.gives("extension") and line.gives("mobile"):
        yield line.finding(f"{label} has both an extension and a mobile", "make two lines of it")
    elif line.gives("mobile"):
        yield from _mobile(document, label, line)
    elif line.gives("extension"):
        if line.gives("trunk"):
            yield line.finding(f"{label}: an extension needs no trunk", "remove 'trunk'", "trunk")
    elif line.line():
        remedy = 'give it `extension: "2101"`, or `mobile: "+62…"` with its trunk'
        yield line.finding(f"{label} has no telephone", remedy)


def _standby(document: Document, label: str, line: LineDoc) -> Iterator[Finding]:
    if line.gives("extension"):
        yield line.finding(f"{label}: an extension is no mobile", "put it into 'lines'", "extension")
    else:
        yield from _line(document, label, line)


def _mobile(document: Document, label: str, line: LineDoc) -> Iterator[Finding]:
    if line.gives("technology"):
        yield line.finding(f"{label}: 'technology' is for extensions only", "remove it", "technology")
    if line.accept == "pickup":
        what = f"{label}: a mobile with `accept: pickup` counts its voicemail as a human"
        yield line.finding(what, "write `accept: press_1`, or remove 'accept'", "accept", severity="warning")
    known = document.keys_of("trunks")
    if not line.gives("trunk"):
        what = f"{label}: a mobile needs a trunk"
        yield line.finding(what, f"add `trunk:`; {suggest('', known, 'trunks')}", "mobile")
    elif line.trunk is not None and line.trunk not in known and not document.faulty("trunks"):
        what = f"trunk {show(line.trunk)} is not defined"
        yield line.finding(what, suggest(line.trunk, known, "trunks"), "trunk")
    trunk = document.trunks.get(line.trunk or "")
    if trunk and line.mobile:
        yield from _over_trunk(document, label, line, trunk, line.mobile)


def _over_trunk(
    document: Document, label: str, line: LineDoc, trunk: TrunkDoc, mobile: str
) -> Iterator[Finding]:
    over = f"{label}: trunk {show(line.trunk)}"
    if trunk.sound("allow") and not mobile.startswith(tuple(trunk.allow)):
        remedy = f"extend the trunk's 'allow' ({', '.join(trunk.allow)}), or correct the number"
        yield line.finding(f"{over} does not allow {show(mobile)}", remedy, "mobile")
    country = document.service.country
    if number_for_trunk(mobile, trunk.format, country) is None and not document.service.faulty("country"):
        what = f"{over} dials national numbers; {show(mobile)} is not one of {country}"
        yield line.finding(what, "give that trunk `format: e164`, or use another", "mobile")


def _overlaps(label: str, owner: Owner) -> Iterator[Finding]:
    """Shifts that overlap although the lines take turns.

    A desk phone beside a mobile is none: an office has its telephone by day and the standby mobile with it.
    """
    if owner.ring == "all":
        return
    for kind in ("extension", "mobile"):
        shifts = [parse_duty(line.duty) for line in owner.lines if line.duty and line.gives(kind)]
        if hours := hours_claimed_twice(shifts):
            what = f"{label}: two {kind}s are on duty {hours}"
            remedy = "end one shift where the other begins, or write `ring: all` if both stand by together"
            yield owner.finding(what, remedy, "lines", severity="warning")


def _round_the_clock(label: str, agency: AgencyDoc) -> Iterator[Finding]:
    """The rule of 112: each OPD keeps a telephone or mobile standing by 24 hours a day."""
    if hours := hours_without_duty(parse_duty(line.duty) if line.duty else None for line in agency.lines):
        remedy = "112 asks for a line standing by 24 hours, 7 days: extend a duty or add a line"
        what = f"{label}: no line on duty {hours}"
        yield agency.finding(what, remedy, "lines", severity="warning")


def _given_twice(document: Document) -> Iterator[Finding]:
    elsewhere: dict[str, str] = {}
    for label, owner in document.owners():
        here: dict[str, int] = {}
        standby = owner.standby if isinstance(owner, AgencyDoc) else []
        for line in (*owner.lines, *standby):
            number = _telephone(line)
            if number is None:
                continue
            if number in here:
                what = f"{label}: {show(number)} is given twice (first on line {here[number]})"
                yield line.finding(what, "remove one of them")
            elif number in elsewhere:
                what = f"{label}: {show(number)} is also a line of {elsewhere[number]}"
                remedy = "it can take one call at a time: give each its own"
                yield line.finding(what, remedy, severity="warning")
            here.setdefault(number, line.line())
        for number, at in here.items():
            elsewhere.setdefault(number, f"{label} (line {at})")


def _telephone(line: LineDoc) -> str | None:
    """What tells one telephone from another; None where that is not known."""
    if line.mobile is not None:
        return line.mobile
    if line.extension is None or line.faulty("technology"):
        return None
    return line.extension if line.technology == "PJSIP" else f"{line.technology}/{line.extension}"
