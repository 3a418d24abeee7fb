"""Who a line is about, hidden: only who knows the salt, the name and the addresses can tell.

The salt is 128 bits drawn for this recipient and this diffusion alone; the recipient has it in its
follow-up message. Without it, trying every name that one can think of leads nowhere.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from engine.chain import canonical, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What is hashed begins with its purpose, so that one hash can never pass for another.
_LINE = "arrimage-line-1"
_CONTENT = "arrimage-content-1"


def commitment(salt: str, name: str, addresses: Iterable[str]) -> str:
    """Return the commitment of a line, in hexadecimal.

    Args:
        salt: Of this recipient, in hexadecimal.
        name: The establishment's; accents may be composed or not, white space does not count.
        addresses: In any order; capitals A–Z do not count.
    """
    tidied = sorted({_address(a) for a in addresses})
    return content_hash(canonical([_LINE, salt.strip().lower(), _name(name), tidied]))


def hidden_content(salt: str, sha256: str) -> str:
    """Return the hash of a recipient's own words, salted: short words could be guessed."""
    return content_hash(canonical([_CONTENT, salt, sha256]))


def _name(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _address(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in _name(text))
