"""Certificates for what is tried with TLS: an authority of its own, and a server's certificate for one address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LASTS = timedelta(hours=6)
_SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    **dict.fromkeys(
        [
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"),
            *("encipher_only", "decipher_only"),
        ],
        False,
    ),
)


@dataclass(frozen=True)
class Certificate:
    """PEM files: who vouches (`authority`), what is shown (`shown`), and its key."""

    authority: Path
    shown: Path
    key: Path


class Authority:
    """Vouches for certificates, with its own below `folder`; nobody knows it who is not given that."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.shown = folder / "ca.pem"
        self._name = _name(f"authority of {folder.name}")
        self._key = generate_private_key(SECP256R1())
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        made = (
            _begun(self._name, self._name, self._key, LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(own, critical=False)
            .sign(self._key, SHA256())
        )
        self.shown.write_bytes(made.public_bytes(Encoding.PEM))

    def vouch(self, folder: Path, address: str, lasts: timedelta = LASTS) -> Certificate:
        """A certificate for the IP `address` alone, below `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        made = Certificate(self.shown, folder / "server.pem", folder / "server.key")
        own = generate_private_key(SECP256R1())
        alone = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        shown = (
            _begun(_name(address), self._name, own, lasts)
            .add_extension(alone, critical=False)
            .add_extension(signer, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )
        made.shown.write_bytes(shown.public_bytes(Encoding.PEM))
        made.key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made


def make_certificate(folder: Path, address: str) -> Certificate:
    """A certificate for the IP `address` by an authority that vouches for nothing else."""
    return Authority(folder).vouch(folder, address)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lasts)
    )
