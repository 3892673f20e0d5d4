"""The report as one HTML file that fetches nothing, and the same as PDF."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import jinja2
import weasyprint
from markupsafe import Markup

from pbx112 import __version__
from pbx112.report import charts, figures, tables
from pbx112.report.fonts import font_faces
from pbx112.report.month import Anchored, Month, Row
from pbx112.report.texts import Texts
from pbx112.words import OWNERS, Language, word

_FOLDER = Path(__file__).parent
_SHOWN_AGENCIES = 10
"""As many as the first page has room for."""
_LABEL = 30
"""Letters of an agency's name beside a bar; a longer one stands by its key."""


def render(month: Month, language: Language, anchor: Anchored | None = None) -> str:
    """The whole report. Every text from the database is escaped."""
    form = figures.Figures(language, month.begins.tzinfo or month.made_at.tzinfo)  # type: ignore[arg-type]
    texts = Texts(language)
    shown = sorted(month.agencies, key=lambda row: -row["asked"])[:_SHOWN_AGENCIES]
    drawn = {
        "answer_times": charts.answer_times(month.answer_times, form, texts),
        "load": charts.heat_map(month.weekly_load(), form, texts),
        "agencies": charts.agencies(shown, [_label(row, language) for row in shown], form, texts),
        "days": charts.days(month.days, form, texts),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["grouped"] = grouped
    template = environment.get_template("report.html.j2")
    values: dict[str, Any] = {
        "m": month,
        "f": form,
        "t": texts,
        "version": __version__,
        "css": Markup((_FOLDER / "report.css").read_text()),  # noqa: S704 - our own text
        "anchor": anchor,
        "anchor_qr": as_image(anchor.qr) if anchor else "",
        "charts": {name: as_image(svg) for name, svg in drawn.items()},
        "more_agencies": max(0, len(month.agencies) - len(shown)),
        **tables.all_tables(month, form, texts),
    }
    text = template.render(values, fonts="")
    return template.render(values, fonts=Markup(font_faces(text)))  # noqa: S704 - our own text


def as_pdf(html: str) -> bytes:
    """The page as PDF, for paper and archive. What is not in the page itself is an error, and is never fetched."""
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it tells of rules that are for screens
    fetcher = weasyprint.URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    pdf: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher).write_pdf()
    return pdf


def _label(row: Row, language: Language) -> str:
    """What stands beside an agency's bar."""
    name = word(OWNERS, str(row["owner"]), language)
    if name != row["owner"]:
        return name
    full = str(row["name"] or "")
    return full if 0 < len(full) <= _LABEL else str(row["owner"])[:_LABEL]


def as_image(svg: str) -> str:
    """A drawing as the source of an image in the page itself."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def grouped(digits: str) -> str:
    """Eight by eight, to be compared by eye and read aloud."""
    return " ".join(digits[place : place + 8] for place in range(0, len(digits), 8))
