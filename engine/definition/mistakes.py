"""What the typed model refuses, said at its place in the file, in words; and what is left without it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from engine.definition import leftover
from engine.definition.model import Model
from engine.definition.source import as_name
from engine.errors import Finding, InvalidDefinition
from engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
#: Forms, each known by an example that it takes and those before it do not.
_FORMS = (
    ("Ann.B-2", "un identifiant de connexion comme « ann »", "a login such as 'ann'"),
    ("liste.champ", "un champ, ou « liste.champ », en minuscules sans accent, chiffres et _",
     "a field, or 'list.field', in lower case without accents, digits and _"),
    ("dossier/gabarit", "un nom de gabarit comme « pret/rappel », en minuscules sans accent",
     "the name of a template such as 'pret/rappel', in lower case without accents"),
    ("un_nom", "au plus 48 minuscules sans accent, chiffres et _, une lettre d'abord",
     "at most 48 lower-case letters without accents, digits and _, a letter first"),
    ("3 business days", "une durée comme « 3 business days », « 2 weeks », « 1 month » ou « 6 hours »",
     "a length of time such as '3 business days', '2 weeks', '1 month' or '6 hours'"),
    ("30 days", "une durée comme « 30 days »", "a length of time such as '30 days'"),
    ("08:30", "une heure comme « 08:30 »", "an hour such as '08:30'"),
    ("2026-03-31 09:00", "un instant comme « 2026-03-31 09:00 »", "an instant such as '2026-03-31 09:00'"),
    ("2026-03-31", "une année, un mois ou un jour comme « 2026-03-31 »",
     "a year, a month or a day such as '2026-03-31'"),
    ("2012-2013", "une année financière comme « 2012-2013 »", "a fiscal year such as '2012-2013'"),
    ("E1-A3-O5", "un code comme « E1-A3-O5 »", "a code such as 'E1-A3-O5'"),
    ("DI-2026-0001", "un numéro comme « DI-2026-0001 »", "a number such as 'DI-2026-0001'"),
    ("PR", "une à six capitales", "one to six capitals"),
    ("plan.txt", "le nom d'un fichier .txt ou .md", "the name of a .txt or .md file"),
)  # fmt: skip
_LABELS = {"fr", "en", "label"}
_LIKE_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2})?")
#: Names that one near is looked for are so many at most: it is slow.
_MAX_NEAR = 300
#: So many keys are listed for one that is unknown; more would hide it.
_FEW = 14
_PATTERN = "string_pattern_mismatch"
#: How pydantic ends the place of a mistake in a key.
_OF_KEY = "[key]"


M = TypeVar("M", bound=Model)


def parse(source: Source, kind: type[M]) -> M:
    """Return a source as a typed model; raise `InvalidDefinition` with every mistake.

    Args:
        source: A file read.
        kind: The model of the whole file: a process, a plan.
    """
    made, found = salvage(source, kind)
    if found or made is None:
        raise InvalidDefinition(tuple(found))
    return made


def salvage(
    source: Source, kind: type[M], stand_ins: Mapping[str, Any] = leftover.STAND_INS
) -> tuple[M | None, list[Finding]]:
    """Return what is sound of a source as a typed model, and what the model refuses.

    What is refused is left out of the model and noted in the source as broken; what cannot be left out
    (a label, a role) has something in its place. None when too little is left to go on.

    Args:
        source: A file read.
        kind: The model of the whole file.
        stand_ins: What stands for a part of that language that must be there, by its key.
    """
    try:
        return kind.model_validate(source.tree), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    told = _Mistakes(source, kind)
    found = [f for f in told.findings(details) if not _follows(source, f)]
    found.sort(key=lambda f: (f.line, f.column, f.code))
    refused = [told.path(d["loc"]) for d in details]
    made = leftover.model(source, kind, refused, told.path, stand_ins)
    return made, found


def _follows(source: Source, finding: Finding) -> bool:
    """Tell whether a key is only missing because the file could not be read there."""
    if finding.code not in {"missing-key", "missing-label"}:
        return False
    return source.is_doubtful(finding.where) or source.has_lost(finding.where)


class _Mistakes:
    """Puts what the model refused into words, at its place."""

    def __init__(self, source: Source, kind: type[Model]) -> None:
        self.source = source
        self.kind = kind
        self.keys = _known_keys(kind)
        self._looks = 0
        self._names = {fold(str(key[-1])): str(key[-1]) for key in source.keys}

    def findings(self, details: list[ErrorDetails]) -> list[Finding]:
        """Return one finding for each mistake; the ways in which one value fails are one mistake."""
        wrong: dict[Path, list[ErrorDetails]] = {}
        found: dict[str, Finding] = {}
        for detail in details:
            path = self.path(detail["loc"])
            if detail["type"] in _EXPECTED or detail["type"] == _PATTERN:
                wrong.setdefault(path, []).append(detail)
            else:
                finding = self._finding(path, detail)
                found[str(finding)] = finding
        # Where a part of a value was tried and found wrong inside, that is what was meant.
        inside = (self.path(detail["loc"]) for detail in details)
        deep = {path[:n] for path in inside for n in range(len(path))}
        told = [self._wrong(path, ways) for path, ways in wrong.items() if path not in deep]
        return [*found.values(), *told]

    def _finding(self, path: Path, detail: ErrorDetails) -> Finding:
        kind, name = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
        if kind == "extra_forbidden":
            return self._unknown(path, name)
        if kind == "missing":
            code = "missing-label" if name in _LABELS else "missing-key"
            return self.source.finding(
                code, path[:-1], f"il manque « {name} ».", f"{name!r} is missing.", of_key=True
            )
        if kind == "blank":
            code = "missing-label" if name in _LABELS else "wrong-type"
            return self.source.finding(
                code, path, "ce texte est vide; il faut ici des mots.", "this text is empty; words are needed here."
            )  # fmt: skip
        return self.source.finding(
            "wrong-type", path, "cette valeur n'est pas permise ici.", f"{detail['msg']}."
        )

    def _unknown(self, path: Path, name: str) -> Finding:
        glued = name.partition(":")[0]
        if glued != name and glued in self.keys:
            return self.source.finding("unknown-key", path,
                                       f"« {name} » n'est pas une clé : après « {glued}: », il faut une espace.",
                                       f"{name!r} is not a key: a space is needed after '{glued}:'.",
                                       of_key=True)  # fmt: skip
        fr, en = f"« {name} » n'est pas une clé connue ici", f"{name!r} is not a known key here"
        here = sorted(
            {key for n in _nodes(self.kind, path[:-1]) for key in n.get("properties", {})}
        )
        near = next(iter(get_close_matches(name, here, n=1, cutoff=0.7)), None)
        if near is not None:
            fr, en = f"{fr}; vouliez-vous « {near} »?", f"{en}; did you mean {near!r}?"
        elif 0 < len(here) <= _FEW:
            fr, en = f"{fr}, mais : {', '.join(here)}.", f"{en}, but these are: {', '.join(here)}."
        else:
            fr, en = f"{fr}.", f"{en}."
        return self.source.finding("unknown-key", path, fr, en, of_key=True)

    def _wrong(self, path: Path, ways: list[ErrorDetails]) -> Finding:
        given = str(ways[0].get("input"))[:80]
        pairs = [_expected(d) for d in ways if d["type"] in _EXPECTED]
        misspelt = [d for d in ways if d["type"] == _PATTERN]
        if misspelt:
            of_key = all(d["loc"][-1] == _OF_KEY for d in misspelt)
            # Of the right type but not of the right form: the other types were never meant.
            forms = [_form(d) for d in misspelt]
            fr = " ou ".join(dict.fromkeys(f[0] for f in forms))
            en = " or ".join(dict.fromkeys(f[1] for f in forms))
            meant = self._meant(given, misspelt, of_key=of_key)
            return self.source.finding("bad-form", path,
                                       f"« {given} » n'a pas la forme attendue ici : {fr}"
                                       + (f"; vouliez-vous « {meant} »?" if meant else "."),
                                       f"{given!r} does not have the form that is needed here: {en}"
                                       + (f"; did you mean {meant!r}?" if meant else "."),
                                       of_key=of_key)  # fmt: skip
        if all(d["type"] == "value_error" for d in ways) and _LIKE_A_DAY.fullmatch(given):
            fr, en = f"le {given} n'existe pas", f"there is no {given}"
            if ":" in given:
                fr = f"{fr}; il faut ici un instant comme « 2026-03-31 09:00 »"
                en = f"{en}; this must be an instant such as '2026-03-31 09:00'"
            return self.source.finding("wrong-type", path, f"{fr}.", f"{en}.")
        if path == ("arrimage",):
            return self.source.finding("wrong-type", path,
                                       "« arrimage » est la version de ce langage; il n'y en a qu'une : 1.",
                                       "'arrimage' is the version of this language; there is one only: 1.")  # fmt: skip
        fr = " ou ".join(dict.fromkeys(p[0] for p in pairs))
        en = " or ".join(dict.fromkeys(p[1] for p in pairs))
        return self.source.finding("wrong-type", path, f"il faut ici {fr}.", f"this must be {en}.")

    def _meant(self, given: str, ways: list[ErrorDetails], *, of_key: bool) -> str | None:
        """Return the name of the file that reads like a text, or that text without its accents."""
        plain = as_name(given)
        near = [plain]
        if not of_key and self._looks < _MAX_NEAR:
            self._looks += 1
            near += get_close_matches(plain, self._names, n=3, cutoff=0.8)
        meant = (name for k in near for name in (self._names.get(k, k), k) if name != given)
        forms = [str((d.get("ctx") or {}).get("pattern")) for d in ways]
        fitting = [m for m in meant if any(re.fullmatch(form, m) for form in forms)]
        known = [m for m in fitting if m in self._names.values()]
        return next(iter([*known, *fitting]), None)

    def path(self, loc: tuple[int | str, ...]) -> Path:
        """Return the part of an error's location that stands in the file.

        pydantic adds the names of the alternatives it tried (`list[str]`, `function-…`); they are no
        keys.
        """
        path: Path = ()
        for i, part in enumerate(loc):
            here = (*path, part)
            last = i == len(loc) - 1
            known = here in self.source.values or here in self.source.keys
            if known or (last and part in self.keys):
                path = here
        return path


def _form(detail: ErrorDetails) -> tuple[str, str]:
    """Return the form that a text was to have."""
    pattern = str((detail.get("ctx") or {}).get("pattern"))
    known = (form for form in _FORMS if re.fullmatch(pattern, form[0]))
    _, fr, en = next(known, ("", f"celle de {pattern}", f"that of {pattern}"))
    return fr, en


def _expected(detail: ErrorDetails) -> tuple[str, str]:
    fr, en = _EXPECTED[detail["type"]]
    context: dict[str, Any] = dict(detail.get("ctx") or {})
    if "expected" in context:
        # What is compared with Python's own True is written true.
        said = re.sub(r"\b(True|False)\b", lambda m: m[0].lower(), str(context["expected"]))
        return said.replace(" or ", " ou "), said
    return fr.format(**context), en.format(**context)


@cache
def _schema(kind: type[Model]) -> dict[str, Any]:
    return kind.model_json_schema()


def _nodes(kind: type[Model], path: Path) -> list[dict[str, Any]]:
    """Return what the language says of a place in a file: one schema for each thing that may stand there."""
    nodes = list(_alternatives(kind, _schema(kind)))
    for part in path:
        inner = [found for n in nodes for found in _within(n, part)]
        nodes = [a for n in inner if isinstance(n, dict) for a in _alternatives(kind, n)]
    return nodes


def _within(node: dict[str, Any], part: int | str) -> list[Any]:
    """Return what may stand under a key, or at a place of a list: one schema for each form of its name."""
    if isinstance(part, int):
        return [node.get("items")]
    if part in node.get("properties", {}):
        return [node["properties"][part]]
    return [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]


def _alternatives(kind: type[Model], node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from _alternatives(kind, _schema(kind)["$defs"][node["$ref"].rpartition("/")[2]])
    elif "anyOf" in node:
        for one in node["anyOf"]:
            yield from _alternatives(kind, one)
    else:
        yield node


@cache
def _known_keys(kind: type[Model]) -> frozenset[str]:
    """Return every key of a language."""
    schema = _schema(kind)
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(key for part in parts for key in part.get("properties", {}))
