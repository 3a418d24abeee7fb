"""The file given to `--data`: JSON or YAML, read with the place of whatever cannot be read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from engine.definition.source import MAX_DEPTH, Source, read
from engine.errors import InvalidDefinition
from inbox.errors import InvalidData

if TYPE_CHECKING:
    from pathlib import Path

#: A larger file of values is not a form.
LARGEST = 5_000_000
_YAML = (".yaml", ".yml")
_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_EXPECTED = {
    "Expecting value": (
        "une valeur est attendue ici (un texte va entre guillemets).",
        "a value is expected here (a text goes between quotation marks).",
    ),
    "Expecting property name enclosed in double quotes": (
        "un nom de champ entre guillemets doubles est attendu ici.",
        "a field's name in double quotation marks is expected here.",
    ),
    "Expecting ':' delimiter": ("un deux-points est attendu ici.", "a colon is expected here."),
    "Expecting ',' delimiter": ("une virgule est attendue ici.", "a comma is expected here."),
    "Unterminated string starting at": (
        "le texte qui commence ici n'a pas de guillemet à la fin.",
        "the text that begins here has no quotation mark at its end.",
    ),
    "Invalid control character at": (
        "un caractère de contrôle n'est pas permis dans un texte; une fin de ligne s'écrit \\n.",
        "a control character is not allowed in a text; an end of line is written \\n.",
    ),
    "Extra data": ("il y a quelque chose après la fin.", "there is something after the end."),
}
_UNREADABLE = ("le JSON est illisible ici.", "the JSON cannot be read here.")


def values(path: Path) -> dict[str, Any]:
    """Return the fields and values of a file; raise `InvalidData`, with the place."""
    if path.suffix not in {".json", *_YAML}:
        raise _refused(path, "", 0, "extension",
                       "le nom du fichier doit finir par .json ou .yaml.",
                       "the file's name must end in .json or .yaml.")  # fmt: skip
    text = _text(path)
    tree = _yaml(path, text) if path.suffix in _YAML else _json(path, text)
    if not isinstance(tree, dict):
        raise _refused(path, text, 0, "not-a-mapping",
                       "le fichier doit contenir des champs et leurs valeurs.",
                       "the file must hold fields and their values.")  # fmt: skip
    return tree


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise _refused(path, "", 0, "too-large",
                       "le fichier est trop gros pour un formulaire.",
                       "the file is too large for a form.")  # fmt: skip
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # What stands before is shown; what is not UTF-8 would not be.
        before = content[: error.start].decode("utf-8", errors="replace")
        raise _refused(path, before, len(before), "not-utf8",
                       "le fichier n'est pas en UTF-8; enregistrez-le en UTF-8.",
                       "the file is not in UTF-8; save it as UTF-8.") from error  # fmt: skip


def _yaml(path: Path, text: str) -> Any:
    try:
        return read(text, str(path)).tree
    except InvalidDefinition as error:
        raise InvalidData(path, error.findings) from error


def _json(path: Path, text: str) -> Any:
    _refuse_depth(path, text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fr, en = _EXPECTED.get(error.msg, _UNREADABLE)
        raise _refused(path, text, error.pos, "json", fr, en) from error
    except ValueError as error:  # the language's own limit
        raise _refused(path, text, 0, "json",
                       "un nombre a trop de chiffres.", "a number has too many digits.") from error  # fmt: skip


def _refuse_depth(path: Path, text: str) -> None:
    """Refuse what is nested deeper than any form: the reader would run out of room, without a place."""
    depth = 0
    for mark in _STRINGS_AND_BRACKETS.finditer(text):
        depth += (mark[0] in "[{") - (mark[0] in "]}")
        if depth > MAX_DEPTH:
            raise _refused(path, text, mark.start(), "too-large",
                           "les crochets et accolades sont imbriqués trop profondément.",
                           "brackets and braces are nested too deep.")  # fmt: skip


def _refused(path: Path, text: str, offset: int, code: str, fr: str, en: str) -> InvalidData:
    """Return the error at a place of the text, counted in characters."""
    before = text[:offset]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    source = Source(str(path), text.split("\n"))
    return InvalidData(path, (source.finding_at(code, line, column, fr, en),))
