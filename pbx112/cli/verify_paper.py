"""The record of verification (berita acara) of a run: taken from Postgres, put on paper, held against the records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path

import msgspec

from pbx112.cdr.tested import Verification, last_run, read_verification, sha256_of, verification
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.report import write_whole
from pbx112.cli.screen import plain, say, waiting
from pbx112.plan.types import Plan
from pbx112.words import Language

ARRIVES_WITHIN = 20.0
"""Seconds that the results of a run may take to arrive in Postgres."""

LARGEST = 10_000_000
"""Bytes of a file that is checked."""

Painter = Callable[[Verification, str, tzinfo, Language, str], str]


def stored(dsn: str, run: str, lines: int = 0) -> Verification:
    """What the records have of this run (`last`: the one before now), once it is of so many lines. Raises
    :class:`Failed`."""

    async def read() -> Verification | None:
        name = await last_run(dsn) if run == "last" else run
        until = time.monotonic() + (ARRIVES_WITHIN if lines else 0.0)
        while True:
            found = await verification(dsn, name) if name else None
            if time.monotonic() >= until or (found is not None and len(found.lines) >= lines):
                return found
            await asyncio.sleep(0.2)

    try:
        with waiting("reading the records"):
            found = asyncio.run(read())
    except REFUSALS as error:
        raise Failed(explain(error)) from None
    if found is None and not lines:
        which = "no verification" if run == "last" else f"no verification {plain(run)}"
        raise Failed(f"{which} is in Postgres; `pbx112 status` says how far the records are")
    if found is None or len(found.lines) < lines:
        raise Failed(
            f"the results of {plain(run)} are not in Postgres (yet); `pbx112 status` says how far the records are, and "
            f"`pbx112 verify --run {plain(run)} --pdf FILE` writes the paper later"
        )
    return found


def write_paper(pdf: Path, found: Verification, plan: Plan | None, language: Language) -> None:
    """The PDF, and beside it the data (JSON) that its hash covers. Raises :class:`Failed`."""
    render, as_pdf = _painters()
    data = pdf.with_suffix(".json")
    if data == pdf:
        raise Failed(
            f"{pdf}: name the PDF, like berita-acara.pdf; its data are written beside it as .json", code=2
        )
    office = plan.service.name if plan else "112"
    zone: tzinfo = plan.service.timezone if plan else UTC
    with waiting("setting the PDF"):
        paper = as_pdf(render(found, office, zone, language, data.name))
    written = found.written()
    write_whole(data, written)
    write_whole(pdf, paper)
    say(str(pdf))
    say(f"{data}  SHA-256 {sha256_of(written)}")


def check_paper(file: Path, dsn: str) -> None:
    """Hold the data of a paper against the records. Raises :class:`Failed` where they differ."""
    try:
        with file.open("rb") as opened:
            given = opened.read(LARGEST)
    except OSError as error:
        raise Failed(f"{file}: cannot be read ({error.strerror})") from None
    try:
        claimed = read_verification(given)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise Failed(f"{file}: holds no results of `pbx112 verify` ({plain(str(error))})") from None
    say(f"SHA-256 {sha256_of(given)}: compare it with the one on the paper")
    truth = stored(dsn, claimed.run)
    if given == truth.written():
        say(f"{file}: as the records have it, {len(truth.lines)} lines of run {truth.run}", "green")
        return
    known = {(each.owner, each.line): each for each in truth.lines}
    said = {(each.owner, each.line): each for each in claimed.lines}
    differ = [key for key in {**known, **said} if known.get(key) != said.get(key)]
    lines = [f"{file}: {plain(owner)} {plain(line)} is not as the records have it" for owner, line in differ]
    raise Failed(
        *lines or [f"{file}: is not as the records have it (run, journal, node, plan, or its writing)"]
    )


def _painters() -> tuple[Painter, Callable[[str], bytes]]:
    try:
        from pbx112.report.page import as_pdf
        from pbx112.report.verified import render
    except ImportError as error:
        raise Failed(
            f"the paper needs packages that are not there ({error.name}); pip install 'pbx112[report]' into the "
            "environment of pbx112; the results are in the records"
        ) from None
    except OSError:
        raise Failed(
            "the paper needs Pango, which is not there; "
            "apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0; the results are in the records"
        ) from None
    return render, as_pdf
