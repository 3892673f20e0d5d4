"""The operator's card: what hangs beside the telephone, one A4 page in Indonesian, made from the plan.

Every row has a height of its own in millimetres, told in the page's style, so that it is known here whether all fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pbx112.plan.types import Agency, Incident, Plan

Row = tuple[str, str]
"""Keys, and in a sentence what they do."""

PAGE = 277.0
"""Millimetres of height on A4 (297) within margins of 10."""

HEAD, TITLE, FOOT = 20.0, 9.0, 9.0
HIGHEST, LOWEST = 9.0, 4.6
"""Millimetres: of the head, a section's title, the foot; of a row at most, and at least to be read."""

_STYLE = """\
@page { size: A4 portrait; margin: 10mm }
* { box-sizing: border-box; margin: 0; padding: 0 }
body { font: 3.1mm/1.12 "DejaVu Sans", Arial, sans-serif; color: #000; width: 190mm; margin: 0 auto }
header { height: HEADmm; border-bottom: 0.8mm solid #b00; overflow: hidden }
header h1 { font-size: 7mm } header p { font-size: 3.4mm; margin-top: 1.5mm }
h2 { height: TITLEmm; padding-top: 3mm; font-size: 4mm; overflow: hidden }
.two { display: flex; gap: 6mm; align-items: flex-start } .two > div { width: 92mm }
.row { height: ROWmm; display: flex; align-items: center; border-bottom: 0.2mm solid #999; overflow: hidden }
.row b { flex: none; width: 14mm; font: bold 4mm "DejaVu Sans Mono", monospace }
.row b.keys { width: 26mm; font-size: 3.6mm }
.row i { flex: none; width: 7mm; font: bold 4mm "DejaVu Sans Mono", monospace }
.row span { flex: 1 } .row small { flex: none; width: 30mm; font-size: 2.7mm; text-align: right }
footer { height: FOOTmm; padding-top: 3mm; font-size: 2.7mm; overflow: hidden }
@media screen { body { padding: 10mm; width: 210mm; box-shadow: 0 0 3mm #999 } }
"""

_TELEPHONE: tuple[Row, ...] = (
    ("Angkat", "Menerima: Anda langsung tersambung dengan warga."),
    (
        "Tutup",
        "Menyerahkan; tanpa petugas lain warga kembali ke penerima panggilan.",
    ),
)


_NEIGHBOURS = '<div class="row"><span><strong>Kabupaten tetangga</strong></span></div>'


class TooMuch(Exception):
    """The plan does not fit on one page."""


def render_card(plan: Plan, keys: Sequence[Row] = ()) -> str:
    """The whole page as HTML; it needs nothing from elsewhere. `keys` are the codes that the telephone understands.

    Raises :class:`TooMuch` where the rows would be too low to be read.
    """
    telephone = [*_TELEPHONE, *keys]
    agencies = [_agency(agency) for agency in plan.agencies.values() if agency.kind == "agency"]
    beyond = [_agency(agency) for agency in plan.agencies.values() if agency.kind == "neighbour"]
    if beyond:
        agencies += [_NEIGHBOURS, *beyond]
    incidents = [_incident(incident, plan) for incident in plan.incidents.values()]
    half = -(-len(telephone) // 2)
    height = row_height(half + max(len(agencies), len(incidents)))
    style = _STYLE
    for word, size in (("HEAD", HEAD), ("TITLE", TITLE), ("ROW", height), ("FOOT", FOOT)):
        style = style.replace(f"{word}mm", f"{size:g}mm")
    shown = [_key(*row) for row in telephone]
    name = escape(plan.service.name)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="id"><head><meta charset="utf-8">',
            f"<title>Kartu petugas · {name}</title>",
            f"<style>\n{style}</style></head><body>",
            f"<header><h1>{name}</h1>",
            "<p>Sapa, lalu tanyakan: <b>apa</b> yang terjadi · <b>di mana</b> · <b>siapa</b> yang melapor.</p>"
            "</header>",
            "<h2>Telepon</h2>",
            f'<div class="two">{_column(shown[:half])}{_column(shown[half:])}</div>',
            '<div class="two">',
            f"<div><h2>Instansi (kode)</h2>{_column(agencies)}</div>",
            f"<div><h2>Kejadian → kode instansi</h2>{_column(incidents)}</div>",
            "</div>",
            "<footer>Angka di depan kejadian: kodenya (yang satu angka juga tombol menu warga). "
            "Kode tebal berangkat lebih dulu, yang lain membantu. "
            f"Dibuat dari agencies.yaml {escape(plan.hash)} dengan <code>pbx112 card</code>; "
            "cetak ulang setiap kali rencana berubah.</footer>",
            "</body></html>",
            "",
        ]
    )


def row_height(rows: int) -> float:
    """Millimetres for each of so many rows. Raises :class:`TooMuch`."""
    room = PAGE - HEAD - 2 * TITLE - FOOT
    height = min(HIGHEST, int(room / max(1, rows) * 10) / 10)
    if height < LOWEST:
        raise TooMuch(
            f"{rows} rows do not fit on one page, {int(room / LOWEST)} do: fewer agencies or incidents, or a card of "
            "your own"
        )
    return height


def _column(rows: Sequence[str]) -> str:
    return "<div>\n" + "\n".join(rows) + "\n</div>"


def _key(keys: str, sentence: str) -> str:
    return f'<div class="row"><b class="keys">{escape(keys)}</b><span>{escape(sentence)}</span></div>'


def _agency(agency: Agency) -> str:
    return f'<div class="row"><b>{escape(agency.code)}</b><span>{escape(agency.name)}</span></div>'


def _incident(incident: Incident, plan: Plan) -> str:
    """Who goes first in bold, who supports after it, each by its code."""
    codes = [plan.agencies[key].code for key in incident.support if key in plan.agencies]
    first = plan.agencies[incident.primary].code if incident.primary in plan.agencies else ""
    return (
        f'<div class="row"><i>{escape(incident.code or incident.menu or "·")}</i><span>{escape(incident.name)}</span>'
        f"<small><strong>{escape(first)}</strong> {escape(' '.join(codes))}</small></div>"
    )
