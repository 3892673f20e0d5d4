"""An inspector reads the month: what stands on paper and in a browser is what the database's views say."""

from __future__ import annotations

import random
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner, Result

from lab.browser import Browser
from pbx112.audit.anchor import Head, Statement, parse, qr_svg
from pbx112.cdr.store import connect
from pbx112.cli import app
from pbx112.cli.report import _month as last_month
from pbx112.report import charts
from pbx112.report.ask import ask
from pbx112.report.figures import Figures
from pbx112.report.month import Month
from pbx112.report.page import as_pdf, render
from pbx112.report.texts import TEXTS, Texts
from tests.cdr import arbitrary
from tests.cdr.shipped import ship
from tests.report import november
from tests.report.november import HOSTILE

NOVEMBER = date(2026, 11, 1)
Pbx112 = Callable[..., Result]


@pytest.fixture
def pbx112(november_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pbx112:
    plan = tmp_path / "agencies.yaml"
    plan.write_text((Path(__file__).parent.parent.parent / "agencies.yaml").read_text())
    monkeypatch.setenv("PBX112_AGENCIES", str(plan))
    monkeypatch.setenv("PBX112_DSN", november_dsn)
    monkeypatch.setenv("PBX112_ANCHORS", str(tmp_path / "none.txt"))
    return lambda *arguments: CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture(scope="module")
async def month(november_dsn: str) -> Month:
    connection = await connect(november_dsn, "report")
    try:
        return await ask(connection, NOVEMBER, "Layanan 112 <i>Kaur</i>")
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def pages(month: Month) -> dict[str, str]:
    return {"id": render(month, "id"), "en": render(month, "en")}


def shown(html: str) -> str:
    """What a reader sees: no style, no tags, one blank."""
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", text)


def test_two_files_and_a_line_in_the_access_log(pbx112: Pbx112, tmp_path: Path) -> None:
    result = pbx112("report", "--month", "2026-11", "--out", str(tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    page, paper = (Path(line) for line in result.stdout.split())
    assert paper.read_bytes().startswith(b"%PDF-")
    text = shown(page.read_text())
    assert "Laporan bulanan: November 2026" in text and "80,1 %" in text and "151" in text
    assert "Dinas &lt;b&gt;Pemadam&lt;/b&gt; Kebakaran &amp; Penyelamatan" in page.read_text()
    whole = re.compile(r"\+62813[0-9]{8}|HYPERLINK")
    assert not whole.search(page.read_text()) and HOSTILE not in text


@pytest.mark.parametrize("office", ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"])
def test_without_a_month_it_is_the_last_one_that_is_over_in_the_office(office: str) -> None:
    zone = ZoneInfo(office)
    midnight = datetime(2026, 12, 1, tzinfo=zone)
    assert last_month("", zone, midnight) == date(2026, 11, 1), "in UTC it is still November"
    assert last_month("", zone, midnight - timedelta(seconds=1)) == date(2026, 10, 1)


async def test_who_read_it_is_written_down(november_dsn: str, month: Month) -> None:
    reader = await asyncpg.connect(november_dsn)
    try:
        noted = await reader.fetchrow(
            "SELECT program, what, unmasked FROM pbx112.access_log ORDER BY at DESC LIMIT 1"
        )
    finally:
        await reader.close()
    assert noted is not None and tuple(noted) == ("report", "month 2026-11", False)


async def test_the_month_is_the_offices(month: Month) -> None:
    """One call came an hour before the month began in Jakarta: in October."""
    made = [at for _, at, _ in november.stories() if at >= 0]
    assert month.kpi["presented"] == len(made) == sum(row["presented"] for row in month.hours)
    assert month.before["presented"] == 1
    assert sum(row["calls"] for row in month.answer_times) == month.kpi["answered"]
    assert [wait.rank for wait in month.waits] == list(range(1, 11))
    # 30 days from a Sunday on: five Sundays and Mondays, four of all others
    load = replace(month, made_at=month.ends).weekly_load()
    hours = [sum(row) for row in load]
    assert sum(hours[day] * (5 if day in (6, 0) else 4) for day in range(7)) == pytest.approx(len(made))


async def test_a_day_without_a_call_is_a_day(november_dsn: str, month: Month) -> None:
    days = [row["day"] for row in month.days]
    assert days == [date(2026, 11, number) for number in range(1, len(days) + 1)] and len(days) >= 27
    assert sum(row["presented"] for row in month.days) == month.kpi["presented"]
    connection = await connect(november_dsn, "report")
    try:
        october = await ask(connection, date(2026, 10, 1), "x")
    finally:
        await connection.close()
    assert [row["presented"] for row in october.days] == [0] * 30 + [1]


async def test_a_month_without_a_call_has_its_report(dsn: str, tmp_path: Path) -> None:
    """Between two with calls: an office that was closed, or whose trunk was dead, must be able to show it."""
    told = [
        draft._replace(subject=f"{draft.subject}-{number}")
        for number, since in enumerate((datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)))
        for draft in arbitrary.calls(random.Random(number), 3, since, since + timedelta(days=9))
    ]
    await ship(dsn, tmp_path, told)
    connection = await connect(dsn, "report")
    try:
        april = await ask(connection, date(2026, 4, 1), "x")
    finally:
        await connection.close()
    assert [row["presented"] for row in april.days] == [0] * 30
    assert april.kpi["presented"] == 0
    for language in ("en", "id"):
        assert "2026" in render(april, language)


def test_a_long_wait_is_told(pages: dict[str, str]) -> None:
    text = shown(pages["en"])
    assert (
        "Call takers 1101 no answer; damkar 2101 busy, …001 picked up, not accepted; satpol_pp 2121 caller gone."
        in text
    )
    assert "Penerima panggilan 1101 tidak diangkat; damkar 2101 sibuk" in shown(pages["id"])


def test_every_figure_stands_with_its_definition(month: Month, pages: dict[str, str]) -> None:
    defined = {each.key for each in month.definitions}
    assert set(month.kpi) <= defined
    html = shown(pages["en"])
    for each in month.definitions:
        if each.key in month.kpi:
            assert each.key in html
    assert month.heads and month.heads[0].hash[:8] in html


def test_asterisks_own_count_stands_beside_ours(month: Month, pages: dict[str, str]) -> None:
    """Of three days; each day that is over and was not reconciled is named."""
    today = datetime.now(month.begins.tzinfo).date()
    over = [NOVEMBER.replace(day=day) for day in range(1, 31) if NOVEMBER.replace(day=day) < today]
    named = [day for day in over if day.day not in (1, 2, 4)]
    assert [row["day"] for row in month.not_reconciled] == named
    day = NOVEMBER.replace(day=3)
    three = replace(month, not_reconciled=[{"day": day.replace(day=each)} for each in (3, 5, 6, 7)])
    counted = sum(row["asterisk_calls"] for row in month.reconciled)
    assert len(month.reconciled) == 3 and counted > 3
    text = shown(render(three, "en"))
    assert f"Differ {counted} {counted - 1} {counted - 2} 1 1 3 days of this month were reconciled." in text
    assert "Not reconciled: 3, 5\N{EN DASH}7." in text
    assert "lab-1793550000.7 not in the records not_recorded Mon 2, 01:00" in text
    assert (
        "1 \N{MULTIPLICATION SIGN} staff talked on after the caller" in text
        and "lab-1793550000.9" not in text
    )
    assert "tidak ada dalam catatan" in shown(pages["id"])
    none = shown(render(replace(month, reconciled=[], differing=[]), "en"))
    assert "were reconciled" not in none


def test_the_last_anchor_before_the_months_end_is_printed(
    pbx112: Pbx112, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of November, one of December: the paper has November's, by short code and QR."""
    signed = [
        Statement(
            number, datetime(2026, month, 15, tzinfo=UTC), "kaur", "k", "", (Head("j", 7, "ab" * 32, 1),)
        )
        for number, month in ((1, 11), (2, 12))
    ]
    lines = [f"{b64encode(bytes(64)).decode()} {msgspec.json.encode(each).decode()}" for each in signed]
    (tmp_path / "anchors.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("PBX112_ANCHORS", str(tmp_path / "anchors.txt"))
    result = pbx112("report", "--month", "2026-11", "--lang", "en", "--out", str(tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    html = (tmp_path / "pbx112-2026-11.en.html").read_text()
    november = parse(lines[0])
    assert november.code in html and b64encode(qr_svg(november).encode()).decode() in html
    (tmp_path / "anchors.txt").write_text("damaged\n")
    assert (
        "anchors.txt:1: is no anchor" in pbx112("report", "--month", "2026-11", "--out", str(tmp_path)).stderr
    )


def test_what_an_administrator_gets_wrong(pbx112: Pbx112, tmp_path: Path) -> None:
    missing = pbx112("report", "--month", "2031-01", "--out", str(tmp_path))
    assert (
        missing.exit_code == 1
        and "there are no calls of 2031-01; there are those of: 2026-10 to" in missing.stderr
    )
    assert pbx112("report", "--month", "November").exit_code == 2
    assert "no such folder" in pbx112("report", "--month", "2026-11", "--out", str(tmp_path / "x")).stderr
    assert pbx112("report", "--lang", "fr").exit_code == 2


def test_without_the_extra_it_says_what_to_install(pbx112: Pbx112, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "pbx112.report.page")
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    result = pbx112("report", "--month", "2026-11")
    assert result.exit_code == 1 and "pip install 'pbx112[report]'" in result.stderr


def test_each_text_has_both_languages() -> None:
    for key, (english, indonesian) in TEXTS.items():
        assert english and indonesian, key
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", indonesian)), key


def test_a_pdf_fetches_nothing() -> None:
    html = '<img src="http://127.0.0.1:9/x.png">'
    with pytest.raises(BaseException, match="Error fetching"):
        as_pdf(html)


def test_an_agencys_name_is_no_formula(month: Month) -> None:
    """Between two $ matplotlib reads one, and fails where it is none: there would be no report, each month."""
    form, texts = Figures("id", ZoneInfo("Asia/Jakarta")), Texts("id")
    assert charts.agencies(month.agencies[:1], [r"PLN $\x{$"], form, texts).startswith("<svg")


async def test_seen_in_a_browser(pages: dict[str, str], tmp_path: Path) -> None:
    """No error, no request to elsewhere, every chart drawn, nothing wider than its place; also on a telephone."""
    page = tmp_path / "report.html"
    page.write_text(pages["id"])
    async with Browser(tmp_path / "chromium.log") as browser:
        for width, height in ((1280, 900), (420, 900)):
            await browser.screen(width, height)
            await browser.go(page.as_uri())
            images = await browser.run(
                "Promise.all([...document.images].map(i => i.decode())).then(() =>"
                " [...document.images].map(i => [i.naturalWidth, i.getBoundingClientRect().height]))"
            )
            assert len(images) == 4 and all(wide > 100 and high > 20 for wide, high in images)
            assert await browser.run("document.fonts.check('12px Report')")
            assert await browser.run("document.documentElement.scrollWidth <= innerWidth")
            spilled = await browser.run(
                "[...document.querySelectorAll('.tile, .tile p, h1, h2, .two > div')]"
                ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className + ': ' + e.innerText)"
            )
            assert spilled == []
        assert browser.refused == []
        assert [url[:60] for url in browser.asked if not url.startswith(("data:", "file:", "about:"))] == []


async def test_the_first_page_is_one_page(month: Month) -> None:
    """Also with as much as may stand on it: ten stories of two lines, more agencies than are drawn."""
    import weasyprint

    longest = max(month.waits, key=lambda wait: len(wait.legs))
    full = replace(
        month,
        waits=[
            replace(longest, rank=rank, call={**longest.call, "wait_seconds": 66, "called_back": 2})
            for rank in range(1, 11)
        ],
        agencies=[{**row, "owner": f"opd_{n}"} for n in range(8) for row in month.agencies],
    )
    html = render(full, "id")  # the longer words
    alone = html[: html.index("</section>")] + "</section></main></body></html>"
    assert len(weasyprint.HTML(string=alone).render().pages) == 1
