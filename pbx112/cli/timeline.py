"""A call drawn over time: a bar for the caller, one for each attempt; on a terminal, or as an SVG for a letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from rich.table import Table
from rich.text import Text

from pbx112.cdr import CallRecord, LegRecord
from pbx112.cli.screen import plain, table
from pbx112.cli.story import mask_mobile, owner_name
from pbx112.words import RESULTS, Language, word

WIDTH = 60
"""Columns of a bar on a terminal."""

RING, TALK, IDLE = "░", "█", "·"

_ROW, _LABEL, _SPAN, _RESULT = 26, 230, 620, 210
"""Of the SVG, in pixels."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Seconds after the call's arrival: rang from `begins` until `accepted`, talked until `ends`."""

    name: str
    begins: float
    accepted: float | None
    ends: float
    result: str


def bars(call: CallRecord, legs: Sequence[LegRecord], language: Language) -> list[Bar]:
    """The caller first, then the attempts in their order."""

    def after(at: datetime | None) -> float | None:
        return None if at is None else max(0.0, (at - call.arrived_at).total_seconds())

    caller = "caller" if language == "en" else "penelepon"
    made = [Bar(caller, 0.0, after(call.accepted_at), after(call.ended_at) or 0.0, call.outcome)]
    made += [
        Bar(
            f"{leg.leg} {owner_name(leg.owner, language)} {mask_mobile(leg.line)}",
            after(leg.offered_at) or 0.0,
            after(leg.accepted_at),
            after(leg.ended_at) or 0.0,
            word(RESULTS, leg.result, language),
        )
        for leg in legs
    ]
    return made


def for_terminal(drawn: Sequence[Bar]) -> Table:
    """One line for each bar."""
    longest = max(bar.ends for bar in drawn) or 1.0
    rows = table("", f"0 s … {longest:.1f} s   {RING} rings  {TALK} talks", "")
    for bar in drawn:
        rows.add_row(Text(plain(bar.name)), Text(_cells(bar, longest)), Text(plain(bar.result)))
    return rows


def _cells(bar: Bar, longest: float) -> str:
    def place(second: float) -> int:
        return min(WIDTH, round(second / longest * WIDTH))

    first, last = place(bar.begins), max(place(bar.ends), place(bar.begins) + 1)
    talk = last if bar.accepted is None else max(first, place(bar.accepted))
    return (IDLE * first + RING * (talk - first) + TALK * (last - talk)).ljust(WIDTH, IDLE)[:WIDTH]


def as_svg(title: str, drawn: Sequence[Bar]) -> str:
    """The same as a picture that needs nothing from elsewhere; what rings is hatched, what talks is dark."""
    longest = max(bar.ends for bar in drawn) or 1.0
    width, height = _LABEL + _SPAN + _RESULT, 56 + _ROW * len(drawn)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#1b2733">',
        f"<title>{escape(title)}</title>",
        '<defs><pattern id="ring" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" fill="#fff"/><rect width="2" height="6" fill="#7fa3c7"/></pattern></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    for step in range(5):
        x = _LABEL + _SPAN * step / 4
        parts.append(f'<line x1="{x:g}" x2="{x:g}" y1="40" y2="{height - 8}" stroke="#c3ced9"/>')
        parts.append(
            f'<text x="{x:g}" y="36" text-anchor="middle" font-size="10">{longest * step / 4:.1f} s</text>'
        )
    for number, bar in enumerate(drawn):
        y = 46 + _ROW * number
        begins, ends = (_LABEL + _SPAN * second / longest for second in (bar.begins, bar.ends))
        talk = ends if bar.accepted is None else _LABEL + _SPAN * bar.accepted / longest
        name = bar.name if len(bar.name) <= 32 else bar.name[:31] + "…"
        parts.append(f'<text x="8" y="{y + 14}">{escape(name)}</text>')
        parts.append(
            f'<rect x="{begins:.1f}" y="{y + 2}" width="{max(1, talk - begins):.1f}" height="16" fill="url(#ring)" '
            'stroke="#1f4e79"/>'
        )
        if bar.accepted is not None:
            parts.append(
                f'<rect x="{talk:.1f}" y="{y + 2}" width="{max(1, ends - talk):.1f}" height="16" fill="#1f4e79"/>'
            )
        parts.append(f'<text x="{_LABEL + _SPAN + 8}" y="{y + 14}">{escape(bar.result)}</text>')
    return "\n".join([*parts, "</svg>", ""])
