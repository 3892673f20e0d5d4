"""`pbx112 card`."""

from __future__ import annotations

import typer

from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, settings_for
from pbx112.model.codes import rows
from pbx112.plan.card import TooMuch, render_card
from pbx112.plan.load import load_plan


def card(agencies: Agencies = None) -> None:
    """Print the operator's card: one A4 page in Indonesian with the agencies' codes, the incidents, and the keys.

    \b
    Example:  pbx112 card > card.html

    Open it in a browser and print it (A4, 100 %); anew after each change of agencies.yaml.
    """
    plan = load_plan(settings_for(agencies, ari=False).agencies).plan
    try:
        typer.echo(render_card(plan, rows(plan)), nl=False)
    except TooMuch as error:
        raise Failed(str(error)) from None
