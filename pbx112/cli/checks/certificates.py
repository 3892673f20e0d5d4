"""Until when the certificates hold that Asterisk shows and that we believe: one that has ended ends calls over TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from pbx112.cli.checks.findings import Section
from pbx112.settings import Settings

SOON = timedelta(days=30)
"""So long before its end a certificate is a doubt."""

_NAMED = re.compile(r"^\s*(cert_file|tlscertfile|ca_list_file)\s*=>?\s*(/[^;]*)")


def check_certificates(section: Section, settings: Settings) -> None:
    """Those that the files of Asterisk's folder name, and whom we believe at ARI."""
    for file, (where, shown) in sorted(_named(settings).items()):
        what = f"the certificate {file} ({where})"
        try:
            held = [each.not_valid_after_utc for each in x509.load_pem_x509_certificates(file.read_bytes())]
        except PermissionError:
            remedy = "look as root, or keep its key in a file of its own (priv_key_file) and let group asterisk read it"
            section.doubt(f"{what} cannot be read by this user: nobody sees when it ends", remedy)
            continue
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "is none (PEM)"
            section.wrong(f"{what}: {why}", "name the right file")
            continue
        end = min(held) if shown else max(held)
        remedy = "renew it, then `asterisk -rx 'core reload'`; where that does not take it, restart Asterisk"
        if end <= datetime.now(UTC):
            section.wrong(f"{what} ended on {end:%Y-%m-%d}: who checks it refuses the connection", remedy)
        elif end - datetime.now(UTC) < SOON:
            section.doubt(f"{what} ends on {end:%Y-%m-%d}", remedy)
        else:
            section.right(f"{what} holds until {end:%Y-%m-%d}")


def _named(settings: Settings) -> dict[Path, tuple[str, bool]]:
    """Each file: who names it, and whether it is shown to others: then all of its chain has to hold, else one of those
    who may vouch."""
    found: dict[Path, tuple[str, bool]] = {}
    if settings.ari_ca is not None:
        found[settings.ari_ca] = ("PBX112_ARI_CA", False)
    for file in sorted(settings.dialplan.parent.glob("*.conf")):
        for number, line in enumerate(_lines(file), 1):
            if match := _NAMED.match(line):
                found[Path(match[2].strip())] = (f"{file}:{number}", match[1] != "ca_list_file")
    return found


def _lines(file: Path) -> Iterator[str]:
    try:
        yield from file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
