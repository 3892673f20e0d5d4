"""The record of verification (berita acara) for paper: who was called, what came of it, and where people sign."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from pbx112 import __version__
from pbx112.audit.anchor import qr_of
from pbx112.cdr.tested import LineTested, Verification, sha256_of
from pbx112.report.figures import Figures
from pbx112.report.fonts import font_faces
from pbx112.report.page import as_image, grouped
from pbx112.words import OWNERS, TEST_DETAILS, TESTS, Language, word

_FOLDER = Path(__file__).parent

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Record of verification of lines", "Berita acara uji saluran tembusan"),
    "number": ("Number", "Nomor"),
    "tested": ("Tested", "Waktu uji"),
    "verified": ("verified", "terverifikasi"),
    "of_lines": ("of {all} lines", "dari {all} saluran"),
    "agencies": ("agencies with every line verified", "OPD dengan semua saluran terverifikasi"),
    "of_agencies": ("of {all}", "dari {all}"),
    "intro": (
        "Each line below was called by the 112 exchange. Whoever answered heard that this is a test, was asked to "
        "press 1 and then to say a name. Heard: 1 was pressed as asked, so our sound arrives. Sound: a sound came from "
        "the line.",
        "Setiap saluran di bawah ini dihubungi oleh sentral 112. Penerima mendengar bahwa ini uji coba, diminta "
        "menekan 1, lalu menyebutkan nama. Dengar: 1 ditekan sesuai permintaan, jadi suara kami sampai. Suara: "
        "terdengar suara dari saluran itu.",
    ),
    "agency": ("Agency", "Instansi (OPD)"),
    "line": ("Line", "Saluran"),
    "officer": ("Officer on duty", "Petugas siaga"),
    "result": ("Result", "Hasil"),
    "answer": ("Answer", "Diangkat"),
    "key": ("Key 1", "Tombol 1"),
    "heard": ("Heard", "Dengar"),
    "sound": ("Sound", "Suara"),
    "time": ("Time", "Pukul"),
    "signature": ("Agency's signature", "Tanda tangan OPD"),
    "place": ("Place and date", "Tempat, tanggal"),
    "office": ("For the 112 service (Diskominfo)", "Untuk layanan 112 (Diskominfo)"),
    "witness": ("Seen by", "Mengetahui"),
    "name": ("Name and NIP", "Nama dan NIP"),
    "hash": ("SHA-256 of the data", "SHA-256 data"),
    "how": (
        "It is that of the file {file}; `sha256sum` shows it, and `pbx112 verify --check {file}` holds the file "
        "against the records. They stand under run {run} in journal {journal}, entries {first} to {last}, plan {plan}.",
        "Ini SHA-256 berkas {file}; `sha256sum` menampilkannya, dan `pbx112 verify --check {file}` membandingkan "
        "berkas itu dengan catatan. Catatannya ada pada uji {run} dalam jurnal {journal}, entri {first} sampai {last}, "
        "rencana {plan}.",
    ),
}


class Agency(NamedTuple):
    """An agency and its lines' rows."""

    name: str
    rows: list[dict[str, str]]


def render(found: Verification, office: str, zone: tzinfo, language: Language, file: str) -> str:
    """The page; `file` is what the data's file is called. Every text from the records is escaped."""
    form = Figures(language, zone)

    def text(key: str, **values: object) -> str:
        english, indonesian = TEXTS[key]
        return (english if language == "en" else indonesian).format(**values)

    moments = [each.tested_at for each in found.lines] or [datetime.now(UTC)]
    agencies = [
        Agency(_owner(owner, language, rows[0]), [_row(each, form, language) for each in rows])
        for owner, rows in (
            (key, list(group)) for key, group in groupby(found.lines, lambda each: each.owner)
        )
    ]
    whole = sum(all(row["ok"] for row in agency.rows) for agency in agencies)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["grouped"] = grouped
    template = environment.get_template("verified.html.j2")
    digest = sha256_of(found.written())
    seqs = [each.seq for each in found.lines] or [0]
    values: dict[str, Any] = {
        "t": text,
        "language": language,
        "office": office,
        "run": found.run,
        "tested": _span(min(moments), max(moments), form),
        "agencies": agencies,
        "lines": len(found.lines),
        "good": sum(each.result == "verified" for each in found.lines),
        "whole": whole,
        "digest": digest,
        "qr": as_image(qr_of(f"pbx112 {found.run} sha256:{digest}")),
        "how": text(
            "how",
            file=file,
            run=found.run,
            journal=found.journal,
            first=min(seqs),
            last=max(seqs),
            plan=found.plan,
        ),
        "version": __version__,
        "css": Markup((_FOLDER / "verified.css").read_text()),  # noqa: S704 - our own text
    }
    letters = template.render(values, fonts="")
    return template.render(values, fonts=Markup(font_faces(letters)))  # noqa: S704 - our own text


def _owner(owner: str, language: Language, one: LineTested) -> str:
    return one.owner_name or word(OWNERS, owner, language)


def _row(each: LineTested, form: Figures, language: Language) -> dict[str, str]:
    why = f" ({word(TEST_DETAILS, each.detail, language)})" if each.detail else ""
    local = each.tested_at.astimezone(form.zone)
    return {
        "line": each.line,
        "officer": each.officer if each.officer != each.line else "",
        "result": word(TESTS, each.result, language) + why,
        "ok": "1" if each.result == "verified" else "",
        "answer": "" if each.seconds_to_answer is None else form.seconds(each.seconds_to_answer),
        "key": "" if each.seconds_to_accept is None else form.seconds(each.seconds_to_accept),
        "heard": "\N{CHECK MARK}" if each.heard else "\N{EN DASH}",
        "sound": "\N{CHECK MARK}" if each.sound else "\N{EN DASH}",
        "time": f"{local:%H:%M}" if language == "en" else f"{local:%H.%M}",
    }


def _span(first: datetime, last: datetime, form: Figures) -> str:
    zone = form.offset(last)
    if first.astimezone(form.zone).date() == last.astimezone(form.zone).date():
        return f"{form.moment(first)} \N{EN DASH} {form.moment(last).rpartition(', ')[2]} {zone}"
    return f"{form.moment(first)} \N{EN DASH} {form.moment(last)} {zone}"
