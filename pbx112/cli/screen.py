"""What the commands print, and how: colours and progress on a terminal only, hostile text made harmless."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 250
"""Columns where nobody's screen says how many: a program that reads a table wants its rows whole."""


def screen(*, errors: bool = False) -> Console:
    """Standard output or standard error, as they are now. Nothing printed is read as markup."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(stderr=errors, markup=False, highlight=False, emoji=False, width=width)


def say(text: str | Text, style: str = "") -> None:
    """One line on standard output, never broken by us."""
    screen().print(text, style=style, soft_wrap=True)


def complain(text: str, style: str = "red") -> None:
    """One line on standard error."""
    screen(errors=True).print(plain(text), style=style, soft_wrap=True)


def plain(text: str) -> str:
    """`text` from outside without whatever a terminal would obey (escapes, line breaks, changes of direction)."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def table(*columns: str, title: str | None = None) -> Table:
    """A table without decoration that a screen reader and `awk` can follow."""
    made = Table(title=title, box=None, pad_edge=False, title_justify="left", title_style="bold")
    for column in columns:
        right = column.endswith(" s")
        made.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return made


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Shows on a terminal that `what` is going on."""
    console = screen(errors=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield
