"""`pbx112 prompts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def prompts(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put them.", file_okay=False)],
) -> None:
    """Speak the prompts."""
    raise NotImplementedError
