"""Errors as an administrator reads them: what, where, remedy; one line each, no traceback."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from pbx112.ari import AriError, Replaced
from pbx112.cdr import MigrationError
from pbx112.cli.screen import complain
from pbx112.journal import JournalError
from pbx112.plan.load import PlanError
from pbx112.settings import SettingsError

EX_CONFIG = 78
"""The configuration is wrong (sysexits.h): starting again will not help."""

EX_TEMPFAIL = 75
"""Another daemon has taken over under our name (sysexits.h): a restart would only take the calls back from it."""

P = ParamSpec("P")
R = TypeVar("R")


class Failed(Exception):
    """A command cannot do what it was asked for; `lines` say why and what to do, `code` is the exit code."""

    def __init__(self, *lines: str, code: int = 1) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


def reported(command: Callable[P, R]) -> Callable[P, R]:
    """`command`, its errors told on standard error and turned into an exit code."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except Exception as error:
            lines, code = _explained(error)
            if _debugging():
                traceback.print_exception(error)
            for line in lines:
                complain(line)
            raise typer.Exit(code) from None

    return guarded


def _debugging() -> bool:
    return os.environ.get("PBX112_DEBUG", "") == "1"


def _explained(error: Exception) -> tuple[tuple[str, ...], int]:
    match error:
        case Failed():
            return error.lines, error.code
        case PlanError():
            return tuple(str(finding) for finding in error.findings), EX_CONFIG
        case SettingsError():
            return tuple(str(error).splitlines()), EX_CONFIG
        case JournalError() | MigrationError():
            return (str(error),), 1
        case Replaced():
            remedy = "stop that one, or give this one a name of its own with PBX112_ARI_APP"
            return (
                f"another pbx112 has connected to Asterisk as {error.app!r}: only one may act; {remedy}",
            ), EX_TEMPFAIL
        case AriError():
            return (f"Asterisk: {error}; `pbx112 check --only asterisk` says more",), 1
        case _:
            what = (str(error).splitlines() or [""])[0][:200]
            details = "PBX112_DEBUG=1 before the command shows the details for a report of this fault"
            return (f"unexpected error, {type(error).__name__}: {what}; {details}",), 1
