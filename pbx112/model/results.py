"""What became of an attempt to reach a line, from what Asterisk said of its end."""

from __future__ import annotations

from .events import LegResult

_RESULT_BY_CAUSE = {
    1: LegResult.MISCONFIGURED,
    3: LegResult.UNAVAILABLE,
    16: LegResult.NO_ANSWER,
    17: LegResult.BUSY,
    18: LegResult.NO_ANSWER,
    19: LegResult.NO_ANSWER,
    20: LegResult.UNAVAILABLE,
    21: LegResult.DECLINED,
    22: LegResult.MISCONFIGURED,
    26: LegResult.ANSWERED_ELSEWHERE,
    27: LegResult.UNAVAILABLE,
    28: LegResult.MISCONFIGURED,
    34: LegResult.UNAVAILABLE,
    38: LegResult.UNAVAILABLE,
    42: LegResult.UNAVAILABLE,
    58: LegResult.MISCONFIGURED,
}
_RESULT_BY_SIP = {
    301: LegResult.DECLINED,  # it forwards its calls, which Asterisk is told not to follow
    302: LegResult.DECLINED,
    404: LegResult.MISCONFIGURED,
    484: LegResult.MISCONFIGURED,
    486: LegResult.BUSY,
    488: LegResult.MISCONFIGURED,
    600: LegResult.BUSY,
    603: LegResult.DECLINED,
    604: LegResult.MISCONFIGURED,
}


def result_of(cause: int | None, sip: int | None) -> LegResult:
    """The result of a leg that ended before anybody accepted, from what Asterisk said of it.

    The SIP status is the more exact; the Q.850 cause is what Asterisk makes of it (`docs/records.md`).
    """
    if sip in _RESULT_BY_SIP:
        return _RESULT_BY_SIP[sip]
    return _RESULT_BY_CAUSE.get(cause or 0, LegResult.FAILED)
