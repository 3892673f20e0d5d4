"""Small plans for the exchange's stories; short ringing, so that the stories are short."""

from __future__ import annotations

MOBILE_A = "+6281200000001"
MOBILE_B = "+6281200000002"

_HEAD = """
version: 1
service: {name: Uji 112, number: "112", language: id, timezone: Asia/Jakarta, answer: %(answer)s, menu_wait: 2}
trunks:
  gsm: {dial: "PJSIP/{number}@gsm", caller_id: "0739112", max_calls: 4, max_minutes: 60, allow: ["+628"]}
default_agency: satpol_pp
recording: {enabled: true, keep_days: 90}
"""

_AGENCIES = """
agencies:
  damkar:
    name: Dinas Damkar
    code: "13"
    ring: %(ring)s
    lines:
      - {extension: "2101", ring_for: 2}
      - {extension: "2102", ring_for: 2}
      - {mobile: "+6281200000001", trunk: gsm, ring_for: 3, accept: press_1, accept_for: 3}
      - {mobile: "+6281200000002", trunk: gsm, ring_for: 3, accept: press_1, accept_for: 5}
    then: satpol_pp
  satpol_pp:
    name: Satpol PP
    code: "14"
    lines:
      - {extension: "2201", ring_for: 3}
"""

_INCIDENTS = """
incidents:
  kebakaran: {name: Kebakaran, menu: "1", primary: damkar, support: [satpol_pp]}
  keamanan: {name: Gangguan keamanan, menu: "2", primary: satpol_pp, support: []}
"""

_CALL_TAKERS = """
call_takers:
  ring: %(takers_ring)s
  ring_for: %(takers_ring_for)s
  max_wait: %(line)s
  lines: [{extension: "1101"}, {extension: "1102"}]
  then: %(then)s
"""


def plan(
    *,
    ring: str = "in_order",
    then: str = "damkar",
    takers_ring_for: int = 2,
    takers_ring: str = "all",
    line: int = 0,
    call_takers: bool = True,
    incidents: bool = True,
    answer: str = "on_pickup",
) -> str:
    """The text of an agencies.yaml: call takers 1101 and 1102 together, then damkar, then satpol_pp. `line` is for how
    long callers wait while both talk; 0: their phones talk in as many calls as come."""
    values = {
        "ring": ring,
        "then": then,
        "takers_ring_for": takers_ring_for,
        "line": line,
        "takers_ring": takers_ring,
        "answer": answer,
    }
    parts = [_HEAD, _AGENCIES]
    if call_takers:
        parts.append(_CALL_TAKERS)
    parts.append(_INCIDENTS if incidents else "incidents: {}\n")
    return "".join(parts) % values
