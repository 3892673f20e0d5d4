"""What is wrong with, or odd about, `agencies.yaml`: the thing, its line, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

_MAX_SHOWN = 60
_MAX_NAMES = 20


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault (`error`: the file is refused) or oddity (`warning`: it is used) in a file.

    `line` counts from 1; 0 stands for the file as a whole. `what` names the thing, `remedy` what to do.
    """

    file: str
    line: int
    what: str
    remedy: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """For example: `agencies.yaml:41: trunk 'gsm2' is not defined; known trunks: gsm`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}; {self.remedy}"


class PlanError(Exception):
    """The file makes no plan. `findings` are all its errors, by line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


def show(value: object) -> str:
    """A value of the file as a message may carry it: quoted, escaped and not too long."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")


def suggest(given: str, known: Iterable[str], kind: str) -> str:
    """The remedy for a name that is not among `known`: the one probably meant, or all there are."""
    names = list(known)
    near = difflib.get_close_matches(given[:_MAX_SHOWN], names, n=1)
    if near and len(names) > 5:
        return f"did you mean {show(near[0])}?"
    if not names:
        return f"no {kind} are defined"
    more = f" … ({len(names)} in all)" if len(names) > _MAX_NAMES else ""
    return f"known {kind}: {', '.join(names[:_MAX_NAMES])}{more}"
