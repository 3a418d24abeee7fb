"""Whether names exist, and what was probably meant when they do not."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from engine.definition.source import as_name
from engine.definition.walk import only_one, split_form

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from engine.definition import model
    from engine.definition.source import Path, Source
    from engine.errors import Finding


#: Names for which a near one is looked for in one file; a thousand others make a page nobody reads.
_MAX_NEAR = 300
#: So many names are listed where none is near; more would hide it.
_FEW = 8
#: Where each kind of name is declared.
_SECTIONS = {
    "state": "states", "action": "actions", "role": "roles", "field": "fields", "table": "tables",
    "checklist": "checklists", "notification": "notifications",
}  # fmt: skip


class Names:
    """Finds names that nothing bears in one definition."""

    def __init__(self, definition: model.Definition, source: Source) -> None:
        self.d = definition
        self.source = source
        # What could not be read bears its name all the same.
        self.declared = {
            kind: source.declared(section) - set(getattr(definition, section))
            for kind, section in _SECTIONS.items()
        }
        #: Kinds of which no name is known: where they are declared could not be read.
        self.lost = {kind for kind, section in _SECTIONS.items() if (section,) in source.broken}
        self._told: dict[tuple[str, str], str | None] = {}

    def _find(self, code: str, path: Path, fr: str, en: str, *, of_key: bool = False) -> Finding:
        return self.source.finding(code, path, fr, en, of_key=of_key)

    def _known(
        self, kind: str, name: str | None, known: Collection[str], path: Path
    ) -> Iterator[Finding]:
        if name is None or name in known or name in self.declared.get(kind, ()):
            return
        if kind in self.lost:
            return
        near = self._near(kind, name, known)
        fr = f"{_FRENCH[kind]} « {name} » n'existe pas"
        en = f"there is no {kind} {name!r}"
        if near is not None:
            fr, en = f"{fr}; vouliez-vous « {near} »?", f"{en}; did you mean {near!r}?"
        elif 0 < len(known) <= _FEW:
            listed = ", ".join(sorted(known))
            fr, en = f"{fr}; il y a : {listed}.", f"{en}; there are: {listed}."
        yield self._find(f"unknown-{kind}", path, fr, en)

    def _near(self, kind: str, name: str, known: Collection[str]) -> str | None:
        """Return what was probably meant; looked for a bounded number of times, as it is slow."""
        if (kind, name) not in self._told and len(self._told) < _MAX_NEAR:
            near = get_close_matches(as_name(name), known, n=1, cutoff=0.6)
            self._told[(kind, name)] = near[0] if near else None
        return self._told.get((kind, name))

    def _field_known(self, name: str | None, path: Path) -> Iterator[Finding]:
        """Find a field that does not exist; `list.field` is a field of a record."""
        if name is None or self._spec(name) is not None:
            return
        record, field = split_form(name)
        if record in self.declared["field"]:
            return
        known = self.d.fields if record is None else self.d.fields.get(record)
        inside = known if isinstance(known, dict) else (known.of if known else None) or {}
        yield from self._known("field", field, inside, path)

    def _spec(self, name: str) -> model.FieldSpec | None:
        record, field = split_form(name)
        if record is None:
            return self.d.fields.get(field)
        outer = self.d.fields.get(record)
        return None if outer is None else (outer.of or {}).get(field)

    def _all_known(
        self, kind: str, names: Iterable[str], known: Collection[str], path: Path
    ) -> Iterator[Finding]:
        for i, name in enumerate(names):
            yield from self._known(kind, name, known, (*path, i))

    def _one_key(self, part: model.Model, path: Path) -> Iterator[Finding]:
        if not only_one(part):
            yield self._find("one-key", path, "une seule clé est attendue ici.",
                             "exactly one key is needed here.")  # fmt: skip


_FRENCH = {
    "state": "l'état",
    "action": "l'action",
    "role": "le rôle",
    "field": "le champ",
    "table": "la table",
    "output": "la sortie",
    "checklist": "la liste",
    "notification": "l'avis",
    "option": "l'option",
}
