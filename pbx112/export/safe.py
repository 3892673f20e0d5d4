"""Cells that a spreadsheet does not run. Pure.

A spreadsheet takes a CSV cell that begins with = + - @, a tab or a carriage return for a formula (OWASP, CSV
injection); a caller who names itself `=HYPERLINK(…)` must not reach the office's machine that way.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet may run, also in full width; and what already looks as if we had marked it."""


def marked(text: str) -> str:
    """`text` with an apostrophe before it, where a spreadsheet might run it. Numbers of telephones begin with + and get
    it too: as text they keep their + and their zeros. :func:`unmarked` takes it away again, whatever the text was."""
    return "'" + text if _FORMULA.match(text) else text


def unmarked(text: str) -> str:
    """What :func:`marked` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
