"""Hash chains: canonical JSON, and the hash of an event over the one before it.

Used by a case's history and by the journal. SHA-256 (FIPS 180-4) over UTF-8 canonical JSON: keys
sorted, no spaces, no escapes beyond JSON's own. Numbers are integers; decimals are strings.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

#: What the first event of a chain stands on.
GENESIS = "0" * 64


def _encode(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def canonical(value: Any) -> str:
    """Return the one JSON text of a value."""
    return _encode(value).decode()


def event_hash(prev: str, header: tuple[object, ...], body: str) -> str:
    """Return the hash of an event: what came before, its header, and its canonical body."""
    return sha256(b"\n".join((prev.encode(), _encode(header), body.encode()))).hexdigest()


def request_hash(action: str, data: Any, note: str, files: list[str]) -> str:
    """Return the hash of what was asked for, so that a key used again for something else is seen.

    Args:
        action: The action.
        data: The form as typed.
        note: The note.
        files: The hashes of the files.
    """
    asked = orjson.dumps(
        [action, data, note, files],
        option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
        default=str,
    )
    return sha256(asked).hexdigest()


def content_hash(content: bytes | str) -> str:
    """Return the SHA-256 of a content, in hexadecimal."""
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()
