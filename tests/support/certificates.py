"""Certificates for servers on this machine: a good one, and those that no client may accept.

A client that trusts `Certificate.authority` (in `SSL_CERT_FILE`, or loaded into its context) accepts
`good` alone.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
ELSEWHERE = (x509.DNSName("ailleurs.example.org"),)
KINDS = ("good", "expired", "wrong_name", "self_signed")


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Files in PEM: `chain` is the key, then the certificate; `authority` is whom a client must trust."""

    chain: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """Return what a server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        return context

    def client(self) -> ssl.SSLContext:
        """Return what a client needs to accept a good one, and only that."""
        return ssl.create_default_context(cafile=str(self.authority))


@functools.cache
def made(kind: str = "good") -> Certificate:
    """Return a certificate of a kind: `good`, `expired`, `wrong_name` or `self_signed`."""
    assert kind in KINDS, kind
    folder, authority_key, authority = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    by = key if kind == "self_signed" else authority_key
    days = -1 if kind == "expired" else 30
    issuer = "127.0.0.1" if kind == "self_signed" else authority.subject
    certificate = _signed("127.0.0.1", key, issuer, by, days).add_extension(
        x509.SubjectAlternativeName(ELSEWHERE if kind == "wrong_name" else HERE), critical=False
    )
    certificate = certificate.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
    )
    chain = folder / f"{kind}.pem"
    chain.write_bytes(_pem(key) + _pem(certificate.sign(by, hashes.SHA256())))
    return Certificate(chain=chain, authority=folder / "authority.pem")


@functools.cache
def _authority() -> tuple[Path, ec.EllipticCurvePrivateKey, x509.Certificate]:
    folder = Path(tempfile.mkdtemp(prefix="arrimage-certificates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _signed("Essais", key, "Essais", key, 30)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_SIGNS, critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "authority.pem").write_bytes(_pem(certificate))
    return folder, key, certificate


_SIGNS = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def _signed(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str | x509.Name,
    by: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.CertificateBuilder:
    """Return a certificate of a key, not yet signed, that ends in so many days."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer if isinstance(issuer, x509.Name) else _name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(thing: ec.EllipticCurvePrivateKey | x509.Certificate) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
