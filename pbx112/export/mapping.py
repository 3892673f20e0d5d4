"""An export in somebody else's format, such as the ministry's monitoring centre's: a YAML file says which column holds
what. It is checked whole, against the database's own columns, and every fault is told with its line and its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from pbx112.export.columns import Column
from pbx112.export.writers import text_of
from pbx112.plan.finding import Finding, PlanError, show, suggest
from pbx112.plan.source import MAX_BYTES, Fields, Items, read_source

_KEYS = ("version", "name", "from", "columns", "delimiter", "heading")
_COLUMN_KEYS = ("name", "column", "constant", "format", "decimals", "values", "otherwise", "about")
_FORMAT_TRIAL = datetime(2026, 11, 30, 23, 59, 58)


@dataclass(frozen=True, slots=True)
class Cell:
    """How one column of theirs is made: a `constant`, or our `column`, in this `format` (strftime, office time), with
    so many `decimals`, or in their words by `values` (`otherwise`: for a value that is not among them)."""

    name: str
    column: str = ""
    constant: str = ""
    format: str = ""
    decimals: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | None = None
    about: str = ""

    def text(self, value: Any, zone: tzinfo) -> Any:
        """Their value for ours."""
        if not self.column:
            return self.constant
        if self.values:
            known = text_of(value, zone)
            return self.values.get(known, known if self.otherwise is None else self.otherwise)
        if self.format and isinstance(value, date):
            return (value.astimezone(zone) if isinstance(value, datetime) else value).strftime(self.format)
        if self.decimals is not None and isinstance(value, int | float | Decimal):
            return Decimal(str(value)).quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        return value


@dataclass(frozen=True, slots=True)
class Mapped:
    """A whole format: its `name`, the dataset that it is made of, its columns."""

    name: str
    dataset: str
    cells: Sequence[Cell]
    delimiter: str = ","
    heading: bool = True


def load_mapping(path: Path, known: Mapping[str, Sequence[Column]]) -> Mapped:
    """The format that the file describes; `known` are the datasets and their columns.

    Raises :class:`pbx112.plan.finding.PlanError` with every error of the file.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        what = f"the mapping cannot be read: {(error.strerror or 'no such path').lower()}"
        raise PlanError([Finding(name, 0, what, "check the path, and that this user may read it")]) from None
    data, findings = read_source(content, name)
    if data is None:
        raise PlanError(findings)
    reader = _Reader(data, known)
    mapped = reader.mapped()
    if findings := sorted([*findings, *reader.findings]):
        raise PlanError(findings)
    return mapped


class _Reader:
    """Reads the data; keeps what is wrong with it."""

    def __init__(self, data: Fields, known: Mapping[str, Sequence[Column]]) -> None:
        self.data, self.known = data, known
        self.findings: list[Finding] = []

    def mapped(self) -> Mapped:
        data = self.data
        self._keys(data, _KEYS)
        version = self._get(data, "version", int, None, "write `version: 1`")
        if version is not None and version != 1:
            self._fault(data.lines["version"], f"version {show(version)} is not known", "write `version: 1`")
        name = self._get(data, "name", str, None, "name it: `name: Pusat pemantauan`") or ""
        dataset = self._get(data, "from", str, None, f"write one of: {', '.join(self.known)}") or ""
        if dataset and dataset not in self.known:
            self._fault(
                data.lines["from"],
                f"'from' {show(dataset)} is not known",
                suggest(dataset, self.known, "exports"),
            )
        delimiter = self._get(data, "delimiter", str, ",", 'write `delimiter: ";"`') or ","
        if delimiter not in (",", ";", "|", "\t"):
            self._fault(
                data.lines["delimiter"], f"delimiter {show(delimiter)} cannot be used", 'write "," ";" or "|"'
            )
        heading = self._get(data, "heading", bool, True, "write true or false")
        cells = list(self._cells(dataset))
        return Mapped(name, dataset, cells, delimiter, heading is not False)

    def _cells(self, dataset: str) -> Iterator[Cell]:
        columns = self.data.get("columns")
        if not isinstance(columns, Items) or not columns:
            if "columns" not in self.data.faulty:
                line = self.data.lines.get("columns", 0)
                self._fault(
                    line,
                    "'columns' is no list of columns",
                    "write `- {name: TANGGAL, column: day}` lines below it",
                )
            return
        seen: dict[str, int] = {}
        for item, line in zip(columns, columns.lines, strict=True):
            if not isinstance(item, Fields):
                self._fault(line, "this column has no keys", "write {name: TANGGAL, column: day}")
                continue
            cell = self._cell(item, dataset)
            if cell.name in seen:
                self._fault(
                    line,
                    f"column {show(cell.name)} is given twice (first on line {seen[cell.name]})",
                    "keep one",
                )
            seen.setdefault(cell.name, line)
            yield cell

    def _cell(self, item: Fields, dataset: str) -> Cell:
        self._keys(item, _COLUMN_KEYS)
        name = self._get(item, "name", str, None, "add `name:`, what the column is called") or ""
        column = self._get(item, "column", str, "", "write the name of one of our columns") or ""
        constant = self._get(item, "constant", str, "", "write the text in quotes")
        if ("column" in item.lines) == ("constant" in item.lines):
            self._fault(
                item.line,
                f"column {show(name)} must have either `column` or `constant`",
                "give one of the two",
            )
        ours = {each.name: each.type for each in self.known.get(dataset, ())}
        if column and ours and column not in ours:
            self._fault(
                item.lines["column"],
                f"{dataset!r} has no column {show(column)}",
                suggest(column, ours, "columns"),
            )
        kind = ours.get(column, "")
        shape = self._get(item, "format", str, "", 'write it like "%d/%m/%Y"') or ""
        if shape:
            self._time_format(item, shape, kind)
        decimals = self._get(item, "decimals", int, None, "write a number from 0 to 6", required=False)
        if decimals is not None and not 0 <= decimals <= 6:
            self._fault(item.lines["decimals"], f"'decimals' is {decimals}", "write a number from 0 to 6")
        if (
            decimals is not None
            and kind
            and not kind.startswith(("numeric", "int", "bigint", "small", "double"))
        ):
            self._fault(item.lines["decimals"], f"{column} is no number ({kind})", "remove `decimals`")
        otherwise = self._get(item, "otherwise", str, None, "write the text in quotes", required=False)
        if otherwise is not None and "values" not in item.lines:
            self._fault(
                item.lines["otherwise"], "'otherwise' stands without `values`", "add `values`, or remove it"
            )
        about = self._get(item, "about", str, "", "write the text in quotes") or ""
        return Cell(name, column, constant or "", shape, decimals, self._values(item), otherwise, about)

    def _time_format(self, item: Fields, shape: str, kind: str) -> None:
        line = item.lines["format"]
        if kind and not kind.startswith(("timestamp", "date")):
            self._fault(line, f"{item.get('column')} is no time ({kind})", "remove `format`")
        try:
            empty = _FORMAT_TRIAL.strftime(shape) == shape
        except ValueError:
            empty = True
        if empty:
            self._fault(
                line, f"format {show(shape)} holds no part of a time", 'write it like "%d/%m/%Y %H:%M:%S"'
            )

    def _values(self, item: Fields) -> dict[str, str]:
        values = item.get("values")
        if values is None:
            return {}
        if not isinstance(values, Fields) or not values:
            if "values" not in item.faulty:
                self._fault(
                    item.lines["values"], "'values' has no keys of its own", "write {answered: TERJAWAB}"
                )
            return {}
        words = {}
        for key, value in values.items():
            if isinstance(value, str):
                words[key] = value
            else:
                self._fault(values.lines[key], f"the word for {show(key)} is no text", "write it in quotes")
        return words

    def _keys(self, data: Fields, known: Sequence[str]) -> None:
        for key, line in data.lines.items():
            if key not in known:
                self._fault(line, f"unknown key {show(key)}", suggest(key, known, "keys"))

    def _get(
        self,
        data: Fields,
        key: str,
        kind: type[Any],
        default: Any,
        remedy: str,
        *,
        required: bool | None = None,
    ) -> Any:
        """The value under `key`, of this kind; None where it is wrong, which has then been told."""
        if key in data.faulty:
            return None
        if key not in data:
            if default is None and required is not False:
                self._fault(data.line, f"{show(key)} is missing", remedy)
            return default
        value = data[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self._fault(data.lines[key], f"{show(key)} is {_wrong(kind)}", remedy)
            return None
        return value

    def _fault(self, line: int, what: str, remedy: str) -> None:
        self.findings.append(Finding(self.data.file, line, what, remedy))


def _wrong(kind: type[Any]) -> str:
    names: dict[type[Any], str] = {str: "no text", int: "no whole number", bool: "neither true nor false"}
    return names[kind]


def applied(mapped: Mapped, columns: Sequence[Column], zone: tzinfo) -> Callable[[Sequence[Any]], list[Any]]:
    """What makes their row of ours."""
    place = {column.name: number for number, column in enumerate(columns)}

    def row(values: Sequence[Any]) -> list[Any]:
        return [cell.text(values[place[cell.column]] if cell.column else None, zone) for cell in mapped.cells]

    return row
