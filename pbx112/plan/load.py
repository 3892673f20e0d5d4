"""`agencies.yaml` → :class:`Plan`, or every reason why not, each with its line."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from pbx112.plan import document as doc
from pbx112.plan.checks import check_document
from pbx112.plan.duty import parse_duty
from pbx112.plan.finding import Finding, PlanError
from pbx112.plan.line_checks import number_for_trunk
from pbx112.plan.shape import read_document
from pbx112.plan.source import MAX_BYTES, read_source
from pbx112.plan.types import (
    Agency,
    CallTakers,
    Incident,
    Line,
    LineKind,
    Nuisance,
    Plan,
    Recording,
    Retention,
    Service,
    Supervisors,
    Trunk,
    Verify,
)

__all__ = ["Finding", "Loaded", "PlanError", "load_plan", "parse_plan"]

MAX_FINDINGS = 100
"""More would hide the first ones."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan fit for use, and what is odd about it all the same."""

    plan: Plan
    warnings: tuple[Finding, ...]


def load_plan(path: Path) -> Loaded:
    """The plan in the file `path`. Raises :class:`PlanError` with every error of the file, and nothing else."""
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise PlanError(
                [Finding(str(path), 0, f"the plan {what}", "name another with --agencies or PBX112_AGENCIES")]
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such path"
        what = f"the plan cannot be read: {reason.lower()}"
        remedy = "check the path, and that this user may read it"
        raise PlanError([Finding(str(path), 0, what, remedy)]) from None
    return parse_plan(content, str(path))


def parse_plan(text: str | bytes, name: str) -> Loaded:
    """The plan that `text` holds; `name` is the file's name in findings.

    Raises :class:`PlanError` with every error of the text, and nothing else.
    """
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    data, findings = read_source(content, name)
    document = None
    if data is not None:
        document, faults = read_document(data)
        findings += faults
    if document is not None:
        findings += check_document(document)
    errors = sorted(f for f in findings if f.severity == "error")
    if errors or document is None:
        raise PlanError(_first(errors, name))
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Loaded(_plan(document, digest), tuple(sorted(findings)))


def _first(errors: list[Finding], name: str) -> list[Finding]:
    rest = len(errors) - MAX_FINDINGS
    if rest <= 0:
        return errors
    last = errors[MAX_FINDINGS - 1].line
    more = Finding(name, last, f"{rest} more errors follow", "mend these first")
    return [*errors[:MAX_FINDINGS], more]


def _plan(document: doc.Document, digest: str) -> Plan:
    service = document.service
    trunks = {
        key: Trunk(
            key, t.dial, t.caller_id, t.max_calls, t.max_minutes, tuple(t.allow), t.max_per_hour, t.format
        )
        for key, t in document.trunks.items()
    }
    agencies = {
        key: Agency(
            key,
            a.name,
            a.code,
            a.ring,
            _lines(document, a.lines),
            a.then,
            _lines(document, a.standby),
            a.kind,
        )
        for key, a in document.agencies.items()
    }
    incidents = {
        key: Incident(key, i.name, i.menu, i.primary, tuple(i.support), i.code)
        for key, i in document.incidents.items()
    }
    takers, above, pranks = document.call_takers, document.supervisors, document.nuisance
    recording = document.recording or doc.RecordingDoc(enabled=False)
    return Plan(
        hash=digest,
        service=Service(
            name=service.name,
            number=service.number,
            language=service.language,
            timezone=ZoneInfo(service.timezone),
            answer=service.answer,
            menu_wait=service.menu_wait,
            country=service.country,
            max_calls=service.max_calls,
            max_wait=service.max_wait,
            max_hold=service.max_hold,
            silence=service.silence,
        ),
        trunks=MappingProxyType(trunks),
        call_takers=CallTakers(
            takers.ring,
            _lines(document, takers.lines, takers.ring_for),
            takers.then,
            takers.wrap_up,
            takers.longest_pause,
            takers.max_wait,
        )
        if takers
        else None,
        agencies=MappingProxyType(agencies),
        incidents=MappingProxyType(incidents),
        default_agency=document.default_agency,
        recording=Recording(recording.enabled, recording.keep_days),
        supervisors=Supervisors(above.ring, _lines(document, above.lines, above.ring_for)) if above else None,
        retention=Retention(document.retention.personal_months, document.retention.access_months),
        nuisance=Nuisance(pranks.marks, pranks.within_hours, pranks.question) if pranks else None,
        verify=Verify(parse_duty(document.verify.when), document.verify.tries) if document.verify else None,
    )


def _lines(
    document: doc.Document, lines: list[doc.LineDoc], ring_for: float | None = None
) -> tuple[Line, ...]:
    return tuple(_line(document, line, ring_for) for line in lines)


def _line(document: doc.Document, line: doc.LineDoc, ring_for: float | None) -> Line:
    trunk: doc.TrunkDoc | None = None
    if line.mobile is not None and line.trunk is not None:
        trunk = document.trunks[line.trunk]
        number = line.mobile
        dialled = number_for_trunk(number, trunk.format, document.service.country)
        dial = trunk.dial.replace("{number}", dialled or number)
    else:
        number = line.extension or ""
        dial = f"{line.technology}/{number}"
    kind: LineKind = "mobile" if trunk else "extension"
    return Line(
        number=number,
        kind=kind,
        dial=dial,
        name=line.name or number,
        ring_for=line.ring_for or ring_for or doc.RING_FOR[kind],
        accept=line.accept or doc.ACCEPT[kind],
        accept_for=line.accept_for,
        trunk=line.trunk,
        caller_id=trunk.caller_id if trunk else None,
        max_talk=trunk.max_minutes * 60.0 if trunk else None,
        duty=parse_duty(line.duty) if line.duty else None,
    )
