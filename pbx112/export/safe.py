"""Cells that a spreadsheet does not run. Pure.

A spreadsheet takes a CSV cell that begins with = + - @, a tab or a carriage return for a formula (OWASP, CSV
injection); a caller who names itself `=HYPERLINK(…)` must not reach the office's machine that way. Where a cell begins
is the machine's own matter: Excel in Indonesian cuts a file at `;` whatever it was written with, in English at `,`; our
quotes are none for it then, unless they stand first: a line may end within a text, and a quote may stand before a sign.
"""

from __future__ import annotations

import re

_SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
_RUN = rf"""['"]*[{_SIGNS}]"""
_BEGINS = re.compile(rf"""(\A|[;,])(?={_RUN}|['"]*[\t\r\n])|([\r\n])(?={_RUN})""")
"""Before what a spreadsheet may run, also in full width; and before what already looks as if we had marked it."""
_MARKED = re.compile(_BEGINS.pattern.replace("(?=", "'(?="))


def marked(text: str) -> str:
    """`text` with an apostrophe wherever a spreadsheet might begin to run it. Numbers of telephones begin with + and
    get it too: as text they keep their + and their zeros. :func:`unmarked` takes it away again, whatever the text
    was."""
    return _BEGINS.sub(r"\g<0>'", text)


def unmarked(text: str) -> str:
    """What :func:`marked` was given."""
    return _MARKED.sub(lambda found: found[0][:-1], text)
