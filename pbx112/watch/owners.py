"""Which agencies can be reached at all."""

from __future__ import annotations

from collections.abc import Mapping


def alive_owners(states: Mapping[tuple[str, str], str]) -> dict[str, bool]:
    """Whether one line at least of each owner is alive, by what is said of each owner's lines (by their numbers). An
    owner of whom nobody knows anything is left out."""
    alive: dict[str, bool] = {}
    for (owner, _), state in sorted(states.items()):
        if state in ("ready", "busy", "unreachable"):
            alive[owner] = alive.get(owner, False) or state != "unreachable"
    return alive
