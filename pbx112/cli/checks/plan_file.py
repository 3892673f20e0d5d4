"""The plan: all that the loader finds in agencies.yaml, and where in the file each line of it stands."""

from __future__ import annotations

from pathlib import Path

from pbx112.cli.checks.findings import Section
from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.source import Fields, Items, read_source
from pbx112.plan.types import CALL_TAKERS, SUPERVISORS, Plan


def check_plan(path: Path) -> tuple[Section, Plan | None]:
    """The findings on the file, and its plan where it makes one."""
    section = Section(str(path))
    try:
        loaded = load_plan(path)
    except PlanError as error:
        for finding in error.findings:
            section.wrong(f"{_place(finding.file, finding.line)}: {finding.what}", finding.remedy)
        return section, None
    plan = loaded.plan
    lines = len(plan.lines())
    section.right(
        f"plan {plan.hash}: {len(plan.agencies)} agencies with {lines} lines, {len(plan.incidents)} incidents, "
        f"times in {plan.service.timezone.key}"
    )
    for finding in loaded.warnings:
        section.doubt(f"{_place(finding.file, finding.line)}: {finding.what}", finding.remedy)
    return section, plan


class Places:
    """Where the lines and trunks of the plan in `path` stand: `agencies.yaml:41`."""

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        try:
            self._data = read_source(path.read_bytes(), self._file)[0]
        except OSError:
            self._data = None

    def line(self, owner: str, index: int) -> str:
        """The place of the `index`-th line of `owner`."""
        try:
            holder = (
                self._fields(owner)
                if owner in (CALL_TAKERS, SUPERVISORS)
                else self._fields("agencies", owner)
            )
            lines = holder["lines"]
            return _place(self._file, lines.lines[index] if isinstance(lines, Items) else holder.line)
        except (KeyError, IndexError):
            return self._file

    def trunk(self, key: str) -> str:
        """The place of a trunk."""
        try:
            return _place(self._file, self._fields("trunks", key).line)
        except KeyError:
            return self._file

    def _fields(self, *path: str) -> Fields:
        here = self._data
        for key in path:
            inner = None if here is None else here[key]
            here = inner if isinstance(inner, Fields) else None
        if here is None:
            raise KeyError(path)
        return here


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file
