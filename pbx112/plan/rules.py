"""What a single value of `agencies.yaml` must look like, and what to say where it does not.

Charsets are strict because these values become dial strings and dialplan: nothing that Asterisk gives a meaning
(`&`, `,`, `|`, `$`, quotes, line breaks) can be part of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pbx112.plan.duty import FORM, parse_duty
from pbx112.plan.finding import show

FAULT = "pbx112"
"""Type of a validation error that brings its own `what` and `remedy`."""


def fault(what: str, remedy: str) -> PydanticCustomError:
    """The error that a value's rule raises; `what` follows the field's name in the message."""
    return PydanticCustomError(FAULT, "{what}; {remedy}", {"what": what, "remedy": remedy})


def _matching(pattern: str, kind: str, remedy: str) -> tuple[AfterValidator, Any]:
    """Metadata of a text that must match `pattern`, for the loader and for editors alike."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise fault(f"{show(value)} is no {kind}", remedy)
        return value

    schema: dict[str, Any] = {"pattern": f"^(?:{pattern})$", "patternErrorMessage": f"no {kind}; {remedy}"}
    return AfterValidator(check), Field(json_schema_extra=schema)


def _check(rule: Callable[[str], None]) -> AfterValidator:
    def check(value: str) -> str:
        rule(value)
        return value

    return AfterValidator(check)


_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def _must_be_e164(value: str) -> None:
    if _E164.fullmatch(value):
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(value)):
                return
        except phonenumbers.NumberParseException:
            pass
    raise fault(f"{show(value)} is no E.164 number", 'write + and the country code, like "+6281200000001"')


def _must_be_timezone(value: str) -> None:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        near = difflib.get_close_matches(value[:60], known, n=1, cutoff=0.8)
        remedy = f"did you mean {show(near[0])}?" if near else 'write it like "Asia/Jakarta"'
        if not known:
            remedy = "install the package tzdata"
        raise fault(f"{show(value)} is no time zone", remedy) from None


def _must_be_country(value: str) -> None:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise fault(f"{show(value)} is no ISO 3166 country code", 'write two capitals, like "ID"')


def _must_be_duty(value: str) -> None:
    try:
        parse_duty(value)
    except ValueError as error:
        raise fault(f"{show(value)} {error}", FORM) from None


Key = Annotated[
    str,
    *_matching(
        r"[a-z][a-z0-9_]{0,31}",
        "key",
        "use a-z, 0-9 and _ only, a letter first, at most 32 characters",
    ),
]
Name = Annotated[
    str,
    *_matching(
        r"(?! )[^\"`;\\${}<>|\x00-\x1f\x7f]{1,80}(?<! )",
        "name",
        'use 1 to 80 characters, without " ` ; \\ $ { } < > | and without blanks around it',
    ),
]
Extension = Annotated[
    str,
    *_matching(
        r"[A-Za-z0-9_.-]{1,32}",
        "extension",
        "use letters, digits, dot, _ and - only, at most 32 characters",
    ),
]
Technology = Annotated[
    str, *_matching(r"[A-Za-z0-9_]{1,20}", "channel technology", "write it as Asterisk does: PJSIP, IAX2")
]
Digits = Annotated[str, *_matching(r"[0-9]{1,15}", "number of digits only", "use 1 to 15 digits")]
Code = Annotated[str, *_matching(r"[0-9]{1,4}", "code", 'use 1 to 4 digits in quotes, like "13"')]
MenuKey = Annotated[str, *_matching(r"[0-9]", "key of a telephone", 'use one digit in quotes, like "4"')]
Prefix = Annotated[
    str, *_matching(r"\+[1-9][0-9]{0,14}", "E.164 prefix", 'write + and the first digits, like "+628"')
]
DialTemplate = Annotated[
    str,
    *_matching(
        r"[A-Za-z0-9_]{1,20}/[A-Za-z0-9_.@:/+-]{0,80}\{number\}[A-Za-z0-9_.@:/+-]{0,80}",
        "dial string with {number}",
        'write it like "PJSIP/{number}@gsm"; only letters, digits and . _ @ : / + - may stand around {number}',
    ),
]
Mobile = Annotated[str, _check(_must_be_e164), Field(json_schema_extra={"pattern": f"^{_E164.pattern}$"})]
DutyText = Annotated[str, _check(_must_be_duty)]
Timezone = Annotated[str, _check(_must_be_timezone)]
Country = Annotated[str, _check(_must_be_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})]
