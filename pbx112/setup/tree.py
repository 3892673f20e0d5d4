"""Asterisk's configuration files as Asterisk reads them: includes followed, sections in the order in which they come.

Source: Asterisk 22, main/config.c (`#include`, `#tryinclude`, patterns, `[section](+)`) and its sample files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 500
"""More than any office has; a folder that includes itself ends here."""

_INCLUDE = re.compile(r"^#(?:try)?include\s+[\"<]?([^\">;]+?)[\">]?\s*(?:;.*)?$")
_SECTION = re.compile(r"^\[([^\]]+)\]")
_SETTING = re.compile(r"^([^=;]+?)\s*=>?\s*(.*)$")


class SetupError(Exception):
    """The installation cannot be done as things stand; the message names the place and the remedy."""


@dataclass(frozen=True)
class Setting:
    """One line `name = value`, or the beginning of a section (then `name` is empty)."""

    file: Path
    section: str
    name: str
    value: str


@dataclass(frozen=True)
class Tree:
    """What Asterisk reads when it loads one file of its folder."""

    settings: tuple[Setting, ...]
    included: tuple[str, ...]
    """The names in its include lines, as written; files that do not exist yet among them."""

    def value(self, section: str, name: str) -> str | None:
        """The last one wins, as in Asterisk's own loops over `general`."""
        found = [each.value for each in self.settings if (each.section, each.name) == (section, name)]
        return found[-1] if found else None

    def where(self, section: str) -> Path | None:
        """The first file with that section."""
        return next((each.file for each in self.settings if each.section == section), None)


def read_tree(folder: Path, name: str, root: Path) -> Tree:
    """`name` in Asterisk's `folder`, whose absolute paths are those below `root`. Raises :class:`SetupError`."""
    settings: list[Setting] = []
    included: list[str] = []
    section = ""

    def read(file: Path, above: tuple[Path, ...]) -> None:
        nonlocal section
        if len(above) > MOST_FILES or file in above:
            raise SetupError(f"{file}: includes itself; take that line out")
        try:
            text = real(file, root).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise SetupError(f"{file}: {error.strerror}; run as root") from None
        for line in _lines(text):
            if match := _INCLUDE.match(line):
                included.append(match[1])
                for each in _files(folder, match[1], root):
                    read(each, (*above, file))
            elif match := _SECTION.match(line):
                section = match[1]
                settings.append(Setting(file, section, "", ""))
            elif match := _SETTING.match(line):
                settings.append(Setting(file, section, match[1].strip().lower(), match[2].strip()))

    read(folder / name, ())
    return Tree(tuple(settings), tuple(included))


def real(file: Path, root: Path) -> Path:
    """`file`, where it is a symbolic link to an absolute path, as that path below `root`."""
    if not file.is_symlink():
        return file
    target = file.readlink()
    return root / target.relative_to("/") if target.is_absolute() else file.parent / target


def _lines(text: str) -> Iterator[str]:
    """Without comments (from `;`, and blocks between `;--` and `--;`)."""
    for line in re.sub(r";--(?!-).*?--;", "", text, flags=re.DOTALL).splitlines():
        plain = re.sub(r"(?<!\\);.*", "", line).strip()
        if plain:
            yield plain


def _files(folder: Path, name: str, root: Path) -> list[Path]:
    base = root if name.startswith("/") else folder
    name = name.lstrip("/")
    if any(sign in name for sign in "*?["):
        return sorted(base.glob(name))
    return [base / name]
