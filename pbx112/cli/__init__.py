"""The command line, one module per command. Here they come together; `pbx112 --help` is the way in."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pbx112 import __version__
from pbx112.cli import (
    alarms,
    audit,
    card,
    check,
    demo,
    dialplan,
    export,
    hold,
    migrate,
    prompts,
    rebuild,
    records,
    rehearse,
    report,
    retention,
    run,
    salvage,
    schema,
    setup,
    status,
    subject,
    verify,
    wallboard,
)
from pbx112.cli.errors import reported
from pbx112.cli.screen import say


class _Program(TyperGroup):
    def main(self, *args: Any, **kwargs: Any) -> Any:
        """A terminal of another alphabet still gets the rest of the line, of the help too."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*args, **kwargs)


app = typer.Typer(
    name="pbx112",
    cls=_Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def pbx112(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Answers the emergency number 112 beside your Asterisk.

    It rings call takers and agencies, line after line, until a human has accepted, and keeps the record.

    \b
    1. Write agencies.yaml; then     [bold]pbx112 check --only file[/bold]
    2. Prepare; then look again      [bold]pbx112 migrate, prompts, dialplan, check[/bold]
    3. Serve, watch, read            [bold]pbx112 run, status, wallboard, alarms, cdr[/bold]

    Addresses and passwords come from the environment (PBX112_…) or from /etc/pbx112/pbx112.env.

    Exit codes: 0 fine, 1 something is wrong, 2 wrong usage, 78 wrong configuration.
    """


for _command in (
    setup.setup,
    check.check,
    dialplan.dialplan,
    prompts.prompts,
    migrate.migrate,
    run.run,
    status.status,
    wallboard.wallboard,
    alarms.alarms,
    verify.verify,
    rehearse.rehearse,
    report.report,
    export.export,
    rebuild.rebuild,
    salvage.salvage,
    retention.retention,
    hold.hold,
    subject.subject,
    card.card,
    schema.schema,
):
    app.command()(reported(_command))
app.add_typer(audit.app, name="audit")
app.add_typer(records.app, name="cdr")
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(reported(demo.demo))
