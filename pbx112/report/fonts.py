"""The page's letters, carried in the page itself: DejaVu, which comes with matplotlib, cut down to what is used."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont

_FACES = (
    ("Report", 400, "DejaVuSans"),
    ("Report", 700, "DejaVuSans-Bold"),
    ("ReportMono", 400, "DejaVuSansMono"),
)


def font_faces(text: str) -> str:
    """CSS that defines the families `Report` and `ReportMono` with the letters of `text`."""
    return "\n".join(
        f"@font-face {{ font-family: {family}; font-weight: {weight}; "
        f"src: url(data:font/woff;base64,{_woff(name, text)}) format('woff') }}"
        for family, weight, name in _FACES
    )


def _woff(name: str, text: str) -> str:
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    with TTFont(file, recalcTimestamp=False) as font:
        options = subset.Options(hinting=False, layout_features=["kern", "tnum"], notdef_outline=True)
        options.drop_tables += ["FFTM"]  # of the editor that made it
        cut = subset.Subsetter(options)
        cut.populate(text=text)
        cut.subset(font)
        font.flavor = "woff"
        out = io.BytesIO()
        font.save(out)
    return base64.b64encode(out.getvalue()).decode()
