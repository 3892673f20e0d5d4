"""Structured logs: one JSON line per fact on standard error, for journald and whatever reads it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(level: str, count: Callable[[str, str], None] | None = None) -> None:
    """Send everything from `level` (`debug` … `error`) on to standard error. `count` is told each line's level and its
    `action` (empty where it has none)."""

    def counted(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        if count is not None:
            count(str(line["level"]), str(line.get("action", "")))
        return line

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            counted,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[_Forward()], force=True)


def mask(number: str) -> str:
    """A citizen's number as logs may show it: the last three digits only."""
    return "…" + number[-3:] if len(number) > 3 else "…"


class _Forward(logging.Handler):
    """Lines of libraries that use the standard library's logging, in the same shape."""

    def emit(self, record: logging.LogRecord) -> None:
        details: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            details["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **details)
