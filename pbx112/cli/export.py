"""`pbx112 export`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pbx112.cdr.access import note_access
from pbx112.cdr.store import Connection, connect
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, dsn_of, plan_of, settings_for
from pbx112.cli.period import Month, Since, Until, period
from pbx112.cli.screen import complain, plain, say, screen
from pbx112.export.columns import DATASETS, Column
from pbx112.export.mapping import Mapped, applied, load_mapping
from pbx112.export.run import known_columns, office_zone, stream
from pbx112.export.writers import CsvWriter, ParquetWriter, Writer, XlsxWriter, write_dictionary
from pbx112.plan.finding import suggest

SECONDS = 3600.0
"""How long reading may take in all."""

Format = Literal["csv", "xlsx", "parquet"]
_MAPPED = "mapped"


def export(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help=f"{', '.join(DATASETS)}; {_MAPPED} with --mapping.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    month: Month = "",
    since: Since = "",
    until: Until = "",
    form: Annotated[
        str, typer.Option("--format", metavar="csv|xlsx|parquet", help="Else by the end of FILE's name.")
    ] = "",
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE", help="Somebody else's format, see deploy/monitoring.yaml."),
    ] = None,
    unmask: Annotated[bool, typer.Option("--unmask", help="Callers' numbers whole.")] = False,
    agencies: Agencies = None,
) -> None:
    """Write records into a file for spreadsheets (csv, xlsx) or programs (parquet), with a dictionary of its columns.

    \b
    A month's calls:         pbx112 export calls --month 2026-11 --out calls.xlsx
    All attempts of a week:  pbx112 export legs --from 2026-11-02 --to 2026-11-08 --out legs.csv
    The ministry's format:   pbx112 export mapped --mapping monitoring.yaml --month 2026-11 --out november.csv

    Safe to open: in CSV a text that a spreadsheet might run (it begins with = + - @ or the like, so a telephone number
    too) gets an apostrophe before it; in XLSX it is a text cell as it is. Times are the office's (Parquet: UTC).
    Beside FILE stands FILE.columns.csv, what each column means. The reading is noted in the access log.
    """
    chosen = _format(form, out)
    if (what == _MAPPED) != (mapping is not None):
        raise Failed("`pbx112 export mapped` and --mapping FILE belong together", code=2)
    if what != _MAPPED and what not in DATASETS:
        raise Failed(
            f"nothing is exported as {plain(what)!r}; {suggest(what, [*DATASETS, _MAPPED], 'exports')}",
            code=2,
        )
    if out.exists() and not out.is_file():  # the whole file takes its place at the end
        raise Failed(f"{out}: is there and is no file; name another with --out", code=2)
    settings = settings_for(agencies, ari=False)
    plan = plan_of(settings)
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    work = _Export(what, out, unfinished, chosen, mapping, (month, since, until), unmask)
    try:
        count, cut = asyncio.run(work.run(dsn_of(settings), plan.service.timezone if plan else None))
        unfinished.replace(out)
    except REFUSALS as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise Failed(
                f"{out}: cannot be written ({error.strerror}); name another file with --out"
            ) from None
        raise Failed(explain(error)) from None
    except ImportError as error:
        raise Failed(
            f"{chosen} needs a package that is not there ({error.name}); pip install 'pbx112[export]', or write csv"
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
    say(f"{out}: {count} rows")
    if cut:
        complain(
            f"{cut} texts were longer than a cell of Excel may be, and were cut; csv and parquet have them whole",
            "yellow",
        )


def _format(given: str, out: Path) -> Format:
    name = given or out.suffix.lstrip(".").lower()
    if name not in ("csv", "xlsx", "parquet"):
        raise Failed(f"{plain(name)!r} is no format; write --format csv, xlsx or parquet", code=2)
    return cast(Format, name)


class _Export:
    """One export, from the question to the whole file."""

    def __init__(
        self,
        what: str,
        out: Path,
        unfinished: Path,
        form: Format,
        mapping: Path | None,
        when: tuple[str, str, str],
        unmask: bool,
    ) -> None:
        self.what, self.out, self.unfinished, self.form = what, out, unfinished, form
        self.mapping, self.when, self.unmask = mapping, when, unmask

    async def run(self, dsn: str, zone: tzinfo | None) -> tuple[int, int]:
        connection = await connect(dsn, "export", statement_seconds=SECONDS)
        try:
            return await self._write(connection, zone)
        finally:
            await connection.close()

    async def _write(self, connection: Connection, zone: tzinfo | None) -> tuple[int, int]:
        office = await office_zone(connection)
        known = await known_columns(connection, unmasked=self.unmask)
        mapped = load_mapping(self.mapping, known) if self.mapping else None
        name = mapped.dataset if mapped else self.what
        columns = known[name]
        span = period(*self.when, zone or office)
        told = f"{name} {span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d} ({self.form})"
        await note_access(connection, "export", told, unmasked=self.unmask)
        theirs = _their_columns(mapped, columns) if mapped else columns
        row: Callable[[Sequence[Any]], Sequence[Any]] = applied(mapped, columns, office) if mapped else tuple
        writer = self._writer(theirs, office, mapped)
        try:
            with _progress(told) as progress:
                count = await stream(
                    connection,
                    name,
                    columns,
                    span,
                    writer,
                    unmasked=self.unmask,
                    row=row,
                    progress=progress.passed,
                )
        finally:
            writer.close()
        write_dictionary(self.out.with_name(f"{self.out.name}.columns.csv"), theirs)
        return count, writer.cut

    def _writer(self, columns: Sequence[Column], office: ZoneInfo, mapped: Mapped | None) -> Writer:
        match self.form:
            case "csv":
                delimiter, heading = (mapped.delimiter, mapped.heading) if mapped else (",", True)
                return CsvWriter(self.unfinished, columns, office, delimiter=delimiter, heading=heading)
            case "xlsx":
                return XlsxWriter(self.unfinished, columns, office, sheet=self.what)
            case "parquet":
                return ParquetWriter(self.unfinished, columns, office)


def _their_columns(mapped: Mapped, columns: Sequence[Column]) -> list[Column]:
    """Their columns, with our words on what they are made of."""
    ours = {column.name: column for column in columns}
    described = []
    for cell in mapped.cells:
        source = ours.get(cell.column)
        kind = source.type if source and not (cell.format or cell.values) else "text"
        english = cell.about or (source.english if source else f"always {cell.constant}")
        indonesian = cell.about or (source.indonesian if source else f"selalu {cell.constant}")
        described.append(Column(cell.name, kind, english, indonesian))
    return described


class _progress:
    """A bar of the span of time that has been read, on a terminal."""

    def __init__(self, what: str) -> None:
        console = screen(errors=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=1.0)

    def __enter__(self) -> _progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def passed(self, done: float) -> None:
        self._bar.update(self._task, completed=done)
