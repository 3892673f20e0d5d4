"""Whether the data of `agencies.yaml` has the right shape; every fault in an administrator's words.

A fault in one place must not hide those in another. Faulty values are therefore taken out, required ones are
replaced by a stand-in, and the rest goes on to the cross-checks; each mapping knows which of its keys were
faulty, so that nothing is concluded from a stand-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pbx112.plan import document as doc
from pbx112.plan.finding import Finding, show, suggest
from pbx112.plan.rules import FAULT
from pbx112.plan.source import Bare, Fields, Items

Path = Sequence[str | int]

_PARTS: dict[str, tuple[type[doc.Part], str]] = {
    "service": (doc.ServiceDoc, "service"),
    "trunks": (doc.TrunkDoc, "trunk"),
    "call_takers": (doc.CallTakersDoc, "call_takers"),
    "supervisors": (doc.SupervisorsDoc, "supervisors"),
    "agencies": (doc.AgencyDoc, "agency"),
    "incidents": (doc.IncidentDoc, "incident"),
    "recording": (doc.RecordingDoc, "recording"),
    "retention": (doc.RetentionDoc, "retention"),
    "nuisance": (doc.NuisanceDoc, "nuisance"),
    "verify": (doc.VerifyDoc, "verify"),
}
_NAMED = ("trunks", "agencies", "incidents")

_EXAMPLES = {
    "version": "version: 1",
    "service": "service: {name: Layanan 112 Kabupaten Kaur}",
    "agencies": "agencies: and at least one of them below it",
    "default_agency": "default_agency: satpol_pp",
    "name": "name: Dinas Sosial",
    "code": 'code: "13"',
    "lines": 'lines: [{extension: "2101"}]',
    "primary": "primary: damkar",
    "dial": 'dial: "PJSIP/{number}@gsm"',
    "allow": 'allow: ["+628"]',
    "then": "then: menu",
    "enabled": "enabled: true",
    "when": 'when: "Sun 05:00-06:00"',
}
"""How each required key is written."""

_MAX_ROUNDS = 12
"""More than the levels of the document: each round of taking out reaches at least one level higher."""


def read_document(data: Fields) -> tuple[doc.Document | None, list[Finding]]:
    """The document (without what is faulty) and all faults of shape. Takes what is faulty out of `data`."""
    findings: list[Finding] = []
    for attempt in range(_MAX_ROUNDS):
        try:
            return doc.Document.model_validate(data), findings
        except ValidationError as error:
            errors = error.errors(include_url=False)
        if attempt == 0:
            findings = [finding for each in errors for finding in _explain(each, data)]
        for each in reversed(errors):  # from the end, so that positions in lists hold
            _take_out(each, data)
    return None, findings


def _explain(error: ErrorDetails, data: Fields) -> Iterator[Finding]:
    path, kind, value = error["loc"], error["type"], error["input"]
    holder, line = _walk(data, path)
    field = show(path[-1])
    if isinstance(path[-1], int) and len(path) > 1:
        field = f"item {path[-1] + 1} of {show(path[-2])}"
    if kind == "missing":
        if isinstance(holder, Fields) and path[-1] in holder.faulty:
            return
        what, remedy = f"{field} is missing", f"add `{_EXAMPLES[str(path[-1])]}`"
    elif kind == "extra_forbidden":
        what, remedy = f"unknown key {field}", suggest(str(path[-1]), _part(path).model_fields, "keys")
    elif kind == FAULT:
        what, remedy = error["ctx"]["what"], error["ctx"]["remedy"]
        what = what if path[-1] == "[key]" else f"{field} {what}"
    elif kind == "too_short":
        if isinstance(value, Items) and value.faulty:
            return
        what, remedy = f"{field} is an empty list", "put at least one into it"
    else:
        what, remedy = _EXPLANATIONS.get(kind, _other)(field, value, error)
    place = _place(path)
    yield Finding(data.file, line, f"{place}: {what}" if place else what, remedy)


def _walk(data: Fields, path: Path) -> tuple[object, int]:
    """What holds the last step of `path`, and the line where `path` (or the last of it that exists) stands."""
    node: object = data
    holder: object = data
    line = data.line
    for step in path:
        if step == "[key]":
            break
        holder = node
        if isinstance(node, Fields) and isinstance(step, str):
            line = node.lines.get(step, line)
            node = node.get(step)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node):
            line = node.lines[step]
            node = node[step]
        else:
            return None, line
    return holder, line


def _part(path: Path) -> type[doc.Part]:
    """The model of the mapping that holds the last step of `path`."""
    if _in_line(path):
        return doc.LineDoc
    return doc.Document if len(path) == 1 else _PARTS[str(path[0])][0]


def _in_line(path: Path) -> bool:
    return len(path) > 3 and path[-3] in ("lines", "standby") and isinstance(path[-2], int)


def _place(path: Path) -> str:
    """In words, the part of the file that holds the last step of `path`; empty at the top."""
    named = path[0] in _NAMED
    if len(path) < (3 if named else 2):
        return ""
    place = _PARTS[str(path[0])][1]
    if named:
        place += f" {show(path[1])}"
    if not _in_line(path):
        return place
    return f"{place}, {'line' if path[-3] == 'lines' else 'standby'} {int(path[-2]) + 1}"


def _take_out(error: ErrorDetails, data: Fields) -> None:
    path = error["loc"][:-1] if error["loc"][-1] == "[key]" else error["loc"]
    holder, _ = _walk(data, path)
    key = path[-1]
    if isinstance(holder, Items) and isinstance(key, int) and key < len(holder):
        del holder[key], holder.lines[key]
        holder.faulty = True
    elif isinstance(holder, Fields) and isinstance(key, str):
        holder.faulty.add(key)
        holder.pop(key, None)
        if key in _EXAMPLES and error["type"] != "extra_forbidden":
            holder[key] = _stand_in(key)


def _stand_in(key: str) -> object:
    """A value of the right shape for a required key, about which no cross-check asks."""
    match key:
        case "version":
            return 1
        case "enabled":
            return False
        case "code":
            return "0"
        case "when":
            return "Sun 05:00-06:00"
        case "dial":
            return "PJSIP/{number}"
        case "agencies":
            return Fields("", 0)
        case "service":
            service = Fields("", 0)
            service["name"] = "-"
            return service
        case "allow":
            return _one("+1")
        case "lines":
            line = Fields("", 0)
            line["extension"] = "0"
            return _one(line)
        case _:
            return "-"


def _one(value: object) -> Items:
    items = Items(0)
    items.append(value)
    items.lines.append(0)
    return items


def _no_text(field: str, value: object, _: ErrorDetails) -> tuple[str, str]:
    if isinstance(value, Fields | Items):
        return f"{field} must be a single text", "write one value in quotes"
    if isinstance(value, float):
        return f"{field} is a number, not a text", "write it in quotes"
    word = str(value).lower() if isinstance(value, bool) else str(value)
    remedy = f'write it in quotes: "{word[:60]}"'
    if field == "'mobile'" and not word.startswith("+"):
        remedy = 'write + and the country code, in quotes: "+6281200000001"'
    return f"{field} {show(word)} stands without quotes", remedy


def _no_number(field: str, value: object, _: ErrorDetails) -> tuple[str, str]:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return f"{field} {show(value)} is a text", f"write the number without quotes: {int(value[:15])}"
    return f"{field} is no {'whole ' if isinstance(value, float) else ''}number", "write digits only, like 15"


def _no_switch(field: str, value: object, _: ErrorDetails) -> tuple[str, str]:
    return f"{field} is neither true nor false", "write true or false, without quotes"


def _no_choice(field: str, value: object, error: ErrorDetails) -> tuple[str, str]:
    shown = show(value) if isinstance(value, str | int | float | Bare) else "holds more than one value, it"
    return (
        f"{field}: {shown} is none of the choices",
        f"write {error['ctx']['expected'].replace(chr(39), '')}",
    )


def _out_of_bounds(field: str, value: object, error: ErrorDetails) -> tuple[str, str]:
    bounds = error["ctx"]
    limit = f"at least {bounds['ge']:g}" if "ge" in bounds else f"at most {bounds['le']:g}"
    return f"{field} is {value}", f"write {limit}"


def _no_mapping(field: str, value: object, _: ErrorDetails) -> tuple[str, str]:
    return f"{field} has no keys of its own", "write `key: value` lines below it, or {key: value}"


def _no_list(field: str, value: object, _: ErrorDetails) -> tuple[str, str]:
    return f"{field} is no list", "write [one, two], or `- one` lines below it"


def _too_long(field: str, value: object, error: ErrorDetails) -> tuple[str, str]:
    most = error["ctx"]["max_length"]
    return f"{field} has {error['ctx']['actual_length']} items", f"at most {most} are allowed"


def _other(field: str, value: object, error: ErrorDetails) -> tuple[str, str]:
    return f"{field}: {error['msg']}", "correct it"


_EXPLANATIONS: dict[str, Callable[[str, object, ErrorDetails], tuple[str, str]]] = {
    "string_type": _no_text,
    "float_type": _no_number,
    "int_type": _no_number,
    "int_from_float": _no_number,
    "bool_type": _no_switch,
    "literal_error": _no_choice,
    "greater_than_equal": _out_of_bounds,
    "less_than_equal": _out_of_bounds,
    "model_type": _no_mapping,
    "dict_type": _no_mapping,
    "list_type": _no_list,
    "too_long": _too_long,
}
