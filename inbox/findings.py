"""What was found in a file, as people and programs read it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from inbox.texts import _, clean, lang, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.errors import Finding, Stop

#: A longer line is cut around what is wrong.
_WIDTH = 120


def lines(finding: Finding) -> list[str]:
    """Return a finding: its place and sentence, the line with a caret, its way, a template's line."""
    f = finding
    said = [clean(f"{f.path}:{f.line}:{f.column}: {f.code}: {f.messages[lang()]}")]
    if f.excerpt and 0 < f.column <= len(f.excerpt) + 1:
        shown, caret = _window(f.excerpt, f.column - 1)
        said += [f"    {shown}", f"    {caret}"]
    if f.way:
        said.append(clean(f"    {_('chemin :')} {way(f.way)}"))
    for place in f.related:
        said.append(clean(f"    {_('gabarit :')} {place.path}:{place.line}:{place.column}"))
        said += [f"        {shown}" for shown in _window(place.excerpt, place.column - 1)]
    return said


def as_json(finding: Finding) -> dict[str, Any]:
    """Return a finding in its documented shape."""
    return {
        "file": finding.path,
        "line": finding.line,
        "column": finding.column,
        "code": finding.code,
        "message": finding.messages[lang()],
        "excerpt": finding.excerpt,
        "way": [
            {"kind": s.kind, "name": s.name, "label": word(s.label), "line": s.line, "column": s.column}
            for s in finding.way
        ],
        "related": [
            {"file": p.path, "line": p.line, "column": p.column, "excerpt": p.excerpt}
            for p in finding.related
        ],
    }  # fmt: skip


def way(stops: Sequence[Stop]) -> str:
    """Return a way in words: actions between quotation marks, states as they are."""
    return " → ".join(
        word(s.label) if s.kind == "state" else _("« {name} »", name=word(s.label)) for s in stops
    )


def _window(line: str, at: int) -> tuple[str, str]:
    """Return what is shown of a line, and the line below it with a caret in the right column."""
    start = max(0, at - _WIDTH // 2) if len(line) > _WIDTH else 0
    end = start + _WIDTH
    before = ("…" if start else "") + clean(line[start:at])
    after = clean(line[at:end]) + ("…" if end < len(line) else "")
    padding = "".join("\t" if c == "\t" else " " * _columns(c) for c in before)
    return before + after, f"{padding}^"


def _columns(character: str) -> int:
    """Return how many columns a terminal gives a character."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
