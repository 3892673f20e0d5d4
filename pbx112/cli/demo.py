"""`pbx112 demo`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

import pbx112
from pbx112.cli.errors import Failed


def demo(context: typer.Context) -> None:
    """Play a whole exchange on this machine: Asterisk, Postgres, phones and callers, all on loopback.

    \b
    It comes with the source:  git clone …, then there:  make demo
    In a checkout this command does the same; what follows it is handed on to the demo.
    """
    source = Path(pbx112.__file__).resolve().parent.parent
    if not (source / "lab" / "__main__.py").exists():
        raise Failed(
            "the demo is not part of the installed package; fetch the source and run `make demo` there"
        )
    played = subprocess.run([sys.executable, "-m", "lab", "demo", *context.args], cwd=source, check=False)  # noqa: S603
    raise typer.Exit(played.returncode)
