"""What a check found: right, doubtful or wrong, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: a doubt lets the service work, an error does not, or only by luck."""

    RIGHT = "right"
    DOUBT = "doubt"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a check. `remedy` is empty where nothing needs to be done."""

    level: Level
    what: str
    remedy: str = ""


@dataclass(slots=True)
class Section:
    """What was found about one thing, in the order in which a reader wants it."""

    title: str
    items: list[Item] = field(default_factory=list)

    def right(self, what: str) -> None:
        """All is well with `what`."""
        self.items.append(Item(Level.RIGHT, what))

    def doubt(self, what: str, remedy: str) -> None:
        """It works, or may work, but somebody should look."""
        self.items.append(Item(Level.DOUBT, what, remedy))

    def wrong(self, what: str, remedy: str) -> None:
        """It does not work, or must not stay so."""
        self.items.append(Item(Level.ERROR, what, remedy))

    def count(self, level: Level) -> int:
        """How many items are of `level`."""
        return sum(item.level is level for item in self.items)


EXAMPLE_PASSWORD = "CHANGE-ME"  # noqa: S105 - the word of our sample files, which everybody knows


def is_example(secret: str) -> bool:
    """Whether a password is still the sample files' own."""
    return EXAMPLE_PASSWORD.lower() in secret.lower()


CHOOSE_ONE = "choose one of your own (`openssl rand -hex 24`), the same here and there"
