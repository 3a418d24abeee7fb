"""The seal of a certificate: a digest of each section, and one Ed25519 signature over all of them.

SHA-256 (FIPS 180-4) over canonical JSON (RFC 8785), Ed25519 (RFC 8032). The signature is over the
canonical JSON of `digests`, so that a checker can say which section is not what was signed.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from engine.chain import canonical, content_hash
from notifications.certificate.document import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "Ed25519"


def seal(document: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return a document with its digests and its signature.

    Args:
        document: As `notifications.certificate.document.document` made it.
        key: The workspace's.
    """
    found = digests(document)
    public = key.public_key().public_bytes_raw()
    signature = {
        "algorithm": ALGORITHM,
        "key": encoded(public),
        "key_sha256": fingerprint(public),
        "value": encoded(key.sign(canonical(found).encode())),
    }
    return {**document, "digests": found, "signature": signature}


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each section that is there."""
    return {k: content_hash(canonical(document[k])) for k in SECTIONS if k in document}


def is_signed(found: Mapping[str, Any], value: bytes, public: bytes) -> bool:
    """Tell whether a signature is that of these digests by this key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(value, canonical(found).encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public: bytes) -> str:
    """Return what names a public key: the SHA-256 of its 32 bytes."""
    return content_hash(public)


def encoded(content: bytes) -> str:
    """Return bytes in base64 (RFC 4648, 4)."""
    return base64.b64encode(content).decode()


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key of a PEM file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no Ed25519 private key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{path.name} is no Ed25519 private key"
        raise ValueError(msg)  # noqa: TRY004 - the file is wrong, not the caller
    return key


def public_key(content: bytes) -> bytes:
    """Return the 32 bytes of a public key in PEM.

    Raises:
        ValueError: It is no Ed25519 public key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(content)
    if not isinstance(key, Ed25519PublicKey):
        msg = "no Ed25519 public key"
        raise ValueError(msg)  # noqa: TRY004 - the file is wrong, not the caller
    return key.public_bytes_raw()
