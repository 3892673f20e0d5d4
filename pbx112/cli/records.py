"""`pbx112 cdr`: the calls as they stand in the records."""

from __future__ import annotations

from typing import Any

from typer import Typer
from typer.core import TyperGroup

from pbx112.cli.cdr import show
from pbx112.cli.errors import reported
from pbx112.cli.search import search


class _ShowUnlessTold(TyperGroup):
    """`pbx112 cdr 1764210000.12` is `pbx112 cdr show 1764210000.12`; `pbx112 cdr` shows the last calls."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        told = args[:1] and args[0] in (*self.commands, "-h", "--help")
        return super().parse_args(ctx, args if told else ["show", *args])


app = Typer(
    cls=_ShowUnlessTold,
    help="""Show the last calls, or one call in full (show, also without the word); find calls (search).

    \b
    The last calls:    pbx112 cdr
    One call in full:  pbx112 cdr 1764210000.12
    """,
)
app.command()(reported(show))
app.command()(reported(search))
