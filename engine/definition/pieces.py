"""A YAML text that cannot be parsed whole, cut at the keys of its first levels.

One bracket that was not closed then hides nothing but its own entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Entries are cut no deeper than this many keys: `actions`, an action and its form.
DEEPEST = 3

_KEY = re.compile(
    r"""^( *)(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'#&*!|>{\[\]}%@`-][^:#\n]*?))\s*:(?=\s|$)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry: its key, the lines that it takes, and where they begin (0-based)."""

    key: str
    first: int
    column: int
    text: str


def split(text: str) -> list[Piece]:
    """Return the entries at the left margin."""
    return _cut(text.split("\n"), 0, 0)


def inside(piece: Piece) -> list[Piece]:
    """Return the entries right inside one, none when they cannot be told apart."""
    head, *rest = piece.text.split("\n")
    if not re.fullmatch(r".*:\s*(#.*)?", head):
        return []
    indents = [len(line) - len(line.lstrip(" ")) for line in rest if _says(line)]
    if not indents or indents[0] <= piece.column:
        return []
    return _cut(rest, piece.first + 1, indents[0])


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _cut(lines: list[str], first: int, indent: int) -> list[Piece]:
    heads = [(i, m) for i, line in enumerate(lines) if (m := _head(line, indent)) is not None]
    if not heads:
        return []  # a list, or a single value: it has no keys to be cut at
    ends = [i for i, _ in heads[1:]] + [len(lines)]
    return [
        Piece(key=key, first=first + i, column=indent, text="\n".join(lines[i:end]))
        for (i, key), end in zip(heads, ends, strict=True)
    ]


def _head(line: str, indent: int) -> str | None:
    """Return the key of a line that begins an entry at this indent."""
    found = _KEY.match(line)
    if found is None or len(found[1]) != indent:
        return None
    return next(g for g in found.groups()[1:] if g is not None)
