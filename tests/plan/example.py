"""A small good file, and how a test spoils it."""

from __future__ import annotations

from pbx112.plan.load import Loaded, PlanError, parse_plan

GOOD = """\
version: 1
service: {name: Layanan 112}
trunks:
  gsm:
    dial: "PJSIP/{number}@gsm"
    allow: ["+628"]
call_takers:
  lines: [{extension: "1101"}]
  then: menu
agencies:
  damkar:
    name: Damkar
    code: "13"
    lines:
      - {extension: "2101"}
      - {mobile: "+6281200000001", trunk: gsm}
    then: polres
  polres:
    name: Polres
    code: "22"
    lines:
      - {extension: "2221"}
incidents:
  kebakaran: {name: Kebakaran, menu: "1", primary: damkar, support: [polres]}
default_agency: polres
"""


def changed(*changes: tuple[str, str]) -> str:
    """The good file with each first text replaced by the second, once."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def load(text: str | bytes) -> Loaded:
    return parse_plan(text, "agencies.yaml")


def errors(text: str | bytes) -> list[str]:
    """What an administrator reads, without the file's name; empty where the file is good."""
    try:
        load(text)
    except PlanError as error:
        assert all(finding.severity == "error" for finding in error.findings)
        return [str(finding).removeprefix("agencies.yaml:").strip() for finding in error.findings]
    return []


def warnings(text: str) -> list[str]:
    found = load(text).warnings
    assert all(finding.severity == "warning" for finding in found)
    return [str(finding).removeprefix("agencies.yaml:") for finding in found]
