"""The report's charts as SVG, drawn by matplotlib. Each is read without colour: figures stand beside the marks, kinds
differ by hatching or shape. Text is drawn as outlines, so that a chart looks the same on every machine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pbx112.report.figures import Figures
from pbx112.report.month import Row
from pbx112.report.texts import Texts

INK, DARK, MIDDLE, LIGHT, PAPER = "#1b2733", "#1f4e79", "#7fa3c7", "#dfe8f1", "#ffffff"
"""From black to white in one hue: the order stays the same in grey."""
WARN = "#a3341f"
"""For the yardsticks' lines, which are also dashed."""

_INCHES = 1 / 25.4
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 6.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,  # an agency's name is no formula
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "hatch.linewidth": 0.6,
    "hatch.color": DARK,
    "svg.fonttype": "path",
    "svg.hashsalt": "pbx112",
}
_HEAT = LinearSegmentedColormap.from_list("pbx112", [PAPER, LIGHT, MIDDLE, DARK])


def heat_map(load: Sequence[Sequence[float]], figures: Figures, texts: Texts) -> str:
    """Calls by hour (columns) and weekday (rows), each with its figure."""
    highest = max(max(row) for row in load)
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(186, 37)
        axes.imshow(load, cmap=_HEAT, aspect="auto", vmin=0, vmax=highest or 1)
        for day, row in enumerate(load):
            for hour, calls in enumerate(row):
                dark = calls > 0.6 * highest
                axes.text(
                    hour,
                    day,
                    figures.number(calls, 1) if calls else "·",
                    ha="center",
                    va="center",
                    fontsize=5.5,
                    color=PAPER if dark else INK,
                )
        axes.set_xticks(range(24), [f"{hour:02}" for hour in range(24)])
        axes.set_yticks(range(7), [figures.weekday(day) for day in range(7)])
        axes.set_xlabel(texts("hour_of_day"), labelpad=1)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks([hour - 0.5 for hour in range(1, 24)], minor=True)
        axes.set_yticks([day - 0.5 for day in range(1, 7)], minor=True)
        axes.grid(which="minor", color=PAPER, linewidth=1)
        axes.tick_params(which="minor", length=0)
        return _svg(figure)


def answer_times(rows: Sequence[Row], figures: Figures, texts: Texts) -> str:
    """How many answered calls waited how long; the bars' limits in seconds, the yardsticks as dashed lines."""
    bounds = [row["upto_seconds"] for row in rows]
    calls = [row["calls"] for row in rows]
    highest = max(calls, default=0) or 1
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(91, 42)
        within = [bound is not None and bound <= 10 for bound in bounds]
        axes.bar(
            range(len(rows)),
            calls,
            width=0.82,
            color=[DARK if good else LIGHT for good in within],
            edgecolor=DARK,
            linewidth=0.5,
            hatch=["" if good else "////" for good in within],
        )
        for place, count in enumerate(calls):
            if count:
                axes.text(place, count + highest * 0.02, figures.number(count), ha="center", fontsize=5)
        for yardstick in (10, 15, 20):
            if yardstick in bounds:
                edge = bounds.index(yardstick) + 0.5
                axes.axvline(edge, color=WARN, linewidth=0.7, linestyle=(0, (3, 2)))
                axes.text(
                    edge,
                    highest * 1.14,
                    f"{yardstick} s",
                    ha="center",
                    va="bottom",
                    fontsize=5.5,
                    color=WARN,
                )
        axes.set_ylim(0, highest * 1.14)
        axes.set_xlim(-0.6, max(len(rows), 1) - 0.4)
        names = [
            f"≤{bound}" if bound is not None else f">{bounds[place - 1] if place else 0}"
            for place, bound in enumerate(bounds)
        ]
        axes.set_xticks(range(len(rows)), names, rotation=90, fontsize=5.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(texts("seconds_until_human"), labelpad=1)
        return _svg(figure)


def agencies(rows: Sequence[Row], names: Sequence[str], figures: Figures, texts: Texts) -> str:
    """Agencies side by side: how often each was asked and accepted, and how soon (median to the 90th percentile)."""
    places = range(len(rows))
    with matplotlib.rc_context(_STYLE):
        figure, (left, right) = _figure(186, 9 + 3.3 * max(1, len(rows)), columns=2)
        asked = [row["asked"] for row in rows]
        accepted = [row["accepted"] for row in rows]
        most = max(asked, default=0) or 1
        left.barh(places, accepted, height=0.66, color=DARK, label=texts("accepted"))
        left.barh(
            places,
            [all_ - came for all_, came in zip(asked, accepted, strict=True)],
            left=accepted,
            height=0.66,
            color=PAPER,
            edgecolor=DARK,
            linewidth=0.5,
            hatch="////",
            label=texts("not_accepted"),
        )
        for place, (all_, came) in enumerate(zip(asked, accepted, strict=True)):
            share = figures.percent(Decimal(came) * 100 / all_, 0) if all_ else ""
            left.text(
                all_ + most * 0.015,
                place,
                f"{figures.number(came)} / {figures.number(all_)} · {share}",
                va="center",
                fontsize=5.5,
            )
        left.set_xlim(0, most * 1.32)
        left.set_yticks(places, names)
        left.set_xticks([])
        left.spines["bottom"].set_visible(False)
        left.set_title(texts("times_asked"), loc="left", fontsize=6.5)
        _legend(left, 2)
        longest = (
            max((float(row["seconds_p95"]) for row in rows if row["seconds_p95"] is not None), default=1.0)
            or 1.0
        )
        for place, row in enumerate(rows):
            if row["seconds_p50"] is None:
                right.text(0, place, texts("nobody_came"), va="center", fontsize=5.5)
                continue
            p50, p90, p95 = (float(row[name]) for name in ("seconds_p50", "seconds_p90", "seconds_p95"))
            right.plot([p50, p95], [place, place], color=MIDDLE, linewidth=0.8)
            right.plot(p50, place, "o", color=DARK, markersize=3.6)
            right.plot(
                p90, place, "D", color=PAPER, markeredgecolor=DARK, markersize=3.6, markeredgewidth=0.8
            )
            right.plot(p95, place, "|", color=DARK, markersize=5, markeredgewidth=1)
            right.text(
                p95 + longest * 0.035,
                place,
                f"{figures.number(p50, 1)} · {figures.number(p90, 1)} · {figures.number(p95, 1)} s",
                va="center",
                fontsize=5.5,
            )
        right.set_xlim(0, longest * 1.4)
        right.set_yticks([])
        right.set_xticks([])
        right.spines["bottom"].set_visible(False)
        right.set_title(texts("seconds_to_accept"), loc="left", fontsize=6.5)
        right.plot([], [], "o", color=DARK, markersize=3.6, label="P50")
        right.plot(
            [], [], "D", color=PAPER, markeredgecolor=DARK, markersize=3.6, markeredgewidth=0.8, label="P90"
        )
        right.plot([], [], "|", color=DARK, markersize=5, markeredgewidth=1, label="P95")
        _legend(right, 3)
        for axes in (left, right):
            axes.set_ylim(len(rows) - 0.4, -0.6)
        return _svg(figure)


def days(rows: Sequence[Row], figures: Figures, texts: Texts) -> str:
    """Calls presented on each day: answered, and the rest."""
    served = [row["answered"] for row in rows]
    rest = [row["presented"] - row["answered"] for row in rows]
    most = max((row["presented"] for row in rows), default=0) or 1
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(186, 40)
        places = range(len(rows))
        axes.bar(places, served, width=0.78, color=DARK, label=texts("answered"))
        axes.bar(
            places,
            rest,
            width=0.78,
            bottom=served,
            color=PAPER,
            edgecolor=DARK,
            linewidth=0.5,
            hatch="////",
            label=texts("not_answered"),
        )
        for place, row in enumerate(rows):
            axes.text(
                place,
                row["presented"] + most * 0.02,
                figures.number(row["presented"]),
                ha="center",
                fontsize=5,
            )
        axes.set_ylim(0, most * 1.12)
        axes.set_xlim(-0.6, max(len(rows), 1) - 0.4)
        axes.set_xticks(
            places, [f"{figures.weekday(row['day'].weekday())}\n{row['day'].day}" for row in rows], fontsize=5
        )
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _legend(axes, 2)
        return _svg(figure)


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """Millimetres."""
    layout = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01)
    figure = Figure(figsize=(width * _INCHES, height * _INCHES), layout=layout)
    FigureCanvasSVG(figure)
    return figure, figure.subplots(1, columns)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=columns,
        frameon=False,
        fontsize=5.5,
        handlelength=1.3,
        handletextpad=0.5,
        columnspacing=1.2,
        borderaxespad=0.1,
    )


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :]
