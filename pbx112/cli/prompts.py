"""`pbx112 prompts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, settings_for
from pbx112.cli.screen import plain, say, screen
from pbx112.plan.load import load_plan
from pbx112.sounds import SoundError, Spoken, speak, texts

_RESULTS = {"made": "spoken", "unchanged": "as before", "kept": "the office's own, kept"}


def prompts(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Asterisk's folder for them.", file_okay=False)
    ],
    agencies: Agencies = None,
) -> None:
    """Speak what callers and mobiles hear (menu, announcements) into DIR, in the plan's language, with espeak-ng.

    \b
    Example:  pbx112 prompts /usr/share/asterisk/sounds/pbx112

    Run it again after a change of the incidents. What the office has recorded itself, under the same names, is
    never overwritten.
    """
    plan = load_plan(settings_for(agencies, ari=False).agencies).plan
    with Progress(
        console=screen(errors=True), transient=True, disable=not screen(errors=True).is_terminal
    ) as bar:
        task = bar.add_task("speaking", total=len(texts(plan)))

        def step(spoken: Spoken) -> None:
            bar.advance(task)
            say(f"  {spoken.key:<24} {_RESULTS[spoken.result]:<24} {plain(spoken.text)}")

        try:
            done = speak(plan, folder, step)
        except SoundError as error:
            raise Failed(plain(str(error))) from None
    say(f"{len(done)} prompts are in {folder}; let Asterisk see them: asterisk -rx 'module reload sounds'")
