"""A long wait told in a sentence: who was tried, what came of it, how it ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from pbx112.log import mask
from pbx112.report.figures import NBSP, Figures
from pbx112.report.month import Row, Wait
from pbx112.words import OUTCOMES, OWNERS, RESULTS, word

TOLD = 4
"""Attempts that a sentence names; the rest are counted."""


def wait_story(wait: Wait, names: Mapping[str, str], figures: Figures) -> str:
    """The sentence; `names` are the agencies' by their keys."""
    language = figures.language
    legs = [leg for leg in wait.legs if not leg["help"]]
    if wait.call["accepted_at"] is not None:
        legs = [leg for leg in legs if leg["offered_at"] <= wait.call["accepted_at"]]
    parts = [
        f"{names.get(owner) or word(OWNERS, owner, language)} {_attempts(list(attempts), figures)}"
        for owner, attempts in groupby(legs[:TOLD], key=lambda leg: str(leg["owner"]))
    ]
    if len(legs) > TOLD:
        more = figures.number(len(legs) - TOLD)
        parts.append(f"{more} more attempts" if language == "en" else f"{more} upaya lagi")
    if not legs:
        parts.append("no line was rung" if language == "en" else "tidak ada saluran yang dihubungi")
    story = "; ".join(parts)
    if wait.call["wait_seconds"]:
        waited = figures.seconds(wait.call["wait_seconds"])
        turn = f"waited {waited} for its turn" if language == "en" else f"menunggu giliran {waited}"
        story = f"{turn}; {story}"
    return f"{story[:1].upper()}{story[1:]}. {_end(wait.call, figures)}"


def _attempts(legs: Sequence[Row], figures: Figures) -> str:
    """Lines of one owner, those with the same result together: `1101, 1102 no answer, 2101 busy`."""
    told = []
    for result, same in groupby(legs, key=lambda leg: str(leg["result"])):
        lines = ", ".join(line_shown(str(leg["line"])) for leg in same)
        told.append(f"{lines} {word(RESULTS, result, figures.language)}")
    return ", ".join(told)


def _end(call: Row, figures: Figures) -> str:
    outcome = word(OUTCOMES, str(call["outcome"]), figures.language)
    back = call["called_back"]
    if not back:
        return outcome[:1].upper() + outcome[1:] + "."
    again = "called back" if figures.language == "en" else "dihubungi kembali"
    return f"{outcome[:1].upper()}{outcome[1:]}; {again} {figures.number(back)}{NBSP}\N{MULTIPLICATION SIGN}."


def line_shown(line: str) -> str:
    """An extension whole; a mobile, which may be an officer's own, by its last three digits."""
    return mask(line) if len(line) > 6 else line
