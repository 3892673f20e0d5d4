"""`pbx112 report`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pbx112.audit.anchor import AnchorError, latest, qr_svg
from pbx112.cdr.store import connect
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, Lang, dsn_of, language_of, plan_of, settings_for
from pbx112.cli.screen import complain, plain, say, screen
from pbx112.report.ask import NoSuchMonth, ask
from pbx112.report.month import Anchored, Month
from pbx112.words import Language

SECONDS = 300.0
"""How long one question may take."""


def report(
    month: Annotated[
        str, typer.Option("--month", metavar="YYYY-MM", help="Which month; else the last whole one.")
    ] = "",
    lang: Lang = "",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the two files.")] = Path(),
    agencies: Agencies = None,
) -> None:
    """Write the report of a month: one HTML file that needs nothing else, and the same as PDF.

    \b
    The last month:     pbx112 report --out /srv/reports
    In English:         pbx112 report --month 2026-11 --lang en

    One page shows the month; then come all figures, each with its definition, and what the records' integrity hangs on.
    Callers' numbers are masked. The reading is noted in the access log. It needs an account in pbx112_auditor, and
    pip install 'pbx112\\[report]'.
    """
    draw, as_pdf = _painters()
    settings = settings_for(agencies, ari=False)
    plan = plan_of(settings)
    office = plan.service.name if plan else "112"
    language = language_of(lang, plan)
    chosen = _month(month, plan.service.timezone if plan else UTC)
    if not out.is_dir():
        raise Failed(f"{out}: no such folder; make it, or name another with --out")
    console = screen(errors=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("asking the database", total=3)
        found = _ask(dsn_of(settings), chosen, office)
        progress.update(bar, advance=1, description="drawing")
        html = draw(found, language, _anchor(settings.anchors, found.ends))
        page = write_whole(out / f"pbx112-{chosen:%Y-%m}.{language}.html", html.encode())
        progress.update(bar, advance=1, description="setting the PDF")
        paper = write_whole(page.with_suffix(".pdf"), as_pdf(html))
        progress.advance(bar)
    say(str(page))
    say(str(paper))


def _painters() -> tuple[Callable[[Month, Language, Anchored | None], str], Callable[[str], bytes]]:
    """What draws the page, and what sets the PDF. Raises :class:`Failed` where the extra or Pango is missing."""
    try:
        from pbx112.report.page import as_pdf, render
    except ImportError as error:
        raise Failed(
            f"the report needs packages that are not there ({error.name}); pip install 'pbx112[report]' into the "
            "environment of pbx112"
        ) from None
    except OSError:
        raise Failed(
            "the report needs Pango, which is not there; "
            "apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
        ) from None
    return render, as_pdf


def _anchor(file: Path, before: datetime) -> Anchored | None:
    """The last anchor made before that moment; None, and a word on it where the file cannot be used."""
    try:
        found = latest(file, before)
        if found is None:
            return None
        return Anchored(found.says.number, found.says.time, found.code, qr_svg(found))
    except (AnchorError, OSError) as error:
        complain(f"the report has no anchor: {error}", "yellow")
        return None


def _month(text: str, zone: tzinfo, now: datetime | None = None) -> date:
    """The month's first day; without a text that of the last whole month, by the office's date."""
    if not text:
        today = (now or datetime.now(UTC)).astimezone(zone).date()
        return (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        raise Failed(f"{plain(text)!r} is no month; write --month 2026-11", code=2) from None


def _ask(dsn: str, month: date, office: str) -> Month:
    async def read() -> Month:
        connection = await connect(dsn, "report", statement_seconds=SECONDS)
        try:
            return await ask(connection, month, office)
        finally:
            await connection.close()

    try:
        return asyncio.run(read())
    except REFUSALS as error:
        raise Failed(explain(error)) from None
    except NoSuchMonth as error:
        known = f"{error.known[0]:%Y-%m} to {error.known[-1]:%Y-%m}" if error.known else "none yet"
        raise Failed(f"there are no calls of {month:%Y-%m}; there are those of: {known}") from None


def write_whole(path: Path, content: bytes) -> Path:
    """The whole file or none."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Failed(f"{path}: cannot be written ({error.strerror}); name another folder") from None
    return path
