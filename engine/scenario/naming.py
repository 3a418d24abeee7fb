"""What a name means: a key, or the label that people read, in either language."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from engine.folding import fold
from engine.scenario.causes import said_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definition.compiled import CompiledDefinition, Words
    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: What each kind of name is called.
_FRENCH = {
    "process": "le processus", "action": "l'action", "state": "l'état", "field": "le champ",
    "timer": "la minuterie", "message": "l'avis", "person": "la personne", "role": "le rôle",
    "reason": "le motif de refus", "scenario": "plus haut, le scénario",
}  # fmt: skip


class Names:
    """Finds what the names of one file mean, and keeps what is wrong."""

    def __init__(self, read: Source, definitions: Mapping[str, CompiledDefinition]) -> None:
        self.source = read
        self.definitions = definitions
        self.findings: list[Finding] = []
        self.people: list[str] = []

    def find(self, code: str, path: Path, fr: str, en: str, *, of_key: bool = False) -> None:
        """Keep something wrong."""
        self.findings.append(self.source.finding(code, path, fr, en, of_key=of_key))

    def named(
        self, kind: str, typed: str, known: Mapping[str, Words], path: Path, *, of_key: bool = False
    ) -> str:
        """Return the key of what is called so; the words themselves when nothing is."""
        if typed in known:
            return typed
        wanted = fold(typed)
        found = [k for k, label in known.items() if wanted in {fold(k), *said_words([label])}]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(found)
            self.find("ambiguous", path, f"« {typed} » peut désigner plusieurs choses : {listed}.",
                      f"{typed!r} may be {listed}.", of_key=of_key)  # fmt: skip
        else:
            self._unknown(kind, typed, known, path, of_key=of_key)
        return typed

    def _unknown(
        self, kind: str, typed: str, known: Mapping[str, Words], path: Path, *, of_key: bool
    ) -> None:
        words = {fold(text): text for k, label in known.items() for text in (k, *label.values())}
        near = get_close_matches(fold(typed), words, n=1, cutoff=0.6)
        fr, en = f"{_FRENCH[kind]} « {typed} » n'existe pas", f"there is no {kind} {typed!r}"
        if near:
            meant = words[near[0]]
            fr, en = f"{fr} ; vouliez-vous « {meant} » ?", f"{en}; did you mean {meant!r}?"
        self.find(f"unknown-{kind}", path, fr, en, of_key=of_key)

    def _person(self, login: str | None, path: Path) -> None:
        if login is not None:
            self.named("person", login, {p: {} for p in self.people}, path)

    def _of_number(self, number: str, path: Path) -> str | None:
        prefix = number.partition("-")[0]
        found = next((k for k, d in self.definitions.items() if d.prefix == prefix), None)
        if found is None:
            listed = ", ".join(sorted(d.prefix for d in self.definitions.values()))
            self.find("unknown-process", path, f"aucun processus ne numérote ainsi : {listed}.",
                      f"no process numbers its cases so: {listed}.")  # fmt: skip
        return found
