"""One file of rows, written as they come: nothing of it is kept in memory but the rows of one block."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from pbx112.export.columns import Column
from pbx112.export.safe import marked

EXCEL_ROWS = 1_048_575
"""Rows of an Excel sheet below its heading; what is more goes to a second sheet."""
EXCEL_TEXT = 32_767
"""Characters of an Excel cell."""
_GROUP = 20_000
"""Rows of a Parquet row group."""


class Writer(Protocol):
    """Takes rows, and ends the file. `cut` counts texts that the format had no room for."""

    cut: int

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, with their values in the columns' order."""

    def close(self) -> None:
        """No more rows come."""


def text_of(value: Any, zone: tzinfo) -> str:
    """A value as text: times in ISO 8601 with the office's offset, yes and no as true and false."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(zone).isoformat()
        case date():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)


class CsvWriter:
    """UTF-8 (with the mark by which Excel knows it), RFC 4180, cells that might be formulas marked."""

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        zone: tzinfo,
        *,
        delimiter: str = ",",
        heading: bool = True,
    ) -> None:
        self.cut = 0
        self._zone = zone
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._csv = csv.writer(self._file, delimiter=delimiter, lineterminator="\r\n")
        if heading:
            self._csv.writerow([marked(column.name) for column in columns])

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        self._csv.writerows([self._cell(value) for value in row] for row in rows)

    def _cell(self, value: Any) -> Any:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return value
        return marked(text_of(value, self._zone))

    def close(self) -> None:
        """End the file."""
        self._file.close()


class XlsxWriter:
    """Each text is a text cell, which Excel never runs, also not after it was edited; times are the office's."""

    def __init__(
        self, path: Path, columns: Sequence[Column], zone: tzinfo, *, sheet: str, rows: int = EXCEL_ROWS
    ) -> None:
        import xlsxwriter

        self.cut = 0
        self._columns, self._zone, self._name, self._rows = columns, zone, sheet, rows
        self._book = xlsxwriter.Workbook(
            path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                   "strings_to_numbers": False}
        )  # fmt: skip
        self._bold = self._book.add_format({"bold": True, "bottom": 1})
        self._text = self._book.add_format({"quote_prefix": True})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            self._sheet.set_column(place, place, 24 if column.type.startswith("timestamp") else 14)
        for place, column in enumerate(self._columns):
            self._sheet.write_string(0, place, column.name, self._bold)
        self._row = 0

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        for row in rows:
            if self._row == self._rows:
                self._begin()
            self._row += 1
            for place, value in enumerate(row):
                self._cell(place, value)

    def _cell(self, place: int, value: Any) -> None:
        match value:
            case None:
                pass
            case bool():
                self._sheet.write_boolean(self._row, place, value)
            case int() | float() | Decimal():
                self._sheet.write_number(self._row, place, value)
            case datetime():
                local = value.astimezone(self._zone).replace(tzinfo=None)
                self._sheet.write_datetime(self._row, place, local, self._time)
            case date():
                self._sheet.write_datetime(self._row, place, value, self._day)
            case _:
                text = text_of(value, self._zone)
                if len(text) > EXCEL_TEXT:
                    text, self.cut = text[: EXCEL_TEXT - 1] + "…", self.cut + 1
                self._sheet.write_string(self._row, place, text, self._text)

    def close(self) -> None:
        """Add the dictionary of columns as a sheet of its own, and end the file."""
        sheet = self._book.add_worksheet("columns")
        heading = ("column", "type", "English", "Bahasa Indonesia")
        described = [
            (column.name, column.type, column.english, column.indonesian) for column in self._columns
        ]
        for number, row in enumerate([heading, *described]):
            for place, text in enumerate(row):
                sheet.write_string(number, place, text, self._text if number else self._bold)
        self._book.close()


class ParquetWriter:
    """Typed columns; times are UTC. The comments stand with the columns."""

    def __init__(self, path: Path, columns: Sequence[Column], zone: tzinfo) -> None:
        import pyarrow
        import pyarrow.parquet

        self.cut = 0
        self._arrow = pyarrow
        self._zone = zone
        self._schema = pyarrow.schema(
            [
                pyarrow.field(
                    column.name,
                    _arrow_type(pyarrow, column.type),
                    metadata={"en": column.english, "id": column.indonesian},
                )
                for column in columns
            ]
        )
        self._file = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[Sequence[Any]] = []

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        self._waiting += rows
        if len(self._waiting) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        arrays = [
            self._arrow.array([self._value(value, field.type) for value in values], type=field.type)
            for field, values in zip(self._schema, zip(*self._waiting, strict=True), strict=True)
        ]
        self._file.write_batch(self._arrow.record_batch(arrays, schema=self._schema))
        self._waiting = []

    def _value(self, value: Any, type_: Any) -> Any:
        if value is None or type_ != self._arrow.string():
            return float(value) if isinstance(value, Decimal) else value
        return text_of(value, self._zone)

    def close(self) -> None:
        """End the file."""
        self._flush()
        self._file.close()


def _arrow_type(arrow: Any, postgres: str) -> Any:
    """The Arrow type for a column of Postgres; what has none of its own is text."""
    kind = postgres.partition("(")[0].strip()
    match kind:
        case "boolean":
            return arrow.bool_()
        case "smallint" | "integer":
            return arrow.int32()
        case "bigint":
            return arrow.int64()
        case "numeric" | "double precision" | "real":
            return arrow.float64()
        case "date":
            return arrow.date32()
        case "bytea":
            return arrow.binary()
        case _ if kind.startswith("timestamp"):
            return arrow.timestamp("us", tz="UTC")
        case _:
            return arrow.string()


def write_dictionary(path: Path, columns: Sequence[Column]) -> None:
    """The dictionary of columns, a CSV beside the exported file."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, lineterminator="\r\n")
        out.writerow(["column", "type", "English", "Bahasa Indonesia"])
        out.writerows(
            [marked(text) for text in (column.name, column.type, column.english, column.indonesian)]
            for column in columns
        )
