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

#: What each kind of error of the model expects, in French and English; `{…}` are its parameters.
_EXPECTED = {
    "string_type": ("un texte", "a text"),
    "int_type": ("un nombre entier", "an integer"),
    "bool_type": ("true ou false", "true or false"),
    "list_type": ("une liste", "a list"),
    "dict_type": ("des clés et leurs valeurs", "keys with their values"),
    "model_type": ("des clés et leurs valeurs", "keys with their values"),
    "date_type": ("une date comme 2026-03-31", "a date such as 2026-03-31"),
    "value_error": ("une date comme 2026-03-31", "a date such as 2026-03-31"),
    "literal_error": ("{expected}", "{expected}"),
    "string_too_short": ("un texte d'au moins {min_length} caractère", "a text of at least {min_length} character"),
    "string_too_long": ("un texte d'au plus {max_length} caractères", "a text of at most {max_length} characters"),
    "greater_than_equal": ("au moins {ge}", "at least {ge}"),
    "less_than_equal": ("au plus {le}", "at most {le}"),
}  # fmt: skip
_LABELS = {"fr", "en", "label"}
_PATTERN = "string_pattern_mismatch"


def parse(source: Source) -> model.Definition:
    """Return the typed definition of a source; raise `InvalidDefinition` with every mistake."""
    try:
        return model.parse(source.tree)
    except ValidationError as error:
        findings = _findings(source, error.errors(include_url=False))
        raise InvalidDefinition(
            tuple(sorted(findings, key=lambda f: (f.line, f.column, f.code)))
        ) from error


def _findings(source: Source, details: list[ErrorDetails]) -> list[Finding]:
    """Return one finding for each mistake; the ways in which one value fails are one mistake."""
    wrong: dict[Path, list[ErrorDetails]] = {}
    found: dict[str, Finding] = {}
    for detail in details:
        path = _path(source, detail["loc"])
        if detail["type"] in _EXPECTED or detail["type"] == _PATTERN:
            wrong.setdefault(path, []).append(detail)
        else:
            finding = _finding(source, path, detail)
            found[str(finding)] = finding
    # Where a part of a value was tried and found wrong inside, that is what was meant.
    deep = {path[:n] for path in wrong for n in range(len(path))}
    told = [_wrong(source, path, ways) for path, ways in wrong.items() if path not in deep]
    return [*found.values(), *told]


def _finding(source: Source, path: Path, detail: ErrorDetails) -> Finding:
    kind, name = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        return _unknown(source, path, name)
    if kind == "missing":
        code = "missing-label" if name in _LABELS else "missing-key"
        return source.finding(
            code, path[:-1], f"il manque « {name} ».", f"{name!r} is missing.", of_key=True
        )
    return source.finding(
        "wrong-type", path, "cette valeur n'est pas permise ici.", f"{detail['msg']}."
    )


def _unknown(source: Source, path: Path, name: str) -> Finding:
    near = _near(name)
    fr, en = f"« {name} » n'est pas une clé connue ici", f"{name!r} is not a known key here"
    if near is not None:
        fr, en = f"{fr} ; vouliez-vous « {near} » ?", f"{en}; did you mean {near!r}?"
    return source.finding("unknown-key", path, fr, en, of_key=True)


def _wrong(source: Source, path: Path, ways: list[ErrorDetails]) -> Finding:
    given = str(ways[0].get("input"))[:80]
    pairs = [_expected(d) for d in ways if d["type"] in _EXPECTED]
    misspelt = [d for d in ways if d["type"] == _PATTERN]
    if misspelt:
        # Of the right type but not of the right form: the other types were never meant.
        return source.finding(
            "bad-form", path, f"« {given} » n'a pas la forme attendue ici.",
            f"{given!r} does not have the form that is needed here.",
        )  # fmt: skip
    fr = " ou ".join(dict.fromkeys(p[0] for p in pairs))
    en = " or ".join(dict.fromkeys(p[1] for p in pairs))
    return source.finding("wrong-type", path, f"il faut ici {fr}.", f"this must be {en}.")


def _expected(detail: ErrorDetails) -> tuple[str, str]:
    fr, en = _EXPECTED[detail["type"]]
    context: dict[str, Any] = dict(detail.get("ctx") or {})
    if "expected" in context:
        said = str(context["expected"])
        return said.replace(" or ", " ou "), said
    return fr.format(**context), en.format(**context)


def _path(source: Source, loc: tuple[int | str, ...]) -> Path:
    """Return the part of an error's location that stands in the file.

    pydantic adds the names of the alternatives it tried (`list[str]`, `function-…`); they are no keys.
    """
    path: Path = ()
    for i, part in enumerate(loc):
        here = (*path, part)
        last = i == len(loc) - 1
        if here in source.values or here in source.keys or (last and _is_key(part)):
            path = here
    return path


def _is_key(part: int | str) -> bool:
    """Tell whether the end of a location may be a key (one that is missing) and no alternative."""
    return isinstance(part, str) and part.isidentifier() and part in _known_keys()


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
