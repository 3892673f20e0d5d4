"""What stands in the report's tiles and tables, as text in its language. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pbx112.report.figures import NOTHING, Figures
from pbx112.report.month import Month, Row, Value
from pbx112.report.stories import line_shown, wait_story
from pbx112.report.texts import Texts
from pbx112.words import DISPOSITIONS, OUTCOMES, OWNERS, RESULTS, Table, word

_REPEATS = 20
"""Callers who called more than once that are listed."""


class Yardstick(NamedTuple):
    """What others measure a service by: `target` in the KPI's unit (percent at least, seconds at most); None: they
    report it, and set none."""

    text: str
    kpi: str
    unit: str
    target: int | None
    source: str


YARDSTICKS = (
    Yardstick("answered_within", "within_10_pct", "percent", 90, "NFPA 1225"),
    Yardstick("answered_within", "within_15_pct", "percent", 90, "NENA"),
    Yardstick("answered_within", "within_20_pct", "percent", 95, "NENA"),
    Yardstick("mean_then_escalate", "answer_mean", "seconds", 10, "Polri 110"),
    Yardstick("answered_within_eu", "within_10_of_answered_pct", "percent", None, "EU 112"),
    Yardstick("longest_tenth", "answer_longest_tenth", "seconds", None, "EU 112"),
    Yardstick("abandoned_of_presented", "abandoned_pct", "percent", None, "EU 112"),
    Yardstick("false_of_presented", "nuisance_pct", "percent", None, "EU 112"),
)


_DIFFERING = 30
"""Calls that are named of those in which Asterisk's count and the records differ."""


def all_tables(month: Month, form: Figures, texts: Texts) -> dict[str, Any]:
    """Everything, by its name in the page."""
    names = {str(row["owner"]): str(row["name"] or row["owner"]) for row in month.agencies}
    names |= {owner: word(OWNERS, owner, form.language) for owner in OWNERS}
    return {
        "tiles": _tiles(month, form, texts),
        "yardsticks": [_yardstick(each, month, form, texts) for each in YARDSTICKS],
        "waits": [
            {
                "at": form.brief(wait.call["arrived_at"]),
                "waited": form.seconds(wait.call["ring_seconds"]),
                "story": wait_story(wait, {}, form),
            }
            for wait in month.waits
        ],
        "kpis": _kpis(month, form),
        "outcomes": _counts(month, month.outcomes, "outcome", "calls", OUTCOMES, form, texts),
        "results": _counts(
            month, _summed(month.results, "result", "offers"), "result", "offers", RESULTS, form, texts
        ),
        "second_count": _second_count(month, form, texts),
        "dispositions": _counts(month, month.dispositions, "disposition", "calls", DISPOSITIONS, form, texts),
        "agencies": [
            {
                "name": names[str(row["owner"])],
                "key": row["owner"],
                "cells": [
                    form.number(row["asked"]),
                    form.number(row["accepted"]),
                    form.percent(_share(row["accepted"], row["asked"])),
                    *(
                        form.seconds(row[column])
                        for column in (
                            "seconds_mean",
                            "seconds_p50",
                            "seconds_p90",
                            "seconds_p95",
                            "seconds_longest",
                        )
                    ),
                ],
            }
            for row in month.agencies
        ],
        "lines": [
            {
                "owner": names.get(str(row["owner"]), row["owner"]),
                "line": line_shown(str(row["line"])),
                "cells": [
                    *(form.number(row[column]) for column in ("offers", "accepted", "unanswered", "stopped")),
                    *(form.seconds(row[column]) for column in ("accept_mean", "accept_p90")),
                ],
            }
            for row in month.lines
        ],
        "days": _halves(
            [
                {
                    "day": f"{form.weekday(row['day'].weekday())} {row['day'].day}",
                    "cells": [
                        form.number(row[column])
                        for column in ("presented", "answered", "abandoned", "unanswered", "failed")
                    ],
                }
                for row in month.days
            ]
        ),
        "repeats": _repeats(month, form),
    }


def _tiles(month: Month, form: Figures, texts: Texts) -> list[dict[str, Any]]:
    """The six figures that an inspector looks at first."""
    kpi = month.kpi.get
    answered_pct = _share(kpi("answered"), kpi("presented"))
    marked = _less(kpi("presented"), kpi("unmarked"))

    def before(key: str, unit: str) -> str:
        if not month.before:
            return texts("no_month_before")
        return texts("month_before", value=form.value(month.before.get(key), unit))

    def tile(name: str, value: str, *lines: str) -> dict[str, Any]:
        return {"name": texts(name), "value": value, "lines": lines}

    return [
        tile("calls_presented", form.number(kpi("presented")), before("presented", "")),
        tile("answered", form.percent(answered_pct), f"{form.number(kpi('answered'))} {texts('calls').lower()}",
             before("answered", "")),
        tile("within_10", form.percent(kpi("within_10_pct")), texts("of_presented"),
             before("within_10_pct", "percent")),
        tile("mean_answer", form.seconds(kpi("answer_mean")), texts("p90_is", p90=form.seconds(kpi("answer_p90"))),
             before("answer_mean", "seconds")),
        tile("abandoned", form.percent(kpi("abandoned_pct")),
             texts("after_mean", mean=form.seconds(kpi("abandoned_mean"))), before("abandoned_pct", "percent")),
        tile("nuisance", form.percent(kpi("nuisance_pct")),
             texts("of_n_marked", marked=form.number(marked), all=form.number(kpi("presented"))),
             before("nuisance_pct", "percent")),
    ]  # fmt: skip


def _yardstick(each: Yardstick, month: Month, form: Figures, texts: Texts) -> dict[str, str]:
    value = month.kpi.get(each.kpi)
    seconds = each.kpi.split("_")[1] if each.text == "answered_within" else ""
    target, verdict = NOTHING, ""
    if each.target is not None:
        at_least = each.unit == "percent"
        target = (
            f"\N{GREATER-THAN OR EQUAL TO} {form.percent(each.target, 0)}"
            if at_least
            else texts("then_escalate")
        )
        if value is not None:
            met = value >= each.target if at_least else value <= each.target
            mark = "\N{CHECK MARK}" if met else "\N{BALLOT X}"
            verdict = f"{mark} {texts('met' if met else 'missed')}"
    return {
        "name": texts(each.text, seconds=seconds),
        "value": form.value(value, each.unit),
        "target": target,
        "verdict": verdict,
        "source": each.source,
    }


def _kpis(month: Month, form: Figures) -> list[dict[str, str]]:
    """Each figure of the view `kpi_month` with its written definition; one without a definition is shown as well."""
    defined = [each for each in month.definitions if each.key in month.kpi]
    known = {each.key for each in defined}
    rows = [
        {
            "key": each.key,
            "value": form.value(month.kpi[each.key], each.unit),
            "before": form.value(month.before.get(each.key), each.unit),
            "text": each.text(form.language),
            "formula": each.formula,
        }
        for each in defined
    ]
    rows += [
        {
            "key": key,
            "value": form.number(value),
            "before": form.number(month.before.get(key)),
            "text": "",
            "formula": "",
        }
        for key, value in month.kpi.items()
        if key not in known
    ]
    return rows


def _counts(
    month: Month, rows: Iterable[Row], column: str, count: str, words: Table, form: Figures, texts: Texts
) -> dict[str, Any]:
    """A vocabulary with its counts, its definitions, and the sum."""
    defined = {each.key: each.text(form.language) for each in month.definitions}
    listed = sorted(rows, key=lambda row: -row[count])
    total = sum(row[count] for row in listed)
    shown = [
        {
            "name": texts("not_marked")
            if row[column] is None
            else word(words, str(row[column]), form.language),
            "key": row[column] or "",
            "text": defined.get(f"{column}:{row[column]}", ""),
            "count": form.number(row[count]),
            "share": form.percent(_share(row[count], total)),
        }
        for row in listed
    ]
    return {"rows": shown, "total": form.number(total)}


def _summed(rows: Iterable[Row], column: str, count: str) -> list[dict[str, Any]]:
    """Over all agencies."""
    total: dict[str, int] = {}
    for row in rows:
        total[row[column]] = total.get(row[column], 0) + row[count]
    return [{column: key, count: value} for key, value in total.items()]


def _repeats(month: Month, form: Figures) -> dict[str, Any]:
    rows: Sequence[Mapping[str, Any]] = sorted(month.repeat_callers, key=lambda row: -row["calls"])
    shown = [
        {
            "caller": row["caller"],
            "calls": form.number(row["calls"]),
            "nuisance": form.number(row["nuisance"]),
        }
        for row in rows[:_REPEATS]
    ]
    return {"halves": _halves(shown), "shown": form.number(len(shown)), "all": form.number(len(rows))}


def _halves(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Two columns of a long narrow table."""
    half = -(-len(rows) // 2)
    return [rows[:half], rows[half:]] if rows else []


def _share(part: Value, whole: Value) -> Decimal | None:
    return Decimal(part) * 100 / Decimal(whole) if part is not None and whole else None


def _less(whole: Value, part: Value) -> Value:
    return None if whole is None or part is None else whole - part


def _second_count(month: Month, form: Figures, texts: Texts) -> dict[str, Any]:
    """Asterisk's own count beside that of the records, over the days that were reconciled."""
    columns = ("asterisk_calls", "recorded_calls", "agreed", "explained", "differences")
    named = [row for row in month.differing if row["is_difference"]]
    return {
        "cells": [form.number(sum(row[column] for row in month.reconciled)) for column in columns],
        "days": len({row["day"] for row in month.reconciled}),
        "missing": _spans([row["day"] for row in month.not_reconciled]),
        "unreadable": form.number(max((row["unreadable_lines"] for row in month.reconciled), default=0)),
        "differs": bool(named),
        "more": len(named) - _DIFFERING,
        "rows": [
            {
                "call": row["call_id"],
                "kind": texts(f"class_{row['class']}"),
                "key": row["class"],
                "asterisk": _when(row["asterisk_began_at"], form),
                "records": _when(row["arrived_at"], form),
            }
            for row in named[:_DIFFERING]
        ],
        "explained": [
            {"kind": texts(f"class_{kind}"), "key": kind, "calls": form.number(many)}
            for kind, many in sorted(
                Counter(r["class"] for r in month.differing if not r["is_difference"]).items()
            )
        ],
    }


def _when(at: datetime | None, form: Figures) -> str:
    return NOTHING if at is None else form.brief(at)


def _spans(days: Sequence[date]) -> str:
    """Days of the month as people write them: those that follow one another together."""
    spans: list[list[int]] = []
    for day in days:
        if spans and day.day == spans[-1][-1] + 1:
            spans[-1].append(day.day)
        else:
            spans.append([day.day])
    return ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]}{NOTHING}{span[-1]}" for span in spans)
