"""What goes wrong in a world, and how often. Drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are of events or requests, from 0 to 1; the others are counts in the whole of the world's traffic.

    `late`, `lost`, `doubled`, `reordered`: events on their way to the daemon. `slow`, `refused`, `unanswered`:
    requests (an unanswered one was done or not, nobody knows). `kills`: the daemon dies and is started anew;
    `cuts`: the connection breaks; `stalls`: it is silent before anybody notices; `restarts`: Asterisk begins
    anew; `reloads`: another plan. `dead_lines`: share of lines that nobody can reach. `slow_journal`: writes take up
    to a quarter of a second. `slow_database`: records arrive minutes later.
    """

    late: float = 0.0
    lost: float = 0.0
    doubled: float = 0.0
    reordered: float = 0.0
    slow: float = 0.0
    refused: float = 0.0
    unanswered: float = 0.0
    kills: int = 0
    cuts: int = 0
    stalls: int = 0
    restarts: int = 0
    stops: int = 0
    reloads: int = 0
    dead_lines: float = 0.0
    slow_journal: bool = False
    slow_database: bool = False

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong with the exchange itself (lines may be dead, stores slow)."""
        return not (
            self.late or self.lost or self.doubled or self.reordered or self.slow or self.refused
            or self.unanswered or self.kills or self.cuts or self.stalls or self.restarts or self.stops
            or self.reloads
        )  # fmt: skip


def draw(chance: Random) -> Faults:
    """One world in five has nothing wrong with it; in the others some things are."""
    rare = chance.random
    lines = 0.3 if rare() < 0.3 else 0.0
    stores = {"slow_journal": rare() < 0.3, "slow_database": rare() < 0.3}
    if rare() < 0.2:
        return Faults(dead_lines=lines, **stores)

    def share(most: float) -> float:
        return rare() * most if rare() < 0.25 else 0.0

    def count(most: int) -> int:
        return chance.randint(1, most) if rare() < 0.25 else 0

    return Faults(
        late=share(0.1),
        lost=share(0.1),
        doubled=share(0.2),
        reordered=share(0.2),
        slow=share(0.1),
        refused=share(0.1),
        unanswered=share(0.1),
        kills=count(4),
        cuts=count(4),
        stalls=count(3),
        restarts=count(1) if rare() < 0.4 else 0,
        stops=count(1) if rare() < 0.4 else 0,
        reloads=count(2) if rare() < 0.4 else 0,
        dead_lines=lines,
        **stores,
    )
