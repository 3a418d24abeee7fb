"""What the typed model refuses, said at its place in the file, in words."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from engine.definition import model
from engine.errors import Finding, InvalidDefinition

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from engine.definition.source import Path, Source


def parse(source: Source) -> model.Definition:
    """Return the typed definition of a source; raise `InvalidDefinition` with every mistake."""
    try:
        return model.parse(source.tree)
    except ValidationError as error:
        found = {}
        for detail in error.errors(include_url=False):
            finding = _finding(source, detail)
            found[str(finding)] = finding
        raise InvalidDefinition(
            tuple(sorted(found.values(), key=lambda f: (f.line, f.column)))
        ) from error


def _finding(source: Source, detail: ErrorDetails) -> Finding:
    path = _path(source, detail["loc"])
    kind, name = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        near = _near(name)
        fr = f"« {name} » n'est pas une clé connue ici" + (
            f" ; vouliez-vous « {near} » ?" if near else "."
        )
        en = f"{name!r} is not a known key here" + (f"; did you mean {near!r}?" if near else ".")
        return source.finding("unknown-key", path, fr, en, of_key=True)
    if kind == "missing":
        code = "missing-label" if name in {"fr", "en", "label"} else "missing-key"
        return source.finding(
            code, path[:-1], f"il manque « {name} ».", f"{name!r} is missing.", of_key=True
        )
    if "pattern" in kind or kind == "string_pattern_mismatch":
        given = str(detail.get("input"))[:80]
        return source.finding(
            "bad-form", path,
            f"« {given} » n'a pas la forme attendue ici.",
            f"{given!r} does not have the form that is needed here.",
        )  # fmt: skip
    message = detail["msg"].rstrip(".")
    return source.finding(
        "wrong-type", path, f"valeur refusée : {message}.", f"value refused: {message}."
    )


def _path(source: Source, loc: tuple[int | str, ...]) -> Path:
    """Return the part of an error's location that stands in the file.

    pydantic adds the names of the alternatives it tried (`list[str]`, `function-…`); they are no keys.
    """
    path: Path = ()
    for i, part in enumerate(loc):
        here = (*path, part)
        if here in source.values or here in source.keys or i == len(loc) - 1:
            path = here
    return path


def _near(name: str) -> str | None:
    """Return the key of the language that a slip of the hand most likely meant."""
    found = get_close_matches(name, sorted(_known_keys()), n=1, cutoff=0.7)
    return found[0] if found else None


def _known_keys() -> set[str]:
    names: set[str] = set()
    for value in vars(model).values():
        if isinstance(value, type) and issubclass(value, model.Model):
            fields: dict[str, Any] = value.model_fields
            names |= {f.alias or n for n, f in fields.items()}
    return names
