"""One way to fold text for searching, sorting and comparing: no accents, no case, plain marks."""

from __future__ import annotations

import unicodedata

# Marks that Unicode does not decompose, and letters that French and its neighbours tie together.
_PLAIN = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "«": '"', "»": '"',
        "–": "-", "—": "-", "‑": "-", "‐": "-", "−": "-",
        "œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l",
    }
)  # fmt: skip


def fold(text: str) -> str:
    """Return a text as a search sees it: « Cégep de Sept‑Îles » reads `cegep de sept-iles`."""
    if text.isascii():
        return " ".join(text.casefold().split())
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())
