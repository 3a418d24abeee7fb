"""A YAML text that cannot be parsed whole, cut at the keys and the items of its first levels.

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


_ITEM = re.compile(r"^( *)-(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry: its key, the lines that it takes, and where they begin (0-based).

    The key of an item of a list is its position; its dash is left out of its text.
    """

    key: str | int
    first: int
    column: int
    text: str


def split(text: str) -> list[Piece]:
    """Return the entries at the left margin."""
    return _cut(text.split("\n"), 0, 0)


def inside(piece: Piece) -> list[Piece]:
    """Return the entries right inside one, none when they cannot be told apart."""
    lines, first = piece.text.split("\n"), piece.first
    if isinstance(piece.key, str):
        if not re.fullmatch(r".*:\s*(#.*)?", lines[0]):
            return []
        lines, first = lines[1:], first + 1
    said = next((line for line in lines if _says(line)), None)
    if said is None:
        return []
    indent = len(said) - len(said.lstrip(" "))
    if _ITEM.match(said) and indent >= piece.column:
        return _items(lines, first, indent)
    return _cut(lines, first, indent) if indent > piece.column else []


def keys(path: tuple[str | int, ...]) -> int:
    """Return how many keys lead to a piece."""
    return sum(isinstance(part, str) for part in path)


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


def _items(lines: list[str], first: int, indent: int) -> list[Piece]:
    heads = [i for i, line in enumerate(lines) if (m := _ITEM.match(line)) and len(m[1]) == indent]
    ends = [*heads[1:], len(lines)]
    bare = [_ITEM.sub(r"\1 ", line) if i in heads else line for i, line in enumerate(lines)]
    return [
        Piece(key=n, first=first + i, column=indent, text="\n".join(bare[i:end]))
        for n, (i, end) in enumerate(zip(heads, ends, strict=True))
    ]


def _head(line: str, indent: int) -> str | None:
    """Return the key of a line that begins an entry at this indent."""
    found = _KEY.match(line)
    if found is None or len(found[1]) != indent:
        return None
    return next(g for g in found.groups()[1:] if g is not None)
