"""`pbx112 schema`."""

from __future__ import annotations

import typer

from pbx112.plan.schema import schema_text


def schema() -> None:
    """Print the JSON Schema of agencies.yaml, by which editors complete and check the file.

    \b
    Example:  pbx112 schema > agencies.schema.json
    and as the file's first line:  # yaml-language-server: $schema=agencies.schema.json
    """
    typer.echo(schema_text(), nl=False)
