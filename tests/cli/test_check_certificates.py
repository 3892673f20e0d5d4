"""What `pbx112 check` says of certificates before they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pbx112.cli.checks.findings import Item, Level
from pbx112.cli.checks.machine import check_machine
from pbx112.settings import load_settings


def pem(days: float) -> bytes:
    """One that ends so many days from now."""
    key, name = (
        generate_private_key(SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sip.example.org")]),
    )
    end = datetime.now(UTC) + timedelta(days=days)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(end - timedelta(days=90)).not_valid_after(end)
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def said(folder: Path, **more: Path) -> list[Item]:
    settings = load_settings(ari_password="x", dialplan=folder / "pbx112.conf", **more)
    return [item for item in check_machine(settings).items if item.what.startswith("the certificate ")]


@pytest.mark.parametrize(
    ("setting", "days", "level"),
    [
        ("cert_file={} ; ours", (60,), Level.RIGHT),
        ("cert_file={}", (29,), Level.DOUBT),
        ("tlscertfile = {}", (-1,), Level.ERROR),
        ("cert_file={}", (60, 29), Level.DOUBT),
        ("ca_list_file => {}", (29, 60, -400), Level.RIGHT),
        ("ca_list_file={}", (29, -400), Level.DOUBT),
    ],
)
def test_the_end_of_a_certificate_that_asterisks_files_name(
    tmp_path: Path, setting: str, days: tuple[int, ...], level: Level
) -> None:
    """A chain is as good as its first to end; of those who may vouch one is enough."""
    file = tmp_path / "keys" / "pbx112.crt"
    file.parent.mkdir()
    file.write_bytes(b"".join(map(pem, days)))
    (tmp_path / "pjsip.conf").write_text(f"; cert_file=/none\n[tls]\n{setting.format(file)}\n")
    [item] = said(tmp_path)
    assert (item.level, f"{file} ({tmp_path}/pjsip.conf:3)" in item.what) == (level, True)


def test_whom_we_believe_at_ari(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(pem(3))
    [item] = said(tmp_path, ari_ca=file)
    assert item.level is Level.DOUBT and "PBX112_ARI_CA" in item.what


def test_a_file_that_is_not_there_or_holds_none(tmp_path: Path) -> None:
    (tmp_path / "none.crt").write_text("nothing\n")
    (tmp_path / "http.conf").write_text(f"tlscertfile={tmp_path}/gone.crt\ntlscertfile={tmp_path}/none.crt\n")
    gone, none = said(tmp_path)
    assert (gone.level, "No such file" in gone.what) == (Level.ERROR, True)
    assert (none.level, "is none" in none.what) == (Level.ERROR, True)
